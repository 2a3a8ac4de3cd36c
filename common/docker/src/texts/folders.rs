//! Folders in which a process begins.

use crate::{
    doc::Doc,
    refusal::{Refusal, shorten},
};

/// Checks that a process does not begin in what a process has open: with runc before 1.1.12 that is a folder of the host
/// (CVE-2024-21626).
///
/// # Errors
/// 400 with the folder.
pub fn check(field: &str, folder: Doc<'_>) -> Result<(), Refusal> {
    let text = folder.own_text();
    // Part by part: what comes after such a link is not where it looks to be.
    let mut parts: Vec<&str> = Vec::new();
    let mut is_open = |part| {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
        match parts.as_slice() {
            // A link to /proc/self/fd, which runtimes make.
            ["dev", "fd"] => true,
            ["proc", .., last] => ["fd", "map_files", "cwd", "root"].contains(last),
            _ => false,
        }
    };
    if !text.split('/').any(&mut is_open) {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "field {field}: {:?} is what a process has open, which with old runtimes is the host's: name a folder of the container",
        shorten(text)
    )))
}

#[cfg(test)]
mod tests {
    use crate::{doc::Doc, texts};
    use serde_json::json;
    use wharden_model::Action;

    #[test]
    fn nothing_begins_in_what_a_process_has_open() {
        let check = |folder: &str| {
            [
                (Action::ContainerCreate, json!({ "WorkingDir": folder })),
                (Action::ContainerExec, json!({ "WorkingDir": folder })),
                (Action::ServiceCreate, json!({"TaskTemplate": {"ContainerSpec": {"Dir": folder}}})),
            ]
            .map(|(action, body)| texts::check(action, Doc::new(Some(&body))))
        };
        for folder in [
            "/proc/self/fd/8",
            "/./proc//thread-self/fd/8/../../..",
            "proc/1/task/1/fd/7",
            "/a/../proc/1/root",
            "/dev/fd/8",
        ] {
            for refusal in check(folder).map(|checked| checked.expect_err(folder)) {
                assert!(refusal.status == 400 && refusal.message.contains("old runtimes"), "{}", refusal.message);
            }
        }
        for folder in ["", "/", "/srv/proc/fd", "/procs/fd", "/proc", "/proc/sys", "fd", "/dev/shm"] {
            assert!(check(folder).iter().all(Result::is_ok), "{folder}");
        }
    }
}
