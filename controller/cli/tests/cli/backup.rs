//! `backup create`: a file of its own, whatever others have put there.

use crate::{run::Shell, sample::error, server::Server};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

#[tokio::test]
async fn a_backup_never_goes_through_a_file_of_somebody_else() {
    let server = Server::start().await;
    let backups = "POST /v1/backups";
    server.on(backups, 200, json!("sealed")).on(backups, 503, error("unavailable", "no leader", ""));
    let shell = Shell::logged_in(&server).await;
    let folder = server.dir.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let (file, theirs) = (folder.join("s.age"), folder.join("s.age.part"));
    fs::write(&theirs, "theirs").unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o666)).unwrap();

    let words = ["backup", "create", "--file", file.to_str().unwrap(), "--totp", "123456"];
    let outcome = shell.run(&words).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!(server.seen()[0].totp.as_deref(), Some("123456"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "sealed");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
    assert_ne!(fs::metadata(&file).unwrap().ino(), fs::metadata(&theirs).unwrap().ino());

    // What is there is not replaced, and what fails leaves nothing.
    assert_eq!(shell.run(&words).await.code, 2);
    let other = folder.join("other.age");
    assert_eq!(shell.run(&["backup", "create", "--file", other.to_str().unwrap()]).await.code, 1);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "the backup, and what was there");
}
