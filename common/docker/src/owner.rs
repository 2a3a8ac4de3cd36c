//! Who made a thing and of which image, as labels on it that clients can neither set nor take away. Images are the
//! exception: whoever makes one anywhere writes its labels, so that theirs say nothing.

use crate::{
    facts::document,
    json::TEXT_MAP,
    query::Query,
    refusal::{Refusal, shorten},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use wharden_model::{Action, decision::UNKNOWN_OWNER};

/// The label. On images it is ignored.
pub const LABEL: &str = "io.wharden.owner";

/// The id of the image that the creation of a container was decided on. On images it is ignored likewise.
pub const IMAGE_LABEL: &str = "io.wharden.image";

/// The engine's own, on containers that are tasks.
const TASK_LABEL: &str = "com.docker.swarm.task.id";

/// Takes away what labels of an image say about whose it is, or about a container that was made from it.
pub fn forget(labels: &mut BTreeMap<String, String>) {
    labels.remove(LABEL);
    labels.remove(IMAGE_LABEL);
}

/// Puts the image on a container that is to be created. Its id becomes a name of it, which it is too, without the algorithm: only the
/// engine itself makes containers of what it calls by the whole id.
pub fn put_image(body: &mut Value, image: &str) {
    label(body, IMAGE_LABEL, image);
    if let Some(Value::String(called)) = body.get_mut("Image")
        && let Some(digits) = digits(called)
    {
        *called = digits.to_owned();
    }
}

/// The owner that a label names; empty when nobody is known to be. Of containers it is not enough.
pub fn of(labels: &BTreeMap<String, String>) -> String {
    labels.get(LABEL).cloned().unwrap_or_default()
}

/// The owner of a container of that image, which was called so when it was made; empty when nobody is known to be. The engine
/// makes containers too, those of a classic build's steps, with the labels of the Dockerfile and of the images before it. It calls
/// these images by their ids, as the guard lets nobody do. And the owner's label counts only beside the one that tells the image, which
/// the guard puts on what it creates, and no image can tell of itself, since its id is a digest of all that it tells. Where that is
/// another image's, the name has gone to it in between: then whose it is, is not known.
pub fn of_container(labels: &BTreeMap<String, String>, image_id: &str, called: &str) -> String {
    if !is_whole_id(called) { of_made(labels, image_id) } else { String::new() }
}

fn of_made(labels: &BTreeMap<String, String>, image_id: &str) -> String {
    match labels.get(IMAGE_LABEL).filter(|judged| !judged.is_empty()) {
        Some(judged) if same_image(judged, image_id) => of(labels),
        Some(_) => UNKNOWN_OWNER.to_owned(),
        None => String::new(),
    }
}

/// The owner of a container in a list, which calls an image by its id when its name has gone to another one: so what a step of a build
/// says may be believed here, but nowhere where something is done.
pub fn of_listed(labels: &BTreeMap<String, String>, image_id: &str) -> String {
    if task(labels).is_some() { of(labels) } else { of_made(labels, image_id) }
}

/// The task of a service that a container says to be. What the guard makes is none; an image may say so of its containers too, so
/// that it is believed where something is done only when the task says the same.
pub fn task(labels: &BTreeMap<String, String>) -> Option<&str> {
    let id = labels.get(TASK_LABEL).filter(|_| !labels.contains_key(IMAGE_LABEL))?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(id)
}

/// The owner of a container that an event tells of, which does not tell the image's id.
pub fn of_event(labels: &BTreeMap<String, String>, called: &str) -> String {
    let by_the_guard = !is_whole_id(called) && labels.get(IMAGE_LABEL).is_some_and(|judged| !judged.is_empty());
    if by_the_guard || task(labels).is_some() { of(labels) } else { String::new() }
}

/// The owner of a container that says to be a task, of which the engine does not say so. One that is called as the containers of a build's
/// steps are is nobody's, as those are.
pub fn of_unvouched(called: &str) -> String {
    if !is_whole_id(called) { UNKNOWN_OWNER.to_owned() } else { String::new() }
}

/// Whether an image is called by its whole id, as the engine writes it.
pub fn is_whole_id(called: &str) -> bool {
    digits(called).is_some()
}

/// Those of such an id.
fn digits(called: &str) -> Option<&str> {
    let digits = called.strip_prefix("sha256:")?;
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

/// Whether two ids of images are one. Some engines leave the algorithm out; an image without an id is no other's.
pub fn same_image(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|id| id.strip_prefix("sha256:").unwrap_or(id));
    !one.is_empty() && one == other
}

/// Puts the owner on what an action makes or replaces, whatever the request said about it; takes it away where nobody
/// is known to be.
pub fn put(action: Action, body: &mut Value, owner: &str) {
    let makes = matches!(
        action,
        Action::ContainerCreate
            | Action::VolumeCreate
            | Action::NetworkCreate
            | Action::ServiceCreate
            | Action::ServiceUpdate
            | Action::SecretCreate
            | Action::SecretUpdate
            | Action::ConfigCreate
            | Action::ConfigUpdate
    );
    // A network that takes its options from another one may have none of its own, labels too.
    let borrows = body.pointer("/ConfigFrom/Network").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if makes && !borrows {
        label(body, LABEL, owner);
    }
    // Tasks are whose the service is, by which they are judged; their label tells it in lists.
    if let Some(tasks) = body.pointer_mut("/TaskTemplate/ContainerSpec") {
        label(tasks, LABEL, owner);
        label(tasks, IMAGE_LABEL, "");
    }
    // Volumes that come into being because something mounts them.
    let mounts = match action {
        Action::ContainerCreate => "/HostConfig/Mounts",
        Action::ServiceCreate | Action::ServiceUpdate => "/TaskTemplate/ContainerSpec/Mounts",
        _ => return,
    };
    for mount in body.pointer_mut(mounts).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(fields) = mount
            && fields.get("Type").and_then(Value::as_str) == Some("volume")
        {
            if !owner.is_empty() {
                fields.entry("VolumeOptions").or_insert_with(|| Value::Object(Map::new()));
            }
            fields.get_mut("VolumeOptions").into_iter().for_each(|options| label(options, LABEL, owner));
        }
    }
}

