//! Volumes that come into being with a container get its maker as their owner. Only a mount can say so: what a bind or the
//! image asks for becomes a mount that means the same, and the Engine mounts nothing twice.

use crate::{
    canonical::Canonical,
    doc::Doc,
    facts::wanted_mounts,
    mounts::{Mount, NO_COPY, split_volumes_from},
    owner,
    paths::clean,
    resolve::Resolved,
    view::{ObjectView, View},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::Action;

/// The volumes that a request mounts in a container to be or in tasks, makes or removes, by name.
pub fn named(canonical: &Canonical) -> Vec<String> {
    let doc = canonical.doc();
    match canonical.action() {
        Action::ContainerCreate => of_mounts(wanted_mounts(doc.at("HostConfig"))).collect(),
        Action::ServiceCreate | Action::ServiceUpdate => {
            of_mounts(doc.at("TaskTemplate").at("ContainerSpec").items("Mounts").map(Mount::of_mount)).collect()
        }
        Action::VolumeDelete => canonical.route.captures.first().into_iter().cloned().collect(),
        Action::VolumeCreate => Vec::from_iter(Some(doc.text("Name").to_owned()).filter(|name| !name.is_empty())),
        _ => Vec::new(),
    }
}

fn of_mounts(mounts: impl IntoIterator<Item = Mount>) -> impl Iterator<Item = String> {
    mounts.into_iter().filter_map(|mount| mount.volume().map(str::to_owned))
}

/// The volumes that tasks of services mount by name, and whose the services are.
#[derive(Debug, Default)]
pub struct ServiceVolumes {
    /// Of the services, by their ids.
    owners: BTreeMap<String, String>,
    volumes: BTreeMap<String, BTreeSet<String>>,
}

impl ServiceVolumes {
    /// Counts what a service mounts now, or when it goes back to what it was: one of `GET /services`.
    pub fn service(&mut self, json: &Value) {
        let Some(service) = ObjectView::from_inspect(json) else { return };
        let owner = service.owner();
        for spec in ["Spec", "PreviousSpec"] {
            self.add(Doc::new(Some(json)).at(spec).at("TaskTemplate"), &owner);
        }
        self.owners.insert(service.id, owner);
    }

    /// Counts what a task mounts that is not over, whatever its service has become since: one of `GET /tasks`.
    pub fn task(&mut self, json: &Value) {
        let task = Doc::new(Some(json));
        let over = ["complete", "shutdown", "failed", "rejected", "remove", "orphaned"];
        if !over.contains(&task.at("Status").text("State")) {
            let owner = self.owners.get(task.text("ServiceID")).cloned().unwrap_or_default();
            self.add(task.at("Spec"), &owner);
        }
    }

    fn add(&mut self, task: Doc<'_>, owner: &str) {
        for name in of_mounts(task.at("ContainerSpec").items("Mounts").map(Mount::of_mount)) {
            self.volumes.entry(name).or_default().insert(owner.to_owned());
        }
    }

    /// All of them, by name.
    pub fn named(self) -> BTreeMap<String, BTreeSet<String>> {
        self.volumes
    }
}

/// Has the Engine copy nothing of the image into volumes that another container has: it would do that as root, while what runs
/// in the other one may put links in the way.
pub fn keep_as_they_are(body: &mut Value, view: &View) {
    let used = |name: &str| view.used_volumes.contains(name);
    for bind in body.pointer_mut("/HostConfig/Binds").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::String(text) = bind else { continue };
        let mount = Mount::of_bind(text, "");
        if mount.volume().is_some_and(used) && !mount.options.contains(NO_COPY) {
            text.push(if text.splitn(3, ':').count() == 3 { ',' } else { ':' });
            text.push_str(NO_COPY);
        }
    }
    for mount in body.pointer_mut("/HostConfig/Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        if !Mount::of_mount(Doc::new(Some(mount))).volume().is_some_and(used) {
            continue;
        }
        let Value::Object(fields) = mount else { continue };
        let options = fields.entry("VolumeOptions").or_insert(Value::Null);
        if options.is_null() {
            *options = json!({});
        }
        options["NoCopy"] = json!(true);
    }
}

/// Whether the Engine would do that, as the body stands.
pub fn copies_into_used(body: &Value, view: &View) -> bool {
    let mut kept = body.clone();
    keep_as_they_are(&mut kept, view);
    kept != *body
}

