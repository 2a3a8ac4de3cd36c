//! `docker run`, `create` and `exec`: the body that the docker command would send.

use super::{
    LineError,
    flags::{self, Flag, Given, switch, valued},
    request::request,
    values,
};
use serde_json::{Map, Value, json};
use wharden_model::api::DockerRequest;

static CREATE: &[Flag] = &[
    valued("add-host", ' '),
    valued("cap-add", ' '),
    valued("cap-drop", ' '),
    valued("cgroup-parent", ' '),
    valued("cgroupns", ' '),
    valued("cpus", ' '),
    valued("cpu-shares", 'c'),
    valued("cpuset-cpus", ' '),
    switch("detach", 'd'),
    valued("device", ' '),
    valued("device-cgroup-rule", ' '),
    valued("dns", ' '),
    valued("entrypoint", ' '),
    valued("env", 'e'),
    valued("expose", ' '),
    valued("group-add", ' '),
    valued("hostname", 'h'),
    switch("init", ' '),
    switch("interactive", 'i'),
    valued("ipc", ' '),
    valued("label", 'l'),
    valued("log-driver", ' '),
    valued("memory", 'm'),
    valued("memory-swap", ' '),
    valued("mount", ' '),
    valued("name", ' '),
    valued("net", ' '),
    valued("network", ' '),
    switch("oom-kill-disable", ' '),
    valued("oom-score-adj", ' '),
    valued("pid", ' '),
    valued("pids-limit", ' '),
    valued("platform", ' '),
    switch("privileged", ' '),
    valued("publish", 'p'),
    switch("publish-all", 'P'),
    valued("pull", ' '),
    switch("read-only", ' '),
    valued("restart", ' '),
    switch("rm", ' '),
    valued("runtime", ' '),
    valued("security-opt", ' '),
    valued("shm-size", ' '),
    valued("sysctl", ' '),
    valued("tmpfs", ' '),
    switch("tty", 't'),
    valued("ulimit", ' '),
    valued("user", 'u'),
    valued("userns", ' '),
    valued("uts", ' '),
    valued("volume", 'v'),
    valued("volumes-from", ' '),
    valued("workdir", 'w'),
];

static EXEC: &[Flag] = &[
    switch("detach", 'd'),
    valued("env", 'e'),
    switch("interactive", 'i'),
    switch("privileged", ' '),
    switch("tty", 't'),
    valued("user", 'u'),
    valued("workdir", 'w'),
];

/// Flags whose texts go as they are: flag, field, and whether it may be given many times.
static HOST_TEXTS: &[(&str, &str, bool)] = &[
    ("add-host", "ExtraHosts", true),
    ("cap-add", "CapAdd", true),
    ("cap-drop", "CapDrop", true),
    ("cgroup-parent", "CgroupParent", false),
    ("cgroupns", "CgroupnsMode", false),
    ("cpuset-cpus", "CpusetCpus", false),
    ("device-cgroup-rule", "DeviceCgroupRules", true),
    ("dns", "Dns", true),
    ("group-add", "GroupAdd", true),
    ("ipc", "IpcMode", false),
    ("pid", "PidMode", false),
    ("runtime", "Runtime", false),
    ("security-opt", "SecurityOpt", true),
    ("userns", "UsernsMode", false),
    ("uts", "UTSMode", false),
    ("volumes-from", "VolumesFrom", true),
];

/// Switches of the host's part.
static HOST_SWITCHES: &[(&str, &str)] = &[
    ("init", "Init"),
    ("oom-kill-disable", "OomKillDisable"),
    ("privileged", "Privileged"),
    ("publish-all", "PublishAllPorts"),
    ("read-only", "ReadonlyRootfs"),
    ("rm", "AutoRemove"),
];

/// Numbers of the host's part.
static HOST_NUMBERS: &[(&str, &str)] =
    &[("cpu-shares", "CpuShares"), ("oom-score-adj", "OomScoreAdj"), ("pids-limit", "PidsLimit")];

/// Sizes of the host's part.
static HOST_SIZES: &[(&str, &str)] = &[("memory", "Memory"), ("memory-swap", "MemorySwap"), ("shm-size", "ShmSize")];

/// Reads `docker run …` and `docker create …`.
///
/// # Errors
/// [`LineError`] naming the word that cannot be read.
pub fn parse(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("run", CREATE, rest, true)?;
    let Some((image, command)) = given.words.split_first() else {
        return Err(LineError::Missing { command: "run", wanted: "an image" });
    };
    let (mut exposed, bindings) = values::ports(&given.all("publish"))?;
    for port in given.all("expose") {
        exposed.insert(if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }, json!({}));
    }
    let (binds, anonymous) = values::volumes(&given.all("volume"))?;

    let mut body = Map::new();
    body.insert("Image".to_owned(), json!(image));
    put_list(&mut body, "Cmd", command);
    put_list(&mut body, "Env", &given.all("env"));
    put_map(&mut body, "Labels", values::map(&given.all("label")));
    put_map(&mut body, "ExposedPorts", Value::Object(exposed));
    put_map(&mut body, "Volumes", Value::Object(anonymous));
    for (flag, field) in [("user", "User"), ("hostname", "Hostname"), ("workdir", "WorkingDir")] {
        put_text(&mut body, field, given.last(flag));
    }
    if let Some(entrypoint) = given.last("entrypoint") {
        body.insert("Entrypoint".to_owned(), json!([entrypoint]));
    }
    put_switch(&mut body, "Tty", given.is_on("tty"));
    put_switch(&mut body, "OpenStdin", given.is_on("interactive"));
    body.insert("HostConfig".to_owned(), host_config(&given, &binds, bindings)?);

    let mut query = Vec::new();
    query.extend(given.last("name").map(|name| ("name", name)));
    query.extend(given.last("platform").map(|platform| ("platform", platform)));
    Ok(request("POST", &["containers", "create"], &query, Value::Object(body)))
}

