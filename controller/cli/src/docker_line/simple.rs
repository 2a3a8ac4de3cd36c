//! Commands that are one route with a name and a few query parameters.

use super::{
    LineError, create,
    flags::{self, Flag, Given, switch, valued},
    request::request,
};
use serde_json::{Value, json};
use wharden_model::api::DockerRequest;

/// A command with exactly one operand.
struct One {
    command: &'static str,
    method: &'static str,
    before: &'static str,
    after: &'static str,
    flags: &'static [Flag],
    /// Query parameter of each flag that has one.
    query: &'static [(&'static str, &'static str)],
}

const fn one(command: &'static str, method: &'static str, before: &'static str, after: &'static str) -> One {
    One { command, method, before, after, flags: &[], query: &[] }
}

static ONES: &[One] = &[
    one("start", "POST", "containers", "start"),
    One { flags: &[valued("time", 't')], query: &[("time", "t")], ..one("stop", "POST", "containers", "stop") },
    One { flags: &[valued("time", 't')], query: &[("time", "t")], ..one("restart", "POST", "containers", "restart") },
    One {
        flags: &[valued("signal", 's')],
        query: &[("signal", "signal")],
        ..one("kill", "POST", "containers", "kill")
    },
    one("pause", "POST", "containers", "pause"),
    one("unpause", "POST", "containers", "unpause"),
    one("wait", "POST", "containers", "wait"),
    one("attach", "POST", "containers", "attach"),
    one("top", "GET", "containers", "top"),
    one("diff", "GET", "containers", "changes"),
    one("export", "GET", "containers", "export"),
    one("inspect", "GET", "containers", "json"),
    One { flags: &[switch("no-stream", ' ')], ..one("stats", "GET", "containers", "stats") },
    One {
        flags: &[switch("follow", 'f'), valued("tail", 'n'), switch("timestamps", 't')],
        query: &[("follow", "follow"), ("tail", "tail"), ("timestamps", "timestamps")],
        ..one("logs", "GET", "containers", "logs")
    },
    One {
        flags: &[switch("force", 'f'), switch("volumes", 'v')],
        query: &[("force", "force"), ("volumes", "v")],
        ..one("rm", "DELETE", "containers", "")
    },
    One { flags: &[switch("force", 'f')], query: &[("force", "force")], ..one("rmi", "DELETE", "images", "") },
    one("image inspect", "GET", "images", "json"),
    one("history", "GET", "images", "history"),
    one("volume rm", "DELETE", "volumes", ""),
    one("volume inspect", "GET", "volumes", ""),
    one("network rm", "DELETE", "networks", ""),
    one("network inspect", "GET", "networks", ""),
];

/// Commands without an operand: the command, its route, and the switches that only change what is shown.
static NONES: &[(&str, &str, &[&str], &[Flag])] = &[
    ("ps", "GET", &["containers", "json"], &[switch("all", 'a'), switch("quiet", 'q')]),
    ("images", "GET", &["images", "json"], &[switch("all", 'a'), switch("quiet", 'q')]),
    ("info", "GET", &["info"], &[]),
    ("version", "GET", &["version"], &[]),
    ("events", "GET", &["events"], &[]),
    ("load", "POST", &["images", "load"], &[valued("input", 'i'), switch("quiet", 'q')]),
    ("volume ls", "GET", &["volumes"], &[switch("quiet", 'q')]),
    ("network ls", "GET", &["networks"], &[switch("quiet", 'q')]),
    ("volume prune", "POST", &["volumes", "prune"], &[switch("force", 'f'), switch("all", 'a')]),
    ("network prune", "POST", &["networks", "prune"], &[switch("force", 'f')]),
];

type Reader = fn(&[&str]) -> Result<DockerRequest, LineError>;

/// Commands with a reader of their own.
static OTHERS: &[(&str, Reader)] = &[
    ("build", build),
    ("cp", cp),
    ("create", create::parse),
    ("exec", create::parse_exec),
    ("network connect", |rest| network_member("network connect", rest)),
    ("network create", network_create),
    ("network disconnect", |rest| network_member("network disconnect", rest)),
    ("pull", pull),
    ("push", push),
    ("rename", rename),
    ("run", create::parse),
    ("save", save),
    ("tag", tag),
    ("volume create", volume_create),
];

