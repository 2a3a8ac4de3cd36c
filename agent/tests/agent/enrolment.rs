//! `wharden-agent enroll` and `status`, as a person runs them.

use crate::controller::Controller;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    sync::atomic::Ordering::SeqCst,
};
use tokio::task::spawn_blocking;

/// The program with a clean environment.
pub fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharden-agent"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub async fn enroll(controller: &str, token: &str, dir: &Path, more: &[&str]) -> Output {
    let mut command = agent();
    command.args(["enroll", "--controller", controller, "--token", token, "--hostname", "web-1", "--data-dir"]);
    command.arg(dir).args(more);
    spawn_blocking(move || command.output().expect("run")).await.expect("join")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("meta").permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_enrols_once_and_its_files_are_its_own() {
    let controller = Controller::start().await;
    let home = tempfile::tempdir().expect("dir");
    let dir = home.path().join("agent");
    let output = enroll(&controller.address, &controller.token(), &dir, &[]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("h-0000000000000001"));
    assert_eq!(mode(&dir), 0o700);
    let mut names: Vec<_> = fs::read_dir(&dir)
        .expect("dir")
        .map(|entry| {
            let entry = entry.expect("entry");
            assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
            entry.file_name().into_string().expect("name")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["bundle.keys", "host.json", "host.key", "host.pem", "lock"]);
    let key = fs::read(dir.join("host.key")).expect("key");

    let output = enroll(&controller.address, &controller.token(), &dir, &[]).await;
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("h-0000000000000001") && stderr(&output).contains("--force"),
        "{}",
        stderr(&output)
    );
    let output = enroll(&controller.address, &controller.token(), &dir, &["--force"]).await;
    assert!(stderr(&output).contains("used up"), "{}", stderr(&output));
    assert_eq!(fs::read(dir.join("host.key")).expect("key"), key, "a failed enrolment changes nothing");
    *controller.book.uses_left.lock().expect("lock") = 1;
    let output = enroll(&controller.address, &controller.token(), &dir, &["--force"]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_ne!(fs::read(dir.join("host.key")).expect("key"), key);

    let output = spawn_blocking(move || agent().arg("status").arg("--data-dir").arg(dir).output().expect("run"));
    let output = output.await.expect("join");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("web-1 (h-0000000000000002)") && text.contains("not running"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_lost_answer_takes_no_second_use() {
    let controller = Controller::start().await;
    controller.book.lose_answer.store(true, SeqCst);
    let home = tempfile::tempdir().expect("dir");
    let dir = home.path().join("agent");
    let output = enroll(&controller.address, &controller.token(), &dir, &[]).await;
    assert!(!output.status.success() && stderr(&output).contains("Try again"), "{}", stderr(&output));
    let output = enroll(&controller.address, &controller.token(), &dir, &[]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(controller.book.enrolled.lock().expect("lock").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_leaves_no_enrolment() {
    let controller = Controller::start().await;
    let other = Controller::start().await;
    let home = tempfile::tempdir().expect("dir");
    let dir = home.path().join("agent");
    let wrong = wharden_pki::token::JoinToken::generate(controller.book.ca.fingerprint()).text().reveal().to_owned();
    let used_up = controller.token();
    *controller.book.uses_left.lock().expect("lock") = 0;
    for (address, token, part) in [
        (controller.address.as_str(), "nonsense", "wjt_"),
        (controller.address.as_str(), wrong.as_str(), "not known"),
        (controller.address.as_str(), used_up.as_str(), "used up"),
        (other.address.as_str(), used_up.as_str(), "not of the cluster"),
        ("127.0.0.1:1", used_up.as_str(), "no controller can be reached"),
        ("no such host", used_up.as_str(), "HOST:7441"),
    ] {
        let output = enroll(address, token, &dir, &[]).await;
        assert!(!output.status.success());
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
        assert!(!stderr(&output).contains(token) || token == "nonsense", "a token is never shown");
        assert!(!dir.join("host.json").exists());
    }
    let output = spawn_blocking(move || agent().arg("run").arg("--data-dir").arg(dir).output().expect("run"));
    let text = stderr(&output.await.expect("join"));
    assert!(text.contains("not enrolled") && text.contains("wharden-agent enroll"), "{text}");
}