/// Whether a body says of what it makes or replaces that it is somebody's, other than this owner's: only the guard does that.
pub fn is_claimed(action: Action, body: &Value, owner: &str) -> bool {
    let mut unclaimed = body.clone();
    put(action, &mut unclaimed, owner);
    if action == Action::ContainerCreate {
        label(&mut unclaimed, IMAGE_LABEL, "");
    }
    unclaimed != *body
}

/// Puts the owner on the image that a request makes, as the last of what the request says about labels.
///
/// # Errors
/// 400 for labels that are none.
pub fn put_on_image(action: Action, query: &mut Query, owner: &str) -> Result<(), Refusal> {
    match action {
        Action::ImageBuild => {
            let mut labels = match document(query, "labels", &TEXT_MAP)? {
                Some(Value::Object(labels)) => labels,
                _ => Map::new(),
            };
            let asked = labels.remove(LABEL).is_some();
            if !owner.is_empty() {
                labels.insert(LABEL.to_owned(), Value::String(owner.to_owned()));
            }
            if asked || !owner.is_empty() {
                query.set("labels", Value::Object(labels).to_string());
            }
        }
        Action::ContainerCommit => change(query, owner)?,
        Action::ImagePull if query.get("fromImage").is_empty() => change(query, owner)?,
        _ => {}
    }
    Ok(())
}

/// The Engine reads all changes as one Dockerfile: an instruction that goes on in the next line would take in ours, and be
/// another one than it looks here.
fn change(query: &mut Query, owner: &str) -> Result<(), Refusal> {
    for line in query.all("changes").flat_map(str::lines).map(str::trim) {
        let is_onbuild = line.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("onbuild"));
        if line.ends_with(['\\', '`']) || line.starts_with('#') || (is_onbuild && line.contains("<<")) {
            return Err(Refusal::bad(format!(
                "changes: {:?}: write each instruction in one line, without comments, directives and here-documents",
                shorten(line)
            )));
        }
    }
    let last = instruction(owner);
    if query.all("changes").last() != Some(last.as_str()) {
        query.add("changes", last);
    }
    Ok(())
}

