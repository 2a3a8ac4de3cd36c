//! Logs: options of the engine's own drivers that do more than they say.

use crate::{
    doc::Doc,
    limits::{LOG_BUFFER_MIB_MAX, LOG_FILES_MAX, LOG_TAG_MAX, LOG_TAG_NAMES_MAX},
    refusal::{Refusal, shorten},
};
use std::collections::BTreeMap;

/// What a tag may tell of the container. The engine executes it as a template, which could go on without end, in time and in memory.
const OF_TAGS: [&str; 12] = [
    "ID",
    "FullID",
    "Name",
    "ImageName",
    "ImageID",
    "ImageFullID",
    "DaemonName",
    "Hostname",
    "ContainerID",
    "ContainerName",
    "ContainerImageID",
    "ContainerImageName",
];

/// Fields of the journal by which the engine finds a container's log, and others know whose it is.
const OF_JOURNAL: [&str; 10] = [
    "CONTAINER_ID",
    "CONTAINER_ID_FULL",
    "CONTAINER_NAME",
    "CONTAINER_TAG",
    "IMAGE_NAME",
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "UNIT",
    "USER_UNIT",
];
const OF_JOURNAL_BEGINNINGS: [&str; 5] = ["CONTAINER_LOG_", "CONTAINER_PARTIAL_", "COREDUMP_", "OBJECT_", "SYSLOG_"];

/// Checks the options that are asked for.
///
/// # Errors
/// 400 with the option.
pub fn check(field: &str, options: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if let Some(tag) = options.get("tag").filter(|tag| !is_tag(tag)) {
        return Err(Refusal::bad(format!(
            "field {field}: tag {:?} is more than a short text ({LOG_TAG_MAX} bytes) with up to {LOG_TAG_NAMES_MAX} names of this list, each as \
             {{{{.NAME}}}}: {}",
            shorten(tag),
            OF_TAGS.join(", ")
        )));
    }
    for name in ["max-file", "cache-max-file"] {
        let many = |count: &&String| !count.parse::<u32>().is_ok_and(|count| count <= LOG_FILES_MAX);
        if let Some(count) = options.get(name).filter(many) {
            let shown = shorten(count);
            return Err(Refusal::bad(format!(
                "field {field}: {name} {shown:?} is no number of up to {LOG_FILES_MAX} files"
            )));
        }
    }
    let large = |size: &&String| mebibytes(size).is_none_or(|size| size > LOG_BUFFER_MIB_MAX);
    if let Some(size) = options.get("max-buffer-size").filter(large) {
        let shown = shorten(size);
        return Err(Refusal::bad(format!(
            "field {field}: max-buffer-size {shown:?} is no size of up to {LOG_BUFFER_MIB_MAX}m, such as 4m or 512k"
        )));
    }
    Ok(())
}

/// A size such as 4m or 512k, rounded up.
fn mebibytes(size: &str) -> Option<u64> {
    let size = size.to_ascii_lowercase();
    let size = size.strip_suffix('b').unwrap_or(&size);
    let (number, unit) = match size.strip_suffix('k') {
        Some(number) => (number, 1 << 10),
        None => size.strip_suffix('m').map_or((size, 1), |number| (number, 1 << 20)),
    };
    Some(number.parse::<u32>().map(u64::from).ok()?.checked_mul(unit)?.div_ceil(1 << 20))
}

/// Refuses variables and labels that would be written over what the journal says of a container: who asks for its log gets that of
/// whichever container is named there.
///
/// # Errors
/// 400 with the variable or the label.
pub fn names(field: &str, options: &BTreeMap<String, String>, container: Doc<'_>) -> Result<(), Refusal> {
    let listed = |option: &str| options.get(option).into_iter().flat_map(|names| names.split(','));
    let any = |option: &str| options.get(option).is_some_and(|pattern| !pattern.is_empty());
    let variables = container.texts("Env").map(|variable| variable.split('=').next().unwrap_or_default());
    let labels = container.members("Labels").map(|(name, _)| name);
    let matched = variables.filter(|_| any("env-regex")).chain(labels.filter(|_| any("labels-regex")));
    let mut names = listed("env").chain(listed("labels")).chain(matched);
    match names.find(|name| is_of_journal(name)) {
        None => Ok(()),
        Some(name) => Err(Refusal::bad(format!(
            "field {field}: {:?} would stand in the journal in the place of what the engine says of the container: leave that variable \
             or label out of env, labels, env-regex and labels-regex, or call it otherwise",
            shorten(name)
        ))),
    }
}

fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split("{{");
    let _text = parts.next();
    let few = tag.len() <= LOG_TAG_MAX && parts.clone().count() <= LOG_TAG_NAMES_MAX;
    few && parts.all(|part| {
        let name = part.split_once("}}").and_then(|(name, _)| name.trim_matches(' ').strip_prefix('.'));
        name.is_some_and(|name| OF_TAGS.contains(&name))
    })
}

/// As the engine makes names of fields: upper case, a low line for what is no letter or digit, none at the beginning.
fn is_of_journal(name: &str) -> bool {
    let field: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let field = field.trim_start_matches('_');
    OF_JOURNAL.contains(&field) || OF_JOURNAL_BEGINNINGS.iter().any(|beginning| field.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_are_text_and_plain_names() {
        for tag in ["", "web", "{{.ID}}", "docker/{{.Name}}/{{ .ImageName }}", "a}}b"] {
            assert_eq!(check("f", &options(&[("tag", tag)])), Ok(()), "{tag}");
        }
        for tag in [
            "{{pad \"x\" 1099511627776 0}}",
            "{{",
            "{{.ID",
            "{{- .ID}}",
            "{{.Config}}",
            "{{.ID | upper}}",
            "{{.ID}}{{define \"t\"}}",
        ] {
            assert!(
                check("f", &options(&[("tag", tag)])).is_err_and(|refusal| refusal.message.contains("tag")),
                "{tag}"
            );
        }
    }

    #[test]
    fn tags_are_short() {
        let tag = |text: &str| check("f", &options(&[("tag", text)]));
        let name = "{{.ID}}";
        assert!(tag(&"x".repeat(LOG_TAG_MAX)).is_ok() && tag(&name.repeat(LOG_TAG_NAMES_MAX)).is_ok());
        assert!(tag(&"x".repeat(LOG_TAG_MAX + 1)).is_err() && tag(&name.repeat(LOG_TAG_NAMES_MAX + 1)).is_err());
    }

    #[test]
    fn buffers_are_small() {
        for size in ["4m", "16MB", "512k", "1048576", "100b"] {
            assert_eq!(check("f", &options(&[("max-buffer-size", size)])), Ok(()), "{size}");
        }
        for size in ["17m", "1g", "99999999k", "", "x", "-1", "1.5m", "4 m"] {
            assert!(check("f", &options(&[("max-buffer-size", size)])).is_err(), "{size}");
        }
    }

    #[test]
    fn files_are_few() {
        for (count, passes) in
            [("1", true), ("1000", true), ("1001", false), ("4611686018427387904", false), ("-1", false), ("x", false)]
        {
            assert_eq!(check("f", &options(&[("max-file", count)])).is_ok(), passes, "{count}");
            assert_eq!(check("f", &options(&[("cache-max-file", count)])).is_ok(), passes, "{count}");
        }
    }

    #[test]
    fn nothing_is_written_over_what_the_journal_says() {
        let container =
            json!({"Env": ["CONTAINER_ID_FULL=abc", "TIER=web"], "Labels": {"container-name": "x", "tier": "web"}});
        let asked = |pairs: &[(&str, &str)]| names("f", &options(pairs), Doc::new(Some(&container)));
        for plain in
            [&[][..], &[("env", "TIER"), ("labels", "tier,other")], &[("max-size", "1m")], &[("env-regex", "")]]
        {
            assert_eq!(asked(plain), Ok(()), "{plain:?}");
        }
        for (option, value) in [
            ("env", "TIER,CONTAINER_ID_FULL"),
            ("env", "container.id.full"),
            ("labels", "_image-name"),
            ("labels", "container.partial.message"),
            ("labels", "object-systemd-unit"),
            ("env-regex", "^TIER"),
            ("labels-regex", "."),
        ] {
            assert!(asked(&[(option, value)]).is_err(), "{option}={value}");
        }
    }
}