fn host_config(given: &Given<'_>, binds: &[&str], ports: Map<String, Value>) -> Result<Value, LineError> {
    let mut host = Map::new();
    for (flag, field, many) in HOST_TEXTS {
        if *many {
            put_list(&mut host, field, &given.all(flag));
        } else {
            put_text(&mut host, field, given.last(flag));
        }
    }
    for (flag, field) in HOST_SWITCHES {
        put_switch(&mut host, field, given.is_on(flag));
    }
    for (flag, field) in HOST_NUMBERS {
        if let Some(value) = given.last(flag) {
            host.insert((*field).to_owned(), values::number(flag, value)?.into());
        }
    }
    for (flag, field) in HOST_SIZES {
        if let Some(value) = given.last(flag) {
            host.insert((*field).to_owned(), values::size(flag, value)?.into());
        }
    }
    if let Some(cpus) = given.last("cpus") {
        host.insert("NanoCpus".to_owned(), values::nano_cpus(cpus)?.into());
    }
    if let Some(word) = given.last("restart") {
        host.insert("RestartPolicy".to_owned(), values::restart(word)?);
    }
    if let Some(driver) = given.last("log-driver") {
        host.insert("LogConfig".to_owned(), json!({ "Type": driver, "Config": {} }));
    }
    let network = given.last("network").or_else(|| given.last("net")).unwrap_or("default");
    host.insert("NetworkMode".to_owned(), json!(network));
    put_list(&mut host, "Binds", binds);
    put_map(&mut host, "PortBindings", Value::Object(ports));
    put_map(&mut host, "Sysctls", values::map(&given.all("sysctl")));
    let tmpfs: Map<String, Value> = given
        .all("tmpfs")
        .into_iter()
        .map(|word| word.split_once(':').unwrap_or((word, "")))
        .map(|(path, options)| (path.to_owned(), json!(options)))
        .collect();
    put_map(&mut host, "Tmpfs", Value::Object(tmpfs));
    put_each(&mut host, "Mounts", &given.all("mount"), values::mount)?;
    put_each(&mut host, "Devices", &given.all("device"), values::device)?;
    put_each(&mut host, "Ulimits", &given.all("ulimit"), values::ulimit)?;
    Ok(Value::Object(host))
}

/// Reads `docker exec …`.
///
/// # Errors
/// [`LineError`] naming the word that cannot be read.
pub fn parse_exec(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("exec", EXEC, rest, true)?;
    let [container, command @ ..] = given.words.as_slice() else {
        return Err(LineError::Missing { command: "exec", wanted: "a container and a command" });
    };
    if command.is_empty() {
        return Err(LineError::Missing { command: "exec", wanted: "a command after the container" });
    }
    let mut body = Map::new();
    body.insert("AttachStdout".to_owned(), json!(!given.is_on("detach")));
    body.insert("AttachStderr".to_owned(), json!(!given.is_on("detach")));
    put_list(&mut body, "Cmd", command);
    put_list(&mut body, "Env", &given.all("env"));
    put_text(&mut body, "User", given.last("user"));
    put_text(&mut body, "WorkingDir", given.last("workdir"));
    put_switch(&mut body, "AttachStdin", given.is_on("interactive"));
    put_switch(&mut body, "Tty", given.is_on("tty"));
    put_switch(&mut body, "Privileged", given.is_on("privileged"));
    Ok(request("POST", &["containers", container, "exec"], &[], Value::Object(body)))
}

fn put_list(body: &mut Map<String, Value>, field: &str, items: &[&str]) {
    if !items.is_empty() {
        body.insert(field.to_owned(), json!(items));
    }
}

fn put_map(body: &mut Map<String, Value>, field: &str, map: Value) {
    if map.as_object().is_some_and(|map| !map.is_empty()) {
        body.insert(field.to_owned(), map);
    }
}

fn put_text(body: &mut Map<String, Value>, field: &str, text: Option<&str>) {
    if let Some(text) = text {
        body.insert(field.to_owned(), json!(text));
    }
}

fn put_switch(body: &mut Map<String, Value>, field: &str, on: bool) {
    if on {
        body.insert(field.to_owned(), json!(true));
    }
}

fn put_each(
    body: &mut Map<String, Value>,
    field: &str,
    words: &[&str],
    read: impl Fn(&str) -> Result<Value, LineError>,
) -> Result<(), LineError> {
    if !words.is_empty() {
        let list: Vec<Value> = words.iter().map(|word| read(word)).collect::<Result<_, _>>()?;
        body.insert(field.to_owned(), Value::Array(list));
    }
    Ok(())
}