/// The label as an instruction of a Dockerfile. A name that no line can hold is none.
fn instruction(owner: &str) -> String {
    let mut out = format!("LABEL {LABEL}=\"");
    for character in owner.chars().filter(|_| !owner.chars().any(char::is_control)) {
        if matches!(character, '"' | '\\' | '$') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

fn label(of: &mut Value, name: &str, value: &str) {
    if let Value::Object(fields) = of {
        if value.is_empty() {
            fields.get_mut("Labels").and_then(Value::as_object_mut).map(|labels| labels.remove(name));
            return;
        }
        let labels = fields.entry("Labels").or_insert(Value::Null);
        if labels.is_null() {
            *labels = Value::Object(Map::new());
        }
        if let Value::Object(labels) = labels {
            labels.insert(name.to_owned(), Value::String(value.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_names_an_owner_is_told_from_who_leaves_the_one_that_is_there() {
        let claims = |action, body: Value, owner: &str| is_claimed(action, &body, owner);
        let volume = |options: Value| json!({"HostConfig": {"Mounts": [{"Type": "volume", "VolumeOptions": options}]}});
        for (action, free) in [
            (Action::ContainerCreate, json!({"Labels": {"a": "b"}, "HostConfig": {"Mounts": [{"Type": "volume"}]}})),
            (Action::ContainerCreate, volume(json!({"Labels": null}))),
            (Action::VolumeCreate, json!({"Labels": null})),
            (Action::NetworkConnect, json!({"Labels": {LABEL: "of no meaning here"}})),
        ] {
            assert!(!claims(action, free.clone(), ""), "{free}");
        }
        for (action, claimed) in [
            (Action::ContainerCreate, json!({"Labels": {LABEL: "bob"}})),
            (Action::ContainerCreate, json!({"Labels": {IMAGE_LABEL: "sha256:1"}})),
            (Action::ContainerCreate, volume(json!({"Labels": {LABEL: "bob"}}))),
            (Action::SecretCreate, json!({"Labels": {LABEL: "bob"}})),
            (Action::ServiceCreate, json!({"TaskTemplate": {"ContainerSpec": {"Labels": {IMAGE_LABEL: "x"}}}})),
        ] {
            assert!(claims(action, claimed.clone(), ""), "{claimed}");
        }
        assert!(!claims(Action::SecretUpdate, json!({"Labels": {LABEL: "bob"}}), "bob"), "it stays whose it is");
        for changed in [json!({"Labels": {LABEL: "eve"}}), json!({"Labels": {}})] {
            assert!(claims(Action::SecretUpdate, changed.clone(), "bob"), "{changed}");
        }
    }

    #[test]
    fn the_owner_is_the_askers_and_is_left_out_where_the_engine_takes_no_labels() {
        let mut made = json!({"Labels": {"a": "b", LABEL: "someone else"}});
        put(Action::VolumeCreate, &mut made, "alice");
        assert_eq!(made, json!({"Labels": {"a": "b", LABEL: "alice"}}));
        let borrows = json!({"ConfigFrom": {"Network": "n"}});
        let mut same = borrows.clone();
        put(Action::NetworkCreate, &mut same, "alice");
        assert_eq!(same, borrows);
        let mut nobodys = json!({"Labels": {"a": "b", LABEL: "bob"}});
        put(Action::ServiceUpdate, &mut nobodys, "");
        assert_eq!(nobodys, json!({"Labels": {"a": "b"}}));
    }

    #[test]
    fn tasks_are_whose_the_service_is_whatever_it_says() {
        let forged = json!({LABEL: "bob", IMAGE_LABEL: "sha256:1", "a": "b"});
        let mut service = json!({"TaskTemplate": {"ContainerSpec": {"Labels": forged}}});
        put(Action::ServiceUpdate, &mut service, "alice");
        let own = json!({LABEL: "alice"});
        let sent = json!({"TaskTemplate": {"ContainerSpec": {"Labels": {"a": "b", LABEL: "alice"}}}, "Labels": own});
        assert_eq!(service, sent);
        let task: BTreeMap<_, _> = [(TASK_LABEL, "t1"), (LABEL, "alice")].map(|(k, v)| (k.into(), v.into())).into();
        assert_eq!((of_listed(&task, "sha256:1"), of_event(&task, "app")), ("alice".to_owned(), "alice".to_owned()));
        assert_eq!(of_container(&task, "sha256:1", "app"), "", "where something is done, the task is asked");
        let mut made = task.clone();
        made.insert(IMAGE_LABEL.to_owned(), "sha256:2".to_owned());
        assert_eq!((super::task(&task), super::task(&made)), (Some("t1"), None));
    }

    #[test]
    fn an_image_says_at_last_who_made_it() {
        let query = |action, pairs: &[(&str, &str)], owner: &str| {
            let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let mut query = Query::canonical(action, pairs).expect("known");
            put_on_image(action, &mut query, owner).expect("labels");
            query.pairs().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        };
        let build = |pairs: &[(&str, &str)], owner| query(Action::ImageBuild, pairs, owner);
        assert_eq!(build(&[("t", "a")], "alice"), r#"t=a&labels={"io.wharden.owner":"alice"}"#);
        let asked = r#"{"io.wharden.owner":"bob","a":"b"}"#;
        assert_eq!(build(&[("labels", asked)], "alice"), r#"labels={"a":"b","io.wharden.owner":"alice"}"#);
        assert_eq!(build(&[("labels", asked)], ""), r#"labels={"a":"b"}"#);
        assert_eq!(build(&[("labels", "null")], "alice"), r#"labels={"io.wharden.owner":"alice"}"#);
        let commit = query(Action::ContainerCommit, &[("changes", "LABEL io.wharden.owner=bob")], "a\"$b\\");
        assert_eq!(commit, r#"changes=LABEL io.wharden.owner=bob&changes=LABEL io.wharden.owner="a\"\$b\\""#);
        let import = |from| query(Action::ImagePull, &[(from, "-")], "alice");
        assert_eq!(import("fromSrc"), r#"fromSrc=-&changes=LABEL io.wharden.owner="alice""#);
        assert_eq!(import("fromImage"), "fromImage=-");
        assert_eq!(instruction("a\nRUN b"), r#"LABEL io.wharden.owner="""#);
        for goes_on in
            ["LABEL a=b\nCMD x \\", "CMD x \\  ", "CMD x `", "USER \\\nroot", "# escape=`\nCMD a", "onbuild run <<E"]
        {
            let pairs = vec![("changes".to_owned(), goes_on.to_owned()), ("changes".to_owned(), "USER x".to_owned())];
            let mut query = Query::canonical(Action::ContainerCommit, pairs).expect("known");
            let refused = put_on_image(Action::ContainerCommit, &mut query, "alice").expect_err(goes_on);
            assert!(refused.message.contains("in one line"), "{refused:?}");
        }
        let mut query = Query::canonical(Action::ImageBuild, vec![("labels".into(), "[]".into())]).expect("known");
        assert!(put_on_image(Action::ImageBuild, &mut query, "alice").is_err());
    }

    #[test]
    fn volumes_that_come_along_are_the_askers_too() {
        let mounts = json!([
            {"Type": "volume", "Source": "v", "VolumeOptions": {"Labels": {LABEL: "bob"}}},
            {"Type": "volume", "Source": "w"},
            {"Type": "bind", "Source": "/srv"}
        ]);
        let owned = json!([
            {"Type": "volume", "Source": "v", "VolumeOptions": {"Labels": {LABEL: "alice"}}},
            {"Type": "volume", "Source": "w", "VolumeOptions": {"Labels": {LABEL: "alice"}}},
            {"Type": "bind", "Source": "/srv"}
        ]);
        let mut container = json!({"HostConfig": {"Mounts": mounts}});
        put(Action::ContainerCreate, &mut container, "alice");
        assert_eq!(container.pointer("/HostConfig/Mounts"), Some(&owned));
        let mut service = json!({"TaskTemplate": {"ContainerSpec": {"Mounts": mounts}}});
        put(Action::ServiceUpdate, &mut service, "alice");
        assert_eq!(service.pointer("/TaskTemplate/ContainerSpec/Mounts"), Some(&owned));
    }
}
