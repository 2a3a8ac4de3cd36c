//! Reads the Engine's inspect answers. Tolerant: the Engine is trusted, and its answers differ between versions.

use crate::{
    platform,
    view::{ContainerView, ExecView, ImageView, Making, MountView, NetworkView, ObjectView, TaskView, VolumeView},
};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A field that engines leave out or set to null when there is nothing to say.
fn or_nothing<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// What requests are judged by of a container's description. Everything else in it is passed over unread: descriptions are
/// asked for more often than anything else.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    id: String,
    #[serde(deserialize_with = "or_nothing")]
    name: String,
    #[serde(deserialize_with = "or_nothing")]
    image: String,
    #[serde(deserialize_with = "or_nothing")]
    config: Config,
    #[serde(deserialize_with = "or_nothing")]
    host_config: HostConfig,
    #[serde(deserialize_with = "or_nothing")]
    mounts: Vec<Mount>,
    #[serde(deserialize_with = "or_nothing")]
    network_settings: NetworkSettings,
    #[serde(deserialize_with = "or_nothing")]
    state: State,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: Option<bool>,
    #[serde(deserialize_with = "or_nothing")]
    paused: bool,
    #[serde(deserialize_with = "or_nothing")]
    restarting: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    #[serde(deserialize_with = "or_nothing")]
    image: String,
    #[serde(deserialize_with = "or_nothing")]
    user: String,
    #[serde(deserialize_with = "or_nothing")]
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    #[serde(deserialize_with = "or_nothing")]
    privileged: bool,
    #[serde(deserialize_with = "or_nothing")]
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    #[serde(deserialize_with = "or_nothing")]
    networks: BTreeMap<String, IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Mount {
    #[serde(rename = "Type", deserialize_with = "or_nothing")]
    kind: String,
    #[serde(deserialize_with = "or_nothing")]
    name: String,
    #[serde(deserialize_with = "or_nothing")]
    source: String,
    #[serde(deserialize_with = "or_nothing")]
    destination: String,
    #[serde(deserialize_with = "or_nothing")]
    driver: String,
    #[serde(rename = "RW")]
    writable: Option<bool>,
    #[serde(deserialize_with = "or_nothing")]
    propagation: String,
}

fn truth(json: &Value, pointer: &str) -> bool {
    json.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub fn texts(json: &Value, pointer: &str) -> Vec<String> {
    let list = json.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub fn pairs(json: &Value, pointer: &str) -> BTreeMap<String, String> {
    let map = json.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
}

fn keys(json: &Value, pointer: &str) -> Vec<String> {
    json.pointer(pointer).and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn named(json: &Value, pointer: &str) -> Option<String> {
    Some(text(json, pointer)).filter(|s| !s.is_empty())
}

fn mount(mount: Mount) -> MountView {
    let Mount { kind, name, source, destination, driver, writable, propagation } = mount;
    MountView { kind, name, source, destination, driver, writable: writable.unwrap_or(true), propagation }
}

/// What every engine since API 1.24 masks in a container that does not say otherwise.
const MASKED: &[&str] = &["/proc/kcore", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/proc/timer_list"];
/// What every engine makes read-only there.
const READ_ONLY: &[&str] = &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The request that would make the container. The engine fills in the lists of masked and read-only paths: its own are
/// left out again, so that a list which is there was asked for, as in a request.
fn making(json: &Value) -> Making {
    let object = |pointer: &str| json.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    let (mut body, mut host) = (object("/Config"), object("/HostConfig"));
    for (field, usual) in [("MaskedPaths", MASKED), ("ReadonlyPaths", READ_ONLY)] {
        let list = host.get(field).and_then(Value::as_array);
        let has = |path: &&str| list.is_some_and(|l| l.iter().any(|p| p.as_str() == Some(path)));
        if list.is_none() || usual.iter().all(has) {
            host.remove(field);
        }
    }
    body.insert("HostConfig".to_owned(), Value::Object(host));
    let endpoints = Value::Object(object("/NetworkSettings/Networks"));
    let networking = Map::from_iter([("EndpointsConfig".to_owned(), endpoints)]);
    body.insert("NetworkingConfig".to_owned(), Value::Object(networking));
    Making(Value::Object(body))
}

fn described(read: Container, made: Making) -> Option<ContainerView> {
    let Container { id, name, image: image_id, config, host_config, mounts, network_settings, state } = read;
    let running = state.running.unwrap_or(true) || state.paused || state.restarting;
    let Config { image, user, labels } = config;
    (!id.is_empty()).then(|| ContainerView {
        id,
        name: name.trim_start_matches('/').to_owned(),
        running,
        image,
        image_id,
        labels,
        user,
        privileged: host_config.privileged,
        mounts: mounts.into_iter().map(mount).collect(),
        networks: network_settings.networks.into_keys().collect(),
        network_mode: host_config.network_mode,
        made,
        service_owner: None,
    })
}

pub fn container(json: &Value) -> Option<ContainerView> {
    described(Container::deserialize(json).ok()?, making(json))
}

/// The same without what it was made of.
pub fn container_to_look_at(answer: &[u8]) -> Option<ContainerView> {
    described(serde_json::from_slice(answer).ok()?, Making::default())
}

pub fn image(json: &Value) -> Option<ImageView> {
    Some(ImageView {
        id: named(json, "/Id")?,
        tags: texts(json, "/RepoTags"),
        digests: texts(json, "/RepoDigests"),
        user: text(json, "/Config/User"),
        volumes: keys(json, "/Config/Volumes"),
        platform: platform::of(&text(json, "/Os"), &text(json, "/Architecture"), &text(json, "/Variant")),
        health_test: texts(json, "/Config/Healthcheck/Test"),
        parent: text(json, "/Parent"),
        labels: pairs(json, "/Config/Labels"),
        owner: String::new(),
    })
}

pub fn volume(json: &Value) -> Option<VolumeView> {
    Some(VolumeView {
        name: named(json, "/Name")?,
        driver: text(json, "/Driver"),
        options: pairs(json, "/Options"),
        labels: pairs(json, "/Labels"),
        swarm_id: text(json, "/ClusterVolume/ID"),
    })
}

pub fn network(json: &Value) -> Option<NetworkView> {
    Some(NetworkView {
        id: named(json, "/Id")?,
        name: text(json, "/Name"),
        driver: text(json, "/Driver"),
        labels: pairs(json, "/Labels"),
    })
}

pub fn object(json: &Value) -> Option<ObjectView> {
    let first = |fields: &[&str]| fields.iter().find_map(|field| named(json, field));
    Some(ObjectView {
        id: first(&["/ID", "/Id"])?,
        // Of a node its host's, of a plugin its own.
        name: first(&["/Spec/Name", "/Description/Hostname", "/Name"]).unwrap_or_default(),
        labels: pairs(json, "/Spec/Labels"),
    })
}

pub fn task(json: &Value) -> Option<TaskView> {
    let container = text(json, "/Status/ContainerStatus/ContainerID");
    Some(TaskView { id: named(json, "/ID")?, service: text(json, "/ServiceID"), container })
}

pub fn exec(json: &Value) -> Option<ExecView> {
    let process = "/ProcessConfig";
    let mut command = Vec::from_iter(named(json, &format!("{process}/entrypoint")));
    command.extend(texts(json, &format!("{process}/arguments")));
    Some(ExecView {
        id: named(json, "/ID")?,
        container: named(json, "/ContainerID")?,
        privileged: truth(json, "/ProcessConfig/privileged"),
        user: text(json, "/ProcessConfig/user"),
        tty: truth(json, "/ProcessConfig/tty"),
        command,
    })
}
