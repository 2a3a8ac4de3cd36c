//! The commands that move a container, for a person to run: through the guard's socket of both hosts, so that the policies
//! there have their say. The configuration goes from engine to engine as a file, since what is in it (commands, environment)
//! is no business of the controller.

use super::{
    image::{goes_by, keeping},
    view::{Contents, SeenContainer},
};
use crate::inventory::reference::normal;
use std::fmt::Write;
use wharden_model::{
    api::{MovePreview, MoveStep},
    capacity::{Advice, AdviceId, HostRef, show_bytes},
};

/// Where the guard listens when the agent has not told it.
const GUARD: &str = "/run/wharden/docker.sock";

/// From an inspection to the body of a creation. Networks go by their names: whoever made it may have given the first one by its
/// id, or the beginning of it, which means nothing on another host, and engines before 26 call the usual one `default`. The engine's
/// own name for the container in its network and the host name
/// that it made up go, since both are the old container's id. So does what inspections say of every container and nobody has
/// asked for, which policies would take for a wish: the paths that are masked as usual, and the host's cgroups where there is
/// nothing else, before cgroup v2. Whoever made it with --rm has to hear that it does not outlive its stop.
const CREATION: &str = ".[0] | if .HostConfig.AutoRemove then \
    error(\"it was made with --rm: once it stops it is gone, with what it wrote. Make it anew on the target, then stop it\") \
    else . end | .Id[:12] as $id | .HostConfig.NetworkMode as $mode | (.NetworkSettings.Networks | if has($mode) then $mode else \
    (to_entries | map(select(.value.NetworkID // \"\" | startswith($mode)).key) | first // if $mode == \"default\" then \"bridge\" else $mode end) end) as $first | {HostConfig, NetworkingConfig: {EndpointsConfig: (.NetworkSettings.Networks | \
    map_values({Links, IPAMConfig, DriverOpts, Aliases: [.Aliases[]? | select(. != $id)]}))}} as $rest | \
    .Config + $rest | if .Hostname == $id then del(.Hostname) else . end | .HostConfig |= (.NetworkMode = $first | \
    if .MaskedPaths == [] then . else del(.MaskedPaths) end | if .ReadonlyPaths == [] then . else del(.ReadonlyPaths) end | \
    if .CgroupnsMode == \"host\" and $cgroups != \"cgroup2fs\" then del(.CgroupnsMode) else . end)";

/// What `$cgroups` is on the host.
const CGROUPS: &str = "--arg cgroups \"$(stat -fc %T /sys/fs/cgroup)\"";

/// An engine before 25 makes a container in one network only.
const IN_ONE_NETWORK: &str =
    ".HostConfig.NetworkMode as $first | .NetworkingConfig.EndpointsConfig |= with_entries(select(.key == $first))";

/// Words for `docker network connect`, a line for each other network.
const OTHER_NETWORKS: &str = ".HostConfig.NetworkMode as $first | .NetworkingConfig.EndpointsConfig | to_entries[] | \
    select(.key != $first) | [(.value.Aliases[] | \"--alias\", .), (.value.IPAMConfig // {} | \
    (.IPv4Address // empty | \"--ip\", .), (.IPv6Address // empty | \"--ip6\", .)), (.value.Links[]? | \"--link\", .), \
    (.value.DriverOpts // {} | to_entries[] | \"--driver-opt\", \"\\(.key)=\\(.value)\"), .key] | @sh";

/// What is known of the container and of both hosts beside the advice.
pub struct Carried {
    /// What the image is called: its name, or its id where the name means another one by now.
    image: String,
    by_name: bool,
    /// What the target has of it.
    there: Image,
    /// What it wrote was counted.
    counted: bool,
    /// The image that what it wrote goes as; `None` where it wrote nothing that is known of.
    kept: Option<String>,
    many_networks: bool,
    /// Sockets of the guards on the source and on the target.
    guards: [String; 2],
}

enum Image {
    Same,
    /// Another one by this name.
    Other,
    None,
}

impl Carried {
    /// Of a container on a source, to a target. A guard that is not known listens where it usually does.
    pub fn new(
        advice: &AdviceId,
        seen: &SeenContainer,
        source: &Contents,
        target: &Contents,
        guards: [String; 2],
    ) -> Self {
        let (image, id) = (goes_by(seen, source), &seen.image_id);
        let by_name = image != id;
        let there = match target.tags.get(&normal(image).0).filter(|_| by_name) {
            Some(held) if held == id => Image::Same,
            Some(_) => Image::Other,
            None if !by_name && target.images.contains_key(id) => Image::Same,
            None => Image::None,
        };
        Self {
            image: image.to_owned(),
            by_name,
            there,
            counted: seen.layer_bytes.is_some(),
            kept: keeping(seen, advice),
            many_networks: seen.networks.len() > 1,
            guards: guards.map(|guard| if guard.is_empty() { GUARD.to_owned() } else { guard }),
        }
    }
}