/// Makes the mounts. Volumes with options that only binds have, and those of an image below a tmpfs, stay as they are.
pub fn own(body: &mut Value, resolved: &Resolved<'_>, view: &View) {
    let doc = Doc::new(Some(&*body));
    let driver = doc.at("HostConfig").text("VolumeDriver").to_owned();
    let unnamed = unnamed(doc, resolved, view);
    let mut made = of_binds(body, view, &driver, resolved.maker());
    made.extend(unnamed.iter().map(|target| mount("", target, &driver, resolved.maker())));
    let Value::Object(fields) = body else { return };
    if made.is_empty() {
        return;
    }
    if let Value::Object(host) = fields.entry("HostConfig").or_insert_with(|| Value::Object(Map::new())) {
        let mounts = host.entry("Mounts").or_insert(Value::Null);
        if mounts.is_null() {
            *mounts = Value::Array(Vec::new());
        }
        if let Value::Array(mounts) = mounts {
            mounts.extend(made);
        }
    }
}

fn mount(name: &str, target: &str, driver: &str, maker: &str) -> Value {
    let mut options = json!({ "Labels": { owner::LABEL: maker } });
    if !driver.is_empty() {
        options["DriverConfig"] = json!({ "Name": driver });
    }
    let mut mount = json!({ "Type": "volume", "Target": target, "VolumeOptions": options });
    if !name.is_empty() {
        mount["Source"] = json!(name);
    }
    mount
}

/// Takes binds of volumes that do not exist yet, or have no name, out of the list, and gives the mounts for them.
fn of_binds(body: &mut Value, view: &View, driver: &str, maker: &str) -> Vec<Value> {
    let mut made = Vec::new();
    let Some(binds) = body.pointer_mut("/HostConfig/Binds").and_then(Value::as_array_mut) else { return made };
    binds.retain(|bind| {
        let bind = Mount::of_bind(bind.as_str().unwrap_or_default(), driver);
        let plain = bind.propagation.is_empty() && bind.options.iter().all(|option| option == NO_COPY);
        if bind.kind != "volume" || !plain || view.volumes.contains_key(&bind.source) || !bind.target.starts_with('/') {
            return true;
        }
        let mut mount = mount(&bind.source, &bind.target, driver, maker);
        if bind.read_only {
            mount["ReadOnly"] = json!(true);
        }
        if bind.options.contains(NO_COPY) {
            mount["VolumeOptions"]["NoCopy"] = json!(true);
        }
        made.push(mount);
        false
    });
    made
}

