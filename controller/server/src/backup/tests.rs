use super::*;
use crate::keys::new_cluster;
use std::{fs, time::Duration};
use wharden_model::{RequestId, Timestamp};
use wharden_pki::ClusterKeys;
use wharden_state::{Actor, Command, Entry, State};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

struct Scene {
    dir: tempfile::TempDir,
    state: State,
    key: ClusterKeys,
    identities: Identities,
    recipients: Recipients,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("dir");
    let key = ClusterKeys::generate();
    let (command, ..) = new_cluster(&key, NOW).expect("keys");
    let mut state = State::default();
    let entry = Entry {
        request_id: RequestId::new("0".repeat(32)).expect("valid"),
        actor: Actor::System,
        issued_at: NOW,
        if_revision: None,
        origin: None,
        command: Command::Cluster(command),
    };
    state.apply(1, &entry).0.expect("initialised");
    let (text, public) = keygen();
    fs::write(dir.path().join("key"), text.reveal()).expect("written");
    let identities = Identities::read(&dir.path().join("key")).expect("reads");
    let recipients = Recipients::parse(&[public]).expect("a public key");
    Scene { dir, state, key, identities, recipients }
}

impl Scene {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(&self.state, 7, &self.key, &self.recipients, NOW, &mut out).expect("written");
        out
    }

    fn open(&self, bytes: &[u8]) -> Result<Opened, OpenError> {
        let path = self.dir.path().join("backup");
        fs::write(&path, bytes).expect("written");
        open(&path, &self.identities)
    }
}

#[test]
fn what_was_written_comes_back_and_shows_nothing_in_the_clear() {
    let scene = scene();
    let bytes = scene.bytes();
    let opened = scene.open(&bytes).expect("opens");
    assert_eq!(opened.state, scene.state);
    assert_eq!((opened.header.index, opened.header.created_at, opened.audit_records), (7, NOW, 1));
    assert_eq!(*opened.cluster_key().expect("a key").to_file_text(), *scene.key.to_file_text());
    let cluster = opened.header.cluster_id.to_string();
    for secret in [cluster.as_bytes(), scene.key.to_file_text().trim().as_bytes(), b"wharden_backup"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    assert!(!format!("{:?}", opened.header).contains("wharden-cluster-key"));
}

#[test]
fn a_backup_that_was_cut_or_changed_anywhere_does_not_open() {
    let scene = scene();
    let bytes = scene.bytes();
    for cut in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        assert!(scene.open(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let why = scene.open(&bytes[..bytes.len() - 1]).err().expect("refused").to_string();
    assert!(why.starts_with("was cut or changed"), "{why}");
    for at in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(scene.open(&changed).is_err(), "changed at {at}");
    }
    let other = Scene { identities: self::scene().identities, ..scene };
    assert!(matches!(other.open(&bytes), Err(OpenError::WrongKey)));
}

#[test]
fn a_backup_of_another_form_or_with_another_key_is_refused_with_the_reason() {
    let scene = scene();
    let seal = |plain: &[u8]| {
        let mut out = Vec::new();
        let mut sealed = scene.recipients.encryptor().expect("recipients").wrap_output(&mut out).expect("begins");
        std::io::Write::write_all(&mut sealed, plain).expect("written");
        sealed.finish().expect("ends");
        out
    };
    let text = |plain: &[u8]| scene.open(&seal(plain)).err().expect("refused").to_string();
    assert!(text(b"{\"wharden_backup\":2}\n").contains("version 2"));
    assert!(text(b"a letter").contains("not a backup"));
    let mut mixed = Vec::new();
    let other = ClusterKeys::generate();
    let refused = write(&scene.state, 7, &other, &scene.recipients, NOW, &mut mixed).expect_err("the key is missing");
    assert!(refused.to_string().contains("try again") && mixed.is_empty(), "{refused}");
    // A state that does not name its key.
    let mut state = scene.state.clone();
    state.sealing = None;
    write(&state, 7, &other, &scene.recipients, NOW, &mut mixed).expect("written");
    assert!(scene.open(&mixed).err().expect("refused").to_string().contains("cluster.key"));
}

#[test]
fn keys_that_are_none_are_refused_by_name_and_secret_ones_are_not_shown() {
    let (secret, public) = keygen();
    let line = secret.reveal().lines().last().expect("the key").to_owned();
    let error = Recipients::parse(&[public, line.clone()]).expect_err("a secret key").to_string();
    assert!(error.contains("public half") && !error.contains(&line), "{error}");
    assert!(Recipients::parse(&["age1nothing"]).expect_err("not a key").to_string().contains("age1nothing"));
    let none = Recipients::parse::<&str>(&[]).expect("no key is a list too");
    assert!(matches!(none.encryptor(), Err(KeyError::NoRecipient)));
    let dir = tempfile::tempdir().expect("dir");
    fs::write(dir.path().join("empty"), "# nothing\n").expect("written");
    assert!(Identities::read(&dir.path().join("empty")).err().expect("refused").to_string().contains("empty"));
}

#[test]
fn a_scheduled_backup_is_written_when_it_is_due_and_old_ones_go() {
    let scene = scene();
    let folder = scene.dir.path().join("backups");
    fs::create_dir(&folder).expect("folder");
    let recipients = Recipients::parse(&[keygen().1]).expect("a public key");
    let schedule = Schedule { folder: folder.clone(), recipients, every: Duration::from_secs(3600), keep: 2 };
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .expect("lists")
            .map(|e| e.expect("entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    };
    let hour = 3_600_000;
    for (after, kept) in [(0, 1), (hour - 1, 1), (hour, 2), (2 * hour, 2), (5 * hour, 2)] {
        schedule.write_if_due(&scene.state, 7, &scene.key, Timestamp(NOW.0 + after)).expect("written");
        assert_eq!(names().len(), kept, "after {after}");
    }
    let cluster = &scene.state.cluster.as_ref().expect("a cluster").id;
    let expected = [2 * hour, 5 * hour].map(|after| file_name(cluster, Timestamp(NOW.0 + after)));
    assert_eq!(names(), expected);
    assert!(newest(&folder, cluster).is_some());
    let other = wharden_model::ClusterId::new("c-00000000000000ff").expect("id");
    assert_eq!(newest(&folder, &other), None, "another cluster that shares the folder has none");
    let gone = Schedule { folder: scene.dir.path().join("none"), ..schedule };
    assert!(gone.write_if_due(&scene.state, 7, &scene.key, NOW).expect_err("no folder").to_string().contains("none"));
}
