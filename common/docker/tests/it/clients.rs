//! What the usual clients really send: none of it is refused, and all of it keeps its meaning.

use crate::support;
use serde_json::{Map, Value};
use wharden_docker::{
    Asker, Canonical, ContainerView, ExecView, ForwardBody, ImageView, Judged, Lookup, MakesImage, NetworkView,
    ObjectView, TaskView, View, VolumeView,
};
use wharden_model::{Action, HostId};

/// A host that has everything that a request names.
fn everything(canonical: &Canonical) -> View {
    let mut view = View::default();
    let mut wanted = canonical.lookups();
    while let Some(lookup) = wanted.pop() {
        match lookup {
            Lookup::Container(name) => {
                let id = format!("{:0<64}", "c");
                let container = ContainerView { id, name: name.clone(), ..ContainerView::default() };
                view.containers.insert(name, container);
            }
            Lookup::Image(name) => {
                let image = ImageView { id: "sha256:1".into(), tags: vec![name.clone()], ..ImageView::default() };
                view.images.insert(name, image);
            }
            Lookup::Volume(name) => {
                view.volumes.insert(name.clone(), VolumeView { name, ..VolumeView::default() });
            }
            Lookup::Network(name) => {
                let id = format!("{:0<64}", format!("d{:x}", view.networks.len()));
                view.networks.insert(name.clone(), NetworkView { id, name, ..NetworkView::default() });
            }
            Lookup::Exec(id) => {
                view.execs.insert(id.clone(), ExecView { id, container: "c".into(), ..ExecView::default() });
            }
            Lookup::Object(kind, name) => {
                view.objects
                    .insert((kind, name.clone()), ObjectView { id: name.clone(), name, ..ObjectView::default() });
            }
            Lookup::Task(id) => {
                view.tasks.insert(id.clone(), TaskView { id, ..TaskView::default() });
            }
            Lookup::Repository(name) => {
                view.images
                    .insert(format!("{name}:latest"), ImageView { id: "sha256:1".into(), ..ImageView::default() });
                view.repositories.insert(name.clone(), vec![format!("{name}:latest")]);
            }
            Lookup::HostPath(_) | Lookup::Account(_) | Lookup::VolumeUsers(_) | Lookup::ServiceVolumes => {}
        }
        wanted.extend(canonical.follow_ups(&view, "alice").into_iter().filter(|l| match l {
            Lookup::Container(name) => !view.containers.contains_key(name),
            _ => false,
        }));
    }
    view
}

fn recorded() -> impl Iterator<Item = (String, String)> {
    include_str!("../data/clients.jsonl").lines().skip(1).map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        (value["client"].as_str().unwrap().to_owned(), value["raw"].as_str().unwrap().to_owned())
    })
}

fn judge(raw: &str) -> (Canonical, Judged) {
    let bytes: Vec<u8> = raw.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let canonical = support::canonical(&bytes).unwrap_or_else(|e| panic!("{raw}\n{e}")).0;
    let host_id = HostId::new("h-0123456789abcdef").unwrap();
    let asker = Asker { owner: "alice", host_id: &host_id, private: &[] };
    let judged = canonical.judge(&everything(&canonical), &asker).unwrap_or_else(|e| panic!("{raw}\n{e}"));
    (canonical, judged)
}