/// Places for which the Engine will make a volume without a name, because the request or the image says so and nothing else
/// is mounted there.
fn unnamed(body: Doc<'_>, resolved: &Resolved<'_>, view: &View) -> BTreeSet<String> {
    let host = body.at("HostConfig");
    let of_image = resolved.image.into_iter().flat_map(|image| image.volumes.iter().map(String::as_str));
    let asked = body.members("Volumes").map(|(target, _)| target).chain(of_image);
    let mut out: BTreeSet<String> = asked.filter(|target| target.starts_with('/')).map(clean).collect();
    // Not to be had by a mount: the Engine says what is wrong with it.
    out.remove("/");
    for bind in host.texts("Binds") {
        out.remove(&clean(&Mount::of_bind(bind, "").target));
    }
    for mount in host.items("Mounts") {
        out.remove(&clean(mount.text("Target")));
    }
    for (target, _) in host.members("Tmpfs") {
        out.remove(&clean(target));
    }
    for from in host.texts("VolumesFrom") {
        let Some(container) = view.containers.get(split_volumes_from(from).0) else { continue };
        for mount in &container.mounts {
            out.remove(&clean(&mount.destination));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{ContainerView, ImageView, MountView, VolumeView};
    use wharden_model::{Resource, ResourceKind};

    fn owned(mut body: Value, image: &ImageView, view: &View) -> Value {
        let resource = Resource {
            kind: ResourceKind::Container,
            id: "new".into(),
            name: String::new(),
            image: String::new(),
            owner: "alice".into(),
            labels: Default::default(),
        };
        let (resources, captures) = (vec![resource], Vec::new());
        own(
            &mut body,
            &Resolved { resources, captures, query: None, container: None, image: Some(image), network: None },
            view,
        );
        body
    }

    #[test]
    fn new_volumes_of_binds_get_an_owner_and_the_rest_stays() {
        let mut view = View::default();
        view.volumes.insert("old".to_owned(), VolumeView::default());
        let host = json!({"VolumeDriver": "local",
            "Binds": ["old:/a", "new:/b:ro,nocopy", "labelled:/c:Z", "/srv:/d", "/unnamed"]});
        let body = owned(json!({ "HostConfig": host }), &ImageView::default(), &view);
        assert_eq!(body["HostConfig"]["Binds"], json!(["old:/a", "labelled:/c:Z", "/srv:/d"]));
        let labels = json!({owner::LABEL: "alice"});
        assert_eq!(
            body["HostConfig"]["Mounts"],
            json!([
                {"Type": "volume", "Source": "new", "Target": "/b", "ReadOnly": true,
                    "VolumeOptions": {"Labels": labels, "DriverConfig": {"Name": "local"}, "NoCopy": true}},
                {"Type": "volume", "Target": "/unnamed",
                    "VolumeOptions": {"Labels": labels, "DriverConfig": {"Name": "local"}}},
            ])
        );
        let none = json!({"HostConfig": {"Binds": ["/srv:/d"]}});
        assert_eq!(owned(none.clone(), &ImageView::default(), &view), none);
    }

    #[test]
    fn into_volumes_that_a_container_has_nothing_is_copied() {
        let view = View { used_volumes: ["used".to_owned()].into(), ..View::default() };
        let volume = |source: &str, more: Value| json!({"Type": "volume", "Source": source, "Target": "/m", "VolumeOptions": more});
        let fits = |host: Value| !copies_into_used(&json!({ "HostConfig": host }), &view);
        assert!(!fits(json!({"Binds": ["used:/a:ro"]})) && !fits(json!({"Mounts": [volume("used", json!({}))]})));
        assert!(fits(json!({"Binds": ["used:/c:nocopy", "free:/d", "/used:/e"]})) && fits(Value::Null));
        assert!(fits(json!({"Mounts": [volume("used", json!({"NoCopy": true})), volume("free", Value::Null)]})));
        let mut body = json!({"HostConfig": {
            "Binds": ["used:/a", "used:/b:ro", "used:/c:nocopy", "free:/d", "/used:/e"],
            "Mounts": [volume("used", Value::Null), volume("used", json!({"NoCopy": false, "Labels": {}})), volume("free", json!({}))],
        }});
        keep_as_they_are(&mut body, &view);
        assert_eq!(
            body["HostConfig"]["Binds"],
            json!(["used:/a:nocopy", "used:/b:ro,nocopy", "used:/c:nocopy", "free:/d", "/used:/e"])
        );
        let kept = json!([
            volume("used", json!({"NoCopy": true})),
            volume("used", json!({"NoCopy": true, "Labels": {}})),
            volume("free", json!({})),
        ]);
        assert_eq!(body["HostConfig"]["Mounts"], kept);
    }

    #[test]
    fn volumes_without_a_name_get_an_owner_where_nothing_else_is_mounted() {
        let image =
            ImageView { volumes: vec!["/data/".into(), "/taken".into(), "/from".into()], ..ImageView::default() };
        let mut view = View::default();
        let from = MountView { destination: "/from".into(), ..MountView::default() };
        view.containers.insert("c".into(), ContainerView { mounts: vec![from], ..ContainerView::default() });
        let asked = json!({"Volumes": {"/v": {}, "relative": {}, "/t": {}, "/": {}},
            "HostConfig": {"Binds": ["/srv:/taken/"], "Tmpfs": {"/t": ""}, "VolumesFrom": ["c:ro"]}});
        let body = owned(asked.clone(), &image, &view);
        let targets: Vec<_> =
            body["HostConfig"]["Mounts"].as_array().into_iter().flatten().map(|m| &m["Target"]).collect();
        assert_eq!(targets, ["/data", "/v"]);
        assert_eq!(
            (&body["Volumes"], &body["HostConfig"]["Binds"]),
            (&asked["Volumes"], &asked["HostConfig"]["Binds"])
        );
        let bare = owned(json!({}), &image, &View::default());
        assert_eq!(bare["HostConfig"]["Mounts"].as_array().map(Vec::len), Some(3));
        assert_eq!(owned(bare.clone(), &image, &View::default()), bare, "once");
    }
}
