//! Takes out of lists what must not be seen. What is passed on is what the engine wrote, byte for byte: a list is walked
//! once, and only what is left out is cut out of it.

use crate::{
    image_ref::ImageRef,
    listing::{ImageOwner, Reading, UnknownForm, of_image, reading},
    owner,
    view::ImageView,
};
use serde::{Deserialize, de::IgnoredAny};
use std::{collections::BTreeMap, ops::Range};
use wharden_model::{Action, Facts, Resource, ResourceKind};

/// Asks whether one of the things may be seen.
type May<'m> = &'m mut dyn FnMut(&Reading) -> bool;

/// Takes out of a list what must not be seen.
///
/// # Errors
/// [`UnknownForm`]: nothing of the answer may be passed on.
pub fn sift(action: Action, list: &mut Vec<u8>, owner: ImageOwner<'_>, may: May<'_>) -> Result<(), UnknownForm> {
    use ResourceKind as K;
    let mut walk = Walk { bytes: list, at: 0, cuts: Vec::new(), owner };
    match action {
        Action::ContainerList => walk.things(K::Container, may),
        Action::ImageList => walk.things(K::Image, may),
        Action::VolumeList => walk.volumes(may),
        Action::NetworkList => walk.things(K::Network, may),
        Action::ServiceList | Action::TaskList => walk.things(K::Service, may),
        Action::SecretList => walk.things(K::Secret, may),
        Action::ConfigList => walk.things(K::Config, may),
        Action::NodeList => walk.things(K::Node, may),
        Action::PluginList => walk.things(K::Plugin, may),
        Action::SystemDf => walk.disk_usage(may),
        _ => Err(UnknownForm),
    }?;
    if walk.peek().is_some() {
        return Err(UnknownForm);
    }
    let cuts = walk.cuts;
    cut(list, &cuts);
    Ok(())
}

/// Takes these parts out, which are in order and apart from each other.
fn cut(bytes: &mut Vec<u8>, cuts: &[Range<usize>]) {
    let Some(first) = cuts.first() else { return };
    let mut end = first.start;
    let next = cuts.iter().skip(1).map(|cut| cut.start).chain([bytes.len()]);
    for (cut, until) in cuts.iter().zip(next) {
        bytes.copy_within(cut.end..until, end);
        end += until - cut.end;
    }
    bytes.truncate(end);
}

/// A JSON document on the way from its beginning to its end.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    cuts: Vec<Range<usize>>,
    owner: ImageOwner<'b>,
}

impl<'b> Walk<'b> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.bytes.get(self.at).copied()
    }

    /// Goes past this byte, if it is the next.
    fn pass(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn value<T: Deserialize<'b>>(&mut self) -> Result<T, UnknownForm> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        let value = values.next().and_then(Result::ok).ok_or(UnknownForm)?;
        self.at += values.byte_offset();
        Ok(value)
    }

    /// An object; `each` goes past the value of the field that it is told.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<(), UnknownForm>) -> Result<(), UnknownForm> {
        if !self.pass(b'{') {
            return Err(UnknownForm);
        }
        if self.pass(b'}') {
            return Ok(());
        }
        loop {
            let name: String = self.value()?;
            if !self.pass(b':') {
                return Err(UnknownForm);
            }
            each(self, &name)?;
            if self.pass(b'}') {
                return Ok(());
            }
            if !self.pass(b',') {
                return Err(UnknownForm);
            }
        }
    }

    /// A list of things, or `null`.
    fn things(&mut self, kind: ResourceKind, may: May<'_>) -> Result<(), UnknownForm> {
        if self.peek() == Some(b'n') {
            return self.value();
        }
        if !self.pass(b'[') {
            return Err(UnknownForm);
        }
        if self.pass(b']') {
            return Ok(());
        }
        // Of two things the second goes with the comma before it; as long as none is kept, with the one after it.
        let (mut kept, mut comma) = (false, self.at);
        loop {
            self.peek();
            let start = self.at;
            let item: Item = self.value()?;
            let end = self.at;
            let more = self.pass(b',');
            match (may(&item.reading(kind, self.owner)?), kept) {
                (true, _) => kept = true,
                (false, true) => self.cuts.push(comma..end),
                (false, false) => self.cuts.push(start..if more { self.at } else { end }),
            }
            if !more {
                return if self.pass(b']') { Ok(()) } else { Err(UnknownForm) };
            }
            comma = self.at - 1;
        }
    }

    fn volumes(&mut self, may: May<'_>) -> Result<(), UnknownForm> {
        let mut found = false;
        self.fields(|walk, name| {
            found |= name == "Volumes";
            if name == "Volumes" {
                walk.things(ResourceKind::Volume, may)
            } else {
                walk.value().map(|_: IgnoredAny| ())
            }
        })?;
        if found { Ok(()) } else { Err(UnknownForm) }
    }

    /// The lists in `GET /system/df`: one of each kind up to API 1.51, from 1.52 on one inside of each kind's summary.
    /// What the build cache holds belongs to nobody.
    fn disk_usage(&mut self, may: May<'_>) -> Result<(), UnknownForm> {
        self.fields(|walk, name| match name {
            "Containers" => walk.things(ResourceKind::Container, may),
            "Images" => walk.things(ResourceKind::Image, may),
            "Volumes" => walk.things(ResourceKind::Volume, may),
            "ContainerUsage" => walk.summary(ResourceKind::Container, may),
            "ImageUsage" => walk.summary(ResourceKind::Image, may),
            "VolumeUsage" => walk.summary(ResourceKind::Volume, may),
            "LayersSize" | "BuilderSize" | "BuildCache" | "BuildCacheUsage" => walk.value().map(|_: IgnoredAny| ()),
            _ => Err(UnknownForm),
        })
    }

    fn summary(&mut self, kind: ResourceKind, may: May<'_>) -> Result<(), UnknownForm> {
        if self.peek() == Some(b'n') {
            return self.value();
        }
        self.fields(
            |walk, name| {
                if name == "Items" { walk.things(kind, may) } else { walk.value().map(|_: IgnoredAny| ()) }
            },
        )
    }
}