/// What a body says, apart from what means nothing: null, the case of keys, a bare text for a list of one.
fn meaning(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            let free = ["labels", "options", "driveropts", "sysctls", "config", "tmpfs", "storageopt", "annotations"];
            let folds = !free.contains(&key) && !key.ends_with("endpointsconfig");
            let mut out = Map::new();
            for (name, item) in map.iter().filter(|(k, v)| !v.is_null() && !k.starts_with("io.wharden.")) {
                let name = if folds { name.to_lowercase() } else { name.clone() };
                let item = match item {
                    Value::String(_) if ["cmd", "entrypoint"].contains(&name.as_str()) => {
                        Value::from(vec![item.clone()])
                    }
                    _ => meaning(item, &name),
                };
                // These may be there only for the guard's own labels.
                let guards = ["labels", "volumeoptions"].contains(&name.to_lowercase().as_str());
                if !(guards && item.as_object().is_some_and(Map::is_empty)) {
                    out.insert(name, item);
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(|i| meaning(i, "")).collect(),
        other => other.clone(),
    }
}

/// Takes the network's id out of an endpoint, and the endpoint where there is nothing else.
fn unpin(endpoints: &mut Map<String, Value>, name: &str) {
    let Some(Value::Object(endpoint)) = endpoints.get_mut(name) else { return };
    endpoint.remove("networkid");
    if endpoint.is_empty() {
        endpoints.remove(name);
    }
}

/// Fields that the guard resolves or adds, or that every engine ignores.
fn strip(mut value: Value, action: Action) -> Value {
    let Value::Object(map) = &mut value else { return value };
    if map.get("labels") == Some(&Value::Object(Map::new())) {
        map.remove("labels");
    }
    if matches!(action, Action::NetworkConnect | Action::NetworkDisconnect | Action::ContainerExec) {
        map.remove("container");
    }
    if let Some(Value::Object(task)) = map.get_mut("tasktemplate") {
        task.remove("networks");
    }
    // Endpoints get the ids of their networks, the one of the mode too.
    unpin(map, "endpointconfig");
    if let Some(Value::Object(networking)) = map.get_mut("networkingconfig") {
        if let Some(Value::Object(endpoints)) = networking.get_mut("endpointsconfig") {
            let names: Vec<String> = endpoints.keys().cloned().collect();
            names.iter().for_each(|name| unpin(endpoints, name));
        }
        networking.retain(|_, value| value != &Value::Object(Map::new()));
    }
    if map.get("networkingconfig") == Some(&Value::Object(Map::new())) {
        map.remove("networkingconfig");
    }
    // docker-py puts the network beside EndpointsConfig, as null.
    if let Some(Value::Object(host)) = map.get_mut("hostconfig") {
        for field in ["pidmode", "ipcmode", "networkmode", "volumesfrom", "links"] {
            host.remove(field);
        }
    }
    value
}

#[test]
fn nothing_that_the_usual_clients_send_is_refused_or_changed() {
    let mut count = 0;
    for (client, raw) in recorded() {
        let (canonical, judged) = judge(&raw);
        assert_ne!(judged.action, Action::Unknown, "{client}: {raw}");
        let head = String::from_utf8(judged.head.clone()).unwrap();
        let line = |text: &str| text.lines().next().unwrap().split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (sent, forwarded) = (line(&raw), line(&head));
        assert_eq!(sent[0], forwarded[0], "{client}: {raw}");
        let parameters = |target: &str| -> Vec<String> {
            let query = target.split_once('?').map(|(_, q)| q.to_owned()).unwrap_or_default();
            query.split('&').filter(|p| !p.is_empty()).map(|p| p.split('=').next().unwrap().to_owned()).collect()
        };
        let mut wanted = parameters(&sent[1]);
        // No engine has read this one since API 1.24; docker-py still sends it.
        wanted.retain(|p| judged.action != Action::ImageTag || p != "force");
        // The guard cuts lists, of which it leaves things out.
        if judged.limit.is_some() {
            wanted.retain(|p| p != "limit");
            if !wanted.contains(&"all".into()) {
                wanted.push("all".into());
            }
        }
        // The guard says whose the image is.
        match judged.makes {
            Some(MakesImage::Commit | MakesImage::Import) => wanted.push("changes".into()),
            Some(MakesImage::Build | MakesImage::OldBuild | MakesImage::QuietBuild)
                if !wanted.contains(&"labels".into()) =>
            {
                wanted.push("labels".into());
            }
            _ => {}
        }
        let mut parameters = parameters(&forwarded[1]);
        if judged.action == Action::ImageExport {
            // The names are written out, those of the path too.
            assert!(parameters.contains(&"names".to_owned()), "{client}: {raw}");
            wanted.retain(|name| name != "names");
            parameters.retain(|name| name != "names");
        }
        assert_eq!(wanted, parameters, "{client}: {raw}");
        let body = raw.split_once("\r\n\r\n").unwrap().1;
        if let (Ok(sent), ForwardBody::Bytes(bytes)) = (serde_json::from_str::<Value>(body), &judged.body) {
            let mut now: Value = serde_json::from_slice(bytes).unwrap();
            let action = canonical.action();
            if action == Action::NetworkCreate {
                // Always asked for.
                now["CheckDuplicate"] = sent["CheckDuplicate"].clone();
            }
            // Images are mounted by their ids.
            for (number, mount) in sent["HostConfig"]["Mounts"].as_array().into_iter().flatten().enumerate() {
                if mount["Type"] == "image" {
                    assert_eq!(now["HostConfig"]["Mounts"][number]["Source"], "sha256:1", "{client}");
                    now["HostConfig"]["Mounts"][number]["Source"] = mount["Source"].clone();
                }
            }
            let empty = now.as_object().is_none_or(Map::is_empty) && now.as_array().is_none_or(Vec::is_empty);
            if sent.is_null() && empty {
                continue;
            }
            assert_eq!(
                strip(meaning(&sent, ""), action),
                strip(meaning(&now, ""), action),
                "{client}: {}",
                canonical.describe()
            );
        }
        count += 1;
    }
    assert!(count > 500);
}

#[test]
fn the_canonical_form_of_what_clients_send_is_a_fixpoint() {
    for (client, raw) in recorded() {
        let (_, once) = judge(&raw);
        if let ForwardBody::Stream(_) | ForwardBody::Archive(_) = once.body {
            continue;
        }
        let again = String::from_utf8(support::forwarded(&once)).unwrap();
        let latin: String = again.bytes().map(char::from).collect();
        let (_, twice) = judge(&latin);
        assert_eq!(support::forwarded(&twice), support::forwarded(&once), "{client}: {raw}");
    }
}
