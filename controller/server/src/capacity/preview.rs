//! The commands that move a container, for a person to run: through the guard's socket of both hosts, so that the policies
//! there have their say. The configuration goes from engine to engine as a file, since what is in it (commands, environment)
//! is no business of the controller.

use std::fmt::Write;
use wharden_model::{
    api::{MovePreview, MoveStep},
    capacity::{Advice, HostRef, show_bytes},
};

/// Where the guard listens unless the agent was told otherwise.
const GUARD: &str = "/run/wharden/docker.sock";

/// What is known of the container beside the advice.
pub struct Carried {
    /// The target lacks the image.
    pub image_bytes: u64,
    /// What it wrote itself.
    pub layer_bytes: u64,
}

/// The commands for a piece of advice.
pub fn preview(advice: Advice, carried: &Carried) -> MovePreview {
    let (source, target) = (advice.source.host.clone(), advice.target.host.clone());
    let name = word(&advice.container.name);
    let file = word(&format!("{}.create.json", advice.container.name));
    let there = word(&target.name);
    let mut steps = Vec::new();
    let mut step = |on: &HostRef, why: &str, command: String| {
        steps.push(MoveStep { on: on.clone(), why: why.to_owned(), command });
    };
    let docker = format!("docker -H unix://{GUARD}");
    if carried.image_bytes > 0 {
        let image = word(&advice.container.image);
        step(
            &source,
            "carry the image while the container still runs; where the target reaches the registry, pull it there instead",
            format!("{docker} save {image} | ssh {there} {docker} load"),
        );
    }
    step(
        &source,
        "write down how it was made: what it is started with, its ports, networks, limits and labels",
        format!(
            "{docker} inspect {name} | jq '.[0] | .Config + {{HostConfig, NetworkingConfig: {{EndpointsConfig: (.NetworkSettings.Networks | map_values({{Aliases, Links, IPAMConfig}}))}}}}' > {file}"
        ),
    );
    step(&source, "stop it: from here on it is away", format!("{docker} stop {name}"));
    if carried.layer_bytes > 0 {
        let kept = word(&kept_image(&advice));
        step(
            &source,
            "keep what it wrote outside of volumes, as an image of its own",
            format!("{docker} commit {name} {kept} && {docker} save {kept} | ssh {there} {docker} load"),
        );
        step(
            &source,
            "make it from that image there",
            format!("jq --arg image {kept} '.Image = $image' {file} > {file}.new && mv {file}.new {file}"),
        );
    }
    step(&source, "carry the file", format!("scp {file} {there}:{file}"));
    step(
        &target,
        "make the same container; the policies of the target have their say here",
        format!(
            "curl -sS --fail-with-body --unix-socket {GUARD} -H 'Content-Type: application/json' --data-binary @{file} 'http://docker/containers/create?name={}'",
            query(&advice.container.name)
        ),
    );
    step(&target, "start it", format!("{docker} start {name}"));
    step(
        &target,
        "look whether it does what it should",
        format!("{docker} ps --filter name={name} && {docker} logs --tail 20 {name}"),
    );
    step(&source, "only then: remove the old one", format!("{docker} rm {name} && rm {file}"));
    let notes = vec![
        format!(
            "{} to carry. Nothing here is done by Wharden; the commands need docker, jq and curl.",
            show_bytes(advice.bytes)
        ),
        "If it does not start there, `docker start` on the source brings the old one back.".to_owned(),
        "Whoever calls the container by the name or address of its host must be told the new one.".to_owned(),
    ];
    MovePreview { advice, steps, notes }
}

fn kept_image(advice: &Advice) -> String {
    let plain: String = advice.container.name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("wharden-move/{}:{}", plain.to_ascii_lowercase(), advice.id.as_str())
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