/// Every command that is known, in order.
pub fn known() -> Vec<&'static str> {
    let named = ONES.iter().map(|one| one.command).chain(NONES.iter().map(|(command, ..)| *command));
    let mut all: Vec<_> = named.chain(OTHERS.iter().map(|(command, _)| *command)).collect();
    all.sort_unstable();
    all
}

/// Reads the rest of a command.
///
/// # Errors
/// [`LineError`] naming the word that cannot be read.
pub fn parse(verb: &str, rest: &[&str]) -> Result<DockerRequest, LineError> {
    if let Some(one) = ONES.iter().find(|one| one.command == verb) {
        return parse_one(one, rest);
    }
    if let Some((command, method, segments, known)) = NONES.iter().find(|(command, ..)| *command == verb) {
        let given = flags::read(command, known, rest, false)?;
        operands::<0>(command, &given, "nothing more")?;
        let all = verb == "ps" && given.is_on("all");
        return Ok(request(method, segments, if all { &[("all", "1")] } else { &[] }, Value::Null));
    }
    match OTHERS.iter().find(|(command, _)| *command == verb) {
        Some((_, read)) => read(rest),
        None => Err(LineError::Command(verb.to_owned())),
    }
}

fn operands<'a, const N: usize>(
    command: &'static str,
    given: &Given<'a>,
    wanted: &'static str,
) -> Result<[&'a str; N], LineError> {
    if let Some(extra) = given.words.get(N) {
        return Err(LineError::Extra { command, word: (*extra).to_owned() });
    }
    given.words.as_slice().try_into().map_err(|_| LineError::Missing { command, wanted })
}

fn parse_one(one: &'static One, rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read(one.command, one.flags, rest, false)?;
    let [name] = operands::<1>(one.command, &given, "one name or id")?;
    let query: Vec<(&str, &str)> = one
        .query
        .iter()
        .filter_map(|(flag, parameter)| given.last(flag).map(|v| (*parameter, if v == "true" { "1" } else { v })))
        .collect();
    let segments = [one.before, name, one.after];
    let used = if one.after.is_empty() { &segments[..2] } else { &segments[..] };
    Ok(request(one.method, used, &query, Value::Null))
}