/// What is read of one of the things. Each kind has some of this; the engine writes no field twice.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Item {
    id: Option<String>,
    #[serde(rename = "ID")]
    swarm_id: Option<String>,
    name: Option<String>,
    names: Option<Vec<String>>,
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    #[serde(rename = "ServiceID")]
    service_id: Option<String>,
    spec: Option<Spec>,
    description: Option<Description>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Spec {
    name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    container_spec: Option<Box<Spec>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Description {
    hostname: Option<String>,
}

impl Item {
    /// What it would be to read the thing.
    fn reading(self, kind: ResourceKind, owner: ImageOwner<'_>) -> Result<Reading, UnknownForm> {
        let needed = |id: Option<String>| id.filter(|id| !id.is_empty()).ok_or(UnknownForm);
        let (name, labels) = (self.name.unwrap_or_default(), self.labels.unwrap_or_default());
        Ok(match kind {
            ResourceKind::Container => {
                let name = self.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
                let image = self.image.unwrap_or_default();
                let image = ImageRef::parse(&image).map_or(image, |r| r.to_string());
                let thing = thing(kind, needed(self.id)?, name.unwrap_or_default(), labels);
                reading(kind, Resource { image, ..thing })
            }
            ResourceKind::Image => {
                let id = needed(self.id)?;
                of_image(&ImageView {
                    owner: owner(&id),
                    id,
                    tags: named(self.repo_tags),
                    digests: named(self.repo_digests),
                    user: String::new(),
                    volumes: Vec::new(),
                    labels,
                })
            }
            ResourceKind::Volume => {
                let name = needed(Some(name))?;
                reading(kind, thing(kind, name.clone(), name, labels))
            }
            ResourceKind::Network => reading(kind, thing(kind, needed(self.id)?, name, labels)),
            ResourceKind::Plugin => reading(kind, thing(kind, name.clone(), name, BTreeMap::new())),
            // A task is read as a part of its service, with the labels that it got from it.
            ResourceKind::Service if self.service_id.is_some() => {
                let labels = self.spec.and_then(|spec| spec.container_spec?.labels).unwrap_or_default();
                let task = thing(kind, needed(self.service_id)?, name, labels);
                Reading { action: Action::ServiceInspect, resource: task, facts: Facts::zero(Action::ServiceInspect) }
            }
            _ => {
                let spec = self.spec.unwrap_or_default();
                let hostname = self.description.and_then(|description| description.hostname);
                let name = spec.name.filter(|name| !name.is_empty()).or(hostname).unwrap_or_default();
                reading(kind, thing(kind, needed(self.swarm_id)?, name, spec.labels.unwrap_or_default()))
            }
        })
    }
}

/// A thing that exists and is no image; its owner is the one that its labels name.
fn thing(kind: ResourceKind, id: String, name: String, labels: BTreeMap<String, String>) -> Resource {
    Resource { kind, id, name, image: String::new(), owner: owner::of(&labels), labels }
}

/// Untagged images are called `<none>:<none>`.
fn named(references: Option<Vec<String>>) -> Vec<String> {
    references.into_iter().flatten().filter(|name| !name.starts_with("<none>")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn maker(image: &str) -> String {
        if image == "mine" { "alice".to_owned() } else { String::new() }
    }

    /// With white space, as nobody writes it, so that every place where some may be has some.
    fn sifted(action: Action, body: &Value, may: May<'_>) -> Result<Value, UnknownForm> {
        let mut bytes = serde_json::to_vec_pretty(body).expect("JSON");
        let mut dense = serde_json::to_vec(body).expect("JSON");
        sift(action, &mut bytes, &maker, may)?;
        sift(action, &mut dense, &maker, may)?;
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON is left");
        assert_eq!(read(&bytes), read(&dense));
        assert_eq!(dense, serde_json::to_vec(&read(&dense)).expect("JSON"), "no byte more than is needed");
        Ok(read(&bytes))
    }

    fn names(action: Action, body: &Value, allowed: &[&str]) -> Value {
        sifted(action, body, &mut |reading| allowed.contains(&reading.resource.owner.as_str())).expect("known form")
    }

    #[test]
    fn lists_keep_what_may_be_read() {
        let mine = json!({"io.wharden.owner": "alice"});
        let theirs = json!({"io.wharden.owner": "bob"});
        let container = |id: &str, labels: &Value| json!({"Id": id, "Names": ["/n"], "Image": "app", "Labels": labels});
        let list = json!([container("1", &mine), container("2", &theirs), container("3", &Value::Null)]);
        assert_eq!(names(Action::ContainerList, &list, &["alice"]), json!([container("1", &mine)]));
        let volume = |name: &str, labels: &Value| json!({"Name": name, "Labels": labels});
        let list = json!({"Volumes": [volume("a", &theirs), volume("b", &mine)], "Warnings": null});
        let kept = json!({"Volumes": [volume("b", &mine)], "Warnings": null});
        assert_eq!(names(Action::VolumeList, &list, &["alice"]), kept);
        assert_eq!(names(Action::VolumeList, &json!({"Volumes": null}), &[]), json!({"Volumes": null}));
        let df = json!({"LayersSize": 1, "Containers": [container("1", &theirs)], "Volumes": [volume("b", &mine)],
            "Images": null, "BuildCache": [], "ImageUsage": {"Items": [{"Id": "labelled", "Labels": mine}, {"Id": "mine"}]}});
        let kept = json!({"LayersSize": 1, "Containers": [], "Volumes": [volume("b", &mine)],
            "Images": null, "BuildCache": [], "ImageUsage": {"Items": [{"Id": "mine"}]}});
        assert_eq!(names(Action::SystemDf, &df, &["alice"]), kept);
        let service = |labels: &Value| json!({"ID": "s", "Spec": {"Name": "web", "Labels": labels}});
        let list = json!([service(&mine), service(&theirs)]);
        assert_eq!(names(Action::ServiceList, &list, &["bob"]), json!([service(&theirs)]));
    }

    #[test]
    fn what_has_another_form_is_not_passed_on() {
        for (action, body) in [
            (Action::ContainerList, json!({"Containers": []})),
            (Action::ContainerList, json!([{"Names": ["/no-id"]}])),
            (Action::VolumeList, json!([])),
            (Action::SystemDf, json!({"Surprise": []})),
            (Action::NetworkList, json!("x")),
            (Action::SystemInfo, json!({})),
        ] {
            assert_eq!(sifted(action, &body, &mut |_| true), Err(UnknownForm), "{body}");
        }
        for text in
            ["", "[", "[{\"Id\":\"1\"}", "[{\"Id\":\"1\"},]", "[]]", "[] x", "{\"Volumes\":[]", "{\"Volumes\" []}"]
        {
            let action = if text.starts_with('{') { Action::VolumeList } else { Action::ContainerList };
            let mut bytes = text.as_bytes().to_vec();
            assert_eq!(sift(action, &mut bytes, &maker, &mut |_| false), Err(UnknownForm), "{text}");
            assert_eq!(bytes, text.as_bytes(), "nothing was taken out of what is not known");
        }
    }

    #[test]
    fn images_are_read_by_their_names() {
        let mut seen = Vec::new();
        let list = json!([{"Id": "sha256:1", "RepoTags": ["reg.example/a:1", "b:2"], "Labels": null},
            {"Id": "sha256:2", "RepoTags": ["<none>:<none>"]}]);
        let mut look = |reading: &Reading| {
            seen.push((reading.resource.name.clone(), reading.facts.get("image").cloned()));
            true
        };
        let mut bytes = serde_json::to_vec(&list).expect("JSON");
        sift(Action::ImageList, &mut bytes, &maker, &mut look).expect("known form");
        let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["reg.example/a:1", "sha256:2"]);
        assert_eq!(seen[0].1, Some("reg.example/a:1".into()));
    }

    #[test]
    fn whatever_is_left_out_the_rest_is_as_the_engine_wrote_it() {
        let things = ["a", "b", "c", "d"];
        let item = |name: &str| format!("{{\"Id\": \"{name}\" ,\"Size\":1.50e3,\"Mark\":\"\\u003c,]}}\"}}");
        let text =
            |names: &[&str]| format!("[{}]\n", names.iter().map(|name| item(name)).collect::<Vec<_>>().join(","));
        for shown in 0..1_usize << things.len() {
            let left: Vec<_> = (0..things.len()).filter(|n| shown >> n & 1 == 1).map(|n| things[n]).collect();
            let mut bytes = text(&things).into_bytes();
            sift(Action::NetworkList, &mut bytes, &maker, &mut |r| left.contains(&r.resource.id.as_str()))
                .expect("known form");
            assert_eq!(String::from_utf8(bytes).expect("text"), text(&left));
        }
    }
}