/// The commands for a piece of advice.
pub fn preview(advice: Advice, carried: &Carried) -> MovePreview {
    let name = word(&advice.container.name);
    let file = word(&format!("{}.create.json", advice.container.name));
    let there = word(&advice.target.host.name);
    let [docker, docker_there] =
        carried.guards.each_ref().map(|guard| format!("docker -H {}", word(&format!("unix://{guard}"))));
    // The shell over there reads it once more.
    let load = format!("ssh {there} {}", word(&format!("{docker_there} load")));
    let image = word(&carried.image);
    let mut steps = Steps { of: &advice, steps: Vec::new() };
    if !matches!(carried.there, Image::Same) {
        let pull = if carried.by_name { "; where the target reaches the registry, pull it there instead" } else { "" };
        let why = format!("carry the image while the container still runs{pull}");
        steps.on_source(&why, format!("{docker} save {image} | {load}"));
    }
    let by_id = if carried.by_name { String::new() } else { format!(" | .Image = \"{}\"", carried.image) };
    steps.on_source(
        "write down how it was made, for nobody else to read: what it is started with, its environment, limits and labels",
        format!(
            "(umask 077 && {docker} container inspect {name} | jq {CGROUPS} {} > {file})",
            word(&format!("{CREATION}{by_id}"))
        ),
    );
    if !carried.counted {
        let why =
            "what it wrote outside of volumes stays behind, and nobody has counted it yet: look whether it is needed";
        steps.on_source(why, format!("{docker} diff {name}"));
    }
    let stop = |steps: &mut Steps<'_>| {
        steps.on_source("stop it: from here on it is away", format!("{docker} stop {name}"));
    };
    let kept = carried.kept.as_deref().map(word);
    if let Some(kept) = &kept {
        // What it writes until it stops goes along.
        stop(&mut steps);
        steps.on_source(
            "keep what it wrote outside of volumes, as an image of its own",
            format!("{docker} commit {name} {kept} && {docker} save {kept} | {load}"),
        );
        steps.on_source(
            "make it from that image there",
            format!(
                "(umask 077 && jq --arg image {kept} '.Image = $image' {file} > {file}.new && mv {file}.new {file})"
            ),
        );
    }
    steps.on_source("carry the file", format!("scp {file} {there}:{file}"));
    creation(&mut steps, &name, &file, &docker_there, carried);
    if kept.is_none() {
        // Only now, so that what refuses it there costs nothing.
        stop(&mut steps);
    }
    steps.on_target("start it; nobody needs the file any more", format!("{docker_there} start {name} && rm {file}"));
    steps.on_target(
        "look whether it does what it should",
        format!("{docker_there} ps --filter name={name} && {docker_there} logs --tail 20 {name}"),
    );
    let image_too = kept.map_or_else(String::new, |kept| format!(" && {docker} rmi {kept}"));
    steps.on_source("only then: remove the old one", format!("{docker} rm {name}{image_too} && rm {file}"));
    let steps = steps.steps;
    MovePreview { notes: notes(&advice, carried), advice, steps }
}

/// Makes it on the target.
fn creation(steps: &mut Steps<'_>, name: &str, file: &str, docker: &str, carried: &Carried) {
    let query = query(&steps.of.container.name);
    let create = format!(
        "curl -sS --fail-with-body --unix-socket {} -H 'Content-Type: application/json' --data-binary",
        word(&carried.guards[1])
    );
    let url = format!("'http://docker/containers/create?name={query}'");
    let why = "make the same container; the policies of the target have their say here";
    if carried.many_networks {
        steps.on_target(why, format!("jq {} {file} | {create} @- {url}", word(IN_ONE_NETWORK)));
        let connect = format!("eval {docker} network connect \"$words\" {name}");
        steps.on_target(
            "connect it with its other networks",
            format!("jq -r {} {file} | while read -r words; do {connect}; done", word(OTHER_NETWORKS)),
        );
    } else {
        steps.on_target(why, format!("{create} @{file} {url}"));
    }
}

fn notes(advice: &Advice, carried: &Carried) -> Vec<String> {
    let target = &advice.target.host.name;
    let mut notes = vec![
        format!(
            "{} to carry. Nothing here is done by Wharden; the commands need docker, jq and curl, and an account on {target}.",
            show_bytes(advice.bytes)
        ),
        "If it does not start there, `docker start` on the source brings the old one back.".to_owned(),
        "Whoever runs the commands is the owner of the new container.".to_owned(),
        "Whoever calls the container by the name or address of its host must be told the new one.".to_owned(),
    ];
    if carried.kept.is_none() {
        notes.push(
            "Should the target refuse to make it, it still runs on the source: `rm` the file on both.".to_owned(),
        );
    }
    if matches!(carried.there, Image::Other) {
        notes.push(format!("On {target} {} is another image so far; from then on it is this one.", carried.image));
    }
    notes
}

/// Commands in their order.
struct Steps<'a> {
    of: &'a Advice,
    steps: Vec<MoveStep>,
}

impl Steps<'_> {
    fn on_source(&mut self, why: &str, command: String) {
        self.step(self.of.source.host.clone(), why, command);
    }

    fn on_target(&mut self, why: &str, command: String) {
        self.step(self.of.target.host.clone(), why, command);
    }

    fn step(&mut self, on: HostRef, why: &str, command: String) {
        self.steps.push(MoveStep { on, why: why.to_owned(), command });
    }
}

/// A word of a POSIX shell that means just this text. Names come from machines that may be hostile.
fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:@-".contains(&b);
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain) {
        return text.to_owned();
    }
    // A word that begins with a dash would be an option of docker's.
    let text = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A value in a URL's query, within single quotes.
fn query(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"_.-".contains(&b) {
            out.push(char::from(b));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_word() {
        assert_eq!(word("web-1.example"), "web-1.example");
        assert_eq!(word("a b; rm -rf /"), "'a b; rm -rf /'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("$(id)"), "'$(id)'");
        assert_eq!(word("--privileged"), "'./--privileged'");
        assert_eq!(word(""), "''");
        assert_eq!(query("a&b=c'd"), "a%26b%3Dc%27d");
    }
}