/// Splits `registry:5000/name:tag` at the tag; a digest stays with the name.
fn name_and_tag(image: &str) -> (&str, &str) {
    if image.contains('@') {
        return (image, "");
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

fn pull(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("pull", &[valued("platform", ' '), switch("quiet", 'q')], rest, false)?;
    let [image] = operands("pull", &given, "one image")?;
    let (name, tag) = name_and_tag(image);
    let mut query = vec![("fromImage", name), ("tag", tag)];
    query.extend(given.last("platform").map(|platform| ("platform", platform)));
    query.retain(|(_, value)| !value.is_empty());
    Ok(request("POST", &["images", "create"], &query, Value::Null))
}

fn push(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("push", &[switch("quiet", 'q')], rest, false)?;
    let [image] = operands("push", &given, "one image")?;
    let (name, tag) = name_and_tag(image);
    Ok(request("POST", &["images", name, "push"], &[("tag", tag)], Value::Null))
}

fn tag(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("tag", &[], rest, false)?;
    let [from, to] = operands("tag", &given, "an image and its new name")?;
    let (repo, tag) = name_and_tag(to);
    Ok(request("POST", &["images", from, "tag"], &[("repo", repo), ("tag", tag)], Value::Null))
}

fn rename(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("rename", &[], rest, false)?;
    let [from, to] = operands("rename", &given, "a container and its new name")?;
    Ok(request("POST", &["containers", from, "rename"], &[("name", to)], Value::Null))
}

fn cp(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let known = [switch("archive", 'a'), switch("follow-link", 'L'), switch("quiet", 'q')];
    let given = flags::read("cp", &known, rest, false)?;
    let [from, to] = operands("cp", &given, "a source and a destination")?;
    match (in_container(from), in_container(to)) {
        (Some((container, path)), None) => {
            Ok(request("GET", &["containers", container, "archive"], &[("path", path)], Value::Null))
        }
        (None, Some((container, path))) => {
            let owners = given.is_on("archive").then_some(("copyUIDGID", "1"));
            let query: Vec<_> = [("path", path)].into_iter().chain(owners).collect();
            Ok(request("PUT", &["containers", container, "archive"], &query, Value::Null))
        }
        _ => Err(LineError::Missing { command: "cp", wanted: "CONTAINER:PATH as its source or its destination" }),
    }
}

/// `CONTAINER:PATH`; a path of the host may have a colon after a slash.
fn in_container(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(before, _)| !before.is_empty() && !before.contains('/'))
}

fn save(rest: &[&str]) -> Result<DockerRequest, LineError> {
    let given = flags::read("save", &[valued("output", 'o')], rest, false)?;
    if given.words.is_empty() {
        return Err(LineError::Missing { command: "save", wanted: "an image" });
    }
    let query: Vec<(&str, &str)> = given.words.iter().map(|image| ("names", *image)).collect();
    Ok(request("GET", &["images", "get"], &query, Value::Null))
}

fn build(rest: &[&str]) -> Result<DockerRequest, LineError> {
    static KNOWN: &[Flag] = &[
        valued("tag", 't'),
        valued("file", 'f'),
        valued("network", ' '),
        valued("target", ' '),
        switch("no-cache", ' '),
        switch("pull", ' '),
        switch("quiet", 'q'),
    ];
    let given = flags::read("build", KNOWN, rest, false)?;
    operands::<1>("build", &given, "a folder")?;
    let mut query: Vec<(&str, &str)> = given.all("tag").into_iter().map(|tag| ("t", tag)).collect();
    for (flag, parameter) in [("file", "dockerfile"), ("network", "networkmode"), ("target", "target")] {
        query.extend(given.last(flag).map(|value| (parameter, value)));
    }
    for (flag, parameter) in [("no-cache", "nocache"), ("pull", "pull")] {
        query.extend(given.is_on(flag).then_some((parameter, "1")));
    }
    Ok(request("POST", &["build"], &query, Value::Null))
}

fn volume_create(rest: &[&str]) -> Result<DockerRequest, LineError> {
    static KNOWN: &[Flag] = &[valued("driver", 'd'), valued("opt", 'o'), valued("label", ' '), valued("name", ' ')];
    let given = flags::read("volume create", KNOWN, rest, false)?;
    let name = match given.words.as_slice() {
        [] => given.last("name").unwrap_or_default(),
        _ => operands::<1>("volume create", &given, "one name")?[0],
    };
    let body = json!({
        "Name": name,
        "Driver": given.last("driver").unwrap_or("local"),
        "DriverOpts": super::values::map(&given.all("opt")),
        "Labels": super::values::map(&given.all("label")),
    });
    Ok(request("POST", &["volumes", "create"], &[], body))
}

fn network_create(rest: &[&str]) -> Result<DockerRequest, LineError> {
    static KNOWN: &[Flag] = &[
        valued("driver", 'd'),
        valued("opt", 'o'),
        valued("label", ' '),
        switch("internal", ' '),
        switch("attachable", ' '),
        switch("ipv6", ' '),
    ];
    let given = flags::read("network create", KNOWN, rest, false)?;
    let [name] = operands("network create", &given, "one name")?;
    let body = json!({
        "Name": name,
        "Driver": given.last("driver").unwrap_or("bridge"),
        "Options": super::values::map(&given.all("opt")),
        "Labels": super::values::map(&given.all("label")),
        "Internal": given.is_on("internal"),
        "Attachable": given.is_on("attachable"),
        "EnableIPv6": given.is_on("ipv6"),
    });
    Ok(request("POST", &["networks", "create"], &[], body))
}

fn network_member(verb: &str, rest: &[&str]) -> Result<DockerRequest, LineError> {
    let (command, way) =
        if verb == "network connect" { ("network connect", "connect") } else { ("network disconnect", "disconnect") };
    let given = flags::read(command, &[], rest, false)?;
    let [network, container] = operands(command, &given, "a network and a container")?;
    Ok(request("POST", &["networks", network, way], &[], json!({ "Container": container })))
}
