//! A change of the cluster key on three controllers, broken off and taken up again at every point.

use super::{reseal::next, *};
use crate::{
    auth::enrolment::{recovery_hash, totp_record},
    keys::{Keys, new_cluster, read_cluster_key},
    raft::new_request_id,
};
use proptest::prelude::*;
use std::path::PathBuf;
use wharden_model::{KeyId, SessionId, Timestamp, UserName};
use wharden_pki::{ClusterKey, ClusterKeys};
use wharden_state::{
    AccountCommand, Actor, ClusterCommand, Command, ControllerCommand, Entry, Hex, KeyCommand, Proof, Rejection, Reply,
    Seat, SessionCommand, State, UserCommand,
};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const NAMELESS: &str = "wharden-cluster-key-1:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

/// One log, and the key files of three controllers, each of which has applied as much of the log as it has.
struct Cluster {
    dir: tempfile::TempDir,
    log: Vec<Entry>,
    state: State,
    holders: Vec<Holder>,
}

fn user() -> UserName {
    UserName::new("ada").expect("valid")
}

impl Cluster {
    /// With an admin whose TOTP secret is `secret` and whose recovery code is `code`.
    fn new(keys: &ClusterKeys, named: bool) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let mut cluster = Self { dir, log: Vec::new(), state: State::default(), holders: Vec::new() };
        let (mut first, ..) = new_cluster(keys, NOW).expect("made");
        let mut token = Hex(Vec::new());
        if let ClusterCommand::Initialise { sealing, bootstrap_hash, .. } = &mut first {
            // As a version before names wrote it.
            *sealing = sealing.filter(|_| named);
            token = bootstrap_hash.clone();
        }
        cluster.apply(Command::Cluster(first)).expect("initialised");
        for number in 1..=3 {
            let path = cluster.path(number);
            std::fs::write(&path, keys.to_file_text().as_bytes()).expect("written");
            cluster.holders.push(Holder::on_disk(path, keys.clone()));
        }
        let seat = Seat { name: "a".into(), peer: "a:1".into(), rest: "https://a:2".into(), agent: "a:3".into() };
        let register = ControllerCommand::Register { number: 1, seat, serial: "s".into() };
        cluster.apply(Command::Controller(register)).expect("registered");
        let take_up = AccountCommand::TakeUp {
            token_hash: token,
            user: user(),
            password_hash: "phc".into(),
            totp_sealed: Hex(keys.seal(&totp_record(&user()), b"secret")),
            totp_step: 1,
            recovery_hashes: vec![Hex(recovery_hash(&user(), "code", keys))],
            first_policies: Vec::new(),
        };
        cluster.apply(Command::Account(take_up)).expect("taken up");
        cluster
    }

    fn path(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("cluster-{number}.key"))
    }

    fn apply(&mut self, command: Command) -> Reply {
        let entry = Entry {
            request_id: new_request_id(),
            actor: Actor::System,
            issued_at: NOW,
            if_revision: None,
            origin: None,
            command,
        };
        self.log.push(entry.clone());
        self.state.apply(self.log.len() as u64, &entry).0
    }

    fn key(&mut self, command: KeyCommand) -> Reply {
        self.apply(Command::Key(command))
    }

    /// The first controller, the only member, holds a new key, and that one counts.
    fn takes_up_another_key(&mut self, old: &ClusterKeys) -> KeyId {
        let key = ClusterKey::generate();
        let new = key.id();
        self.key(KeyCommand::Offer { key: new, present: old.current() }).expect("offered");
        self.holders[0].take(&key).expect("on the disk");
        self.key(KeyCommand::Use { key: new, holders: vec![1] }).expect("used");
        self.holders[0].follow(&self.state).expect("held");
        new
    }

    /// A process that ends and begins again: of its memory the file is left.
    fn restart(&mut self, at: usize) {
        let path = self.path(at + 1);
        let keys = read_cluster_key(&path).expect("reads");
        self.holders[at] = Holder::on_disk(path, keys);
        self.opens_everything(at);
    }

    /// What a start needs, and a login.
    fn opens_everything(&self, at: usize) {
        let holder = &self.holders[at];
        holder.follow(&self.state).expect("it holds what the state needs");
        let keys = holder.now();
        Keys::open(&self.state, (*keys).clone()).expect("opens");
        let account = self.state.users["ada"].account.as_ref().expect("an account");
        assert_eq!(keys.open(&totp_record(&user()), &account.totp_sealed.0).expect("opens").as_slice(), b"secret");
        let hashes = keys.keyed_hashes("recovery/ada", b"code");
        assert!(hashes.into_iter().any(|hash| account.recovery_hashes.contains(&Hex(hash))));
    }

    /// One thing that the keeper of this controller does.
    fn step(&mut self, at: usize, new: KeyId) {
        let known = self.holders[at].now().ids();
        let resealing = self.state.sealing.as_ref().is_some_and(|s| s.outgoing().is_some());
        if resealing {
            self.holders[at].follow(&self.state).expect("held");
            let mut records = next(&self.state, &self.holders[at].now()).expect("opens");
            records.truncate(2);
            let command =
                if records.is_empty() { KeyCommand::Finish { key: new } } else { KeyCommand::Reseal { records } };
            self.key(command).expect("taken");
        }
        self.holders[at].destroy_unneeded(&self.state, &known).expect("written");
    }
}

fn start(named: bool) -> (Cluster, ClusterKeys) {
    let keys = if named { ClusterKeys::generate() } else { ClusterKeys::from_file_text(NAMELESS).expect("reads") };
    (Cluster::new(&keys, named), keys)
}

#[test]
fn a_change_goes_to_its_end_from_any_point_on_any_controller() {
    for named in [true, false] {
        for broken_at in 0..12 {
            let (mut cluster, old) = start(named);
            let key = ClusterKey::generate();
            let (new, present) = (key.id(), old.current());
            cluster.key(KeyCommand::Offer { key: new, present }).expect("offered");
            let mut n = 0;
            let mut point = |cluster: &mut Cluster| {
                if n == broken_at {
                    (0..3).for_each(|at| cluster.restart(at));
                }
                n += 1;
            };
            for at in 0..3 {
                point(&mut cluster);
                cluster.holders[at].take(&key).expect("on the disk");
            }
            point(&mut cluster);
            cluster.key(KeyCommand::Use { key: new, holders: vec![1, 2, 3] }).expect("used");
            for round in 0..8 {
                point(&mut cluster);
                // Whoever leads goes on.
                cluster.step((broken_at + round) % 3, new);
                (0..3).for_each(|at| cluster.opens_everything(at));
            }
            for at in 0..3 {
                cluster.step(at, new);
                cluster.restart(at);
                assert_eq!(cluster.holders[at].now().ids(), [new]);
                let text = std::fs::read_to_string(cluster.path(at + 1)).expect("reads");
                let lines: Vec<&str> = text.lines().collect();
                assert!(lines.len() == 2 && !old.to_file_text().contains(lines[0]), "one key, one for hashes");
                assert!(!text.contains(old.to_file_text().trim()), "the old key is gone");
            }
            assert_eq!(cluster.state.sealed_before().count(), 0);
            assert!(arranged(&cluster.state, &old).is_err(), "the old key alone opens nothing");
        }
    }
}

#[test]
fn an_offer_that_came_to_nothing_leaves_every_disk_and_the_key_as_it_was() {
    let (mut cluster, old) = start(true);
    let key = ClusterKey::generate();
    let (new, present) = (key.id(), old.current());
    cluster.key(KeyCommand::Offer { key: new, present }).expect("offered");
    cluster.holders[1].take(&key).expect("on the disk");
    cluster.restart(1);
    cluster.holders[1].destroy_unneeded(&cluster.state, &[present, new]).expect("written");
    assert_eq!(cluster.holders[1].now().ids(), [present, new], "it is offered still");
    cluster.key(KeyCommand::Withdraw { key: new, why: "a test".into() }).expect("withdrawn");
    cluster.holders[1].destroy_unneeded(&cluster.state, &[present, new]).expect("written");
    let text = std::fs::read_to_string(cluster.path(2)).expect("reads");
    assert_eq!(text, *old.to_file_text());
}

#[test]
fn the_bytes_of_a_key_that_goes_are_overwritten_where_they_stood() {
    let (mut cluster, old) = start(true);
    let link = cluster.dir.path().join("the same bytes");
    let key = ClusterKey::generate();
    let (new, present) = (key.id(), old.current());
    cluster.key(KeyCommand::Offer { key: new, present }).expect("offered");
    cluster.holders[0].take(&key).expect("on the disk");
    std::fs::hard_link(cluster.path(1), &link).expect("linked");
    cluster.key(KeyCommand::Use { key: new, holders: vec![1, 2, 3] }).expect("used");
    for _ in 0..6 {
        cluster.step(0, new);
    }
    assert_eq!(cluster.holders[0].now().ids(), [new]);
    assert!(std::fs::read(&link).expect("reads").iter().all(|byte| *byte == 0));
}

#[test]
fn many_accounts_are_sealed_anew_in_parts_that_fit_the_log() {
    let (mut cluster, keys) = start(true);
    for n in 0..200 {
        let name = UserName::new(format!("user-{n}")).expect("valid");
        cluster.apply(Command::User(UserCommand::Create { name: name.clone(), groups: Vec::new() })).expect("made");
        let hash = Hex(vec![n; 32]);
        let invite = UserCommand::Invite { name: name.clone(), hash: hash.clone(), expires_at: Timestamp(u64::MAX) };
        cluster.apply(Command::User(invite)).expect("invited");
        let take_up = AccountCommand::TakeUp {
            token_hash: hash,
            totp_sealed: Hex(keys.seal(&totp_record(&name), b"secret")),
            recovery_hashes: (0..10).map(|c| Hex(recovery_hash(&name, &format!("{c}"), &keys))).collect(),
            user: name,
            password_hash: "phc".into(),
            totp_step: 1,
            first_policies: Vec::new(),
        };
        cluster.apply(Command::Account(take_up)).expect("taken up");
    }
    let new = cluster.takes_up_another_key(&keys);
    let mut parts = 0;
    loop {
        let records = next(&cluster.state, &cluster.holders[0].now()).expect("opens");
        if records.is_empty() {
            break;
        }
        let size = serde_json::to_vec(&records).expect("JSON").len();
        assert!(size < wharden_store::limits::COMMAND_MAX - 4096, "{size}");
        cluster.key(KeyCommand::Reseal { records }).expect("taken");
        parts += 1;
    }
    assert!(parts > 1);
    cluster.key(KeyCommand::Finish { key: new }).expect("nothing is left");
}

#[test]
fn a_recovery_code_that_was_looked_at_before_a_change_is_good_when_it_is_looked_at_again() {
    let (mut cluster, old) = start(true);
    let looked_at = |cluster: &Cluster| {
        cluster.holders[0].follow(&cluster.state).expect("held");
        let account = cluster.state.users["ada"].account.clone().expect("an account");
        let hashes = cluster.holders[0].now().keyed_hashes("recovery/ada", b"code").into_iter().map(Hex);
        let known: Vec<Hex> = hashes.filter(|hash| account.recovery_hashes.contains(hash)).collect();
        Proof::Recovery { hash: known[0].clone() }
    };
    let open = |id: u8, proof: Proof| {
        Command::Session(SessionCommand::Open {
            id: SessionId::new(format!("s-{id:032x}")).expect("valid"),
            user: user(),
            password_hash: "phc".into(),
            proof,
            refresh_hash: Hex(vec![id; 32]),
            expires_at: NOW.plus_secs(60),
            source: "127.0.0.1".into(),
            device: None,
        })
    };
    let before = looked_at(&cluster);
    let new = cluster.takes_up_another_key(&old);
    cluster.step(0, new);
    cluster.step(0, new);
    cluster.step(0, new);
    let after = looked_at(&cluster);
    assert_ne!(before, after, "its hash was made anew");
    assert_eq!(cluster.apply(open(1, before)), Err(Rejection::BadCredentials));
    cluster.apply(open(2, after.clone())).expect("let in");
    assert_eq!(cluster.apply(open(3, after)), Err(Rejection::BadCredentials), "once");
}

#[test]
fn what_does_not_open_stays_and_keeps_the_old_key_alive() {
    let (mut cluster, keys) = start(true);
    cluster.state.cluster.as_mut().expect("a cluster").keys.bundle.0[40] ^= 1;
    let new = cluster.takes_up_another_key(&keys);
    let records = next(&cluster.state, &cluster.holders[0].now()).expect("the others open");
    cluster.key(KeyCommand::Reseal { records }).expect("taken");
    let why = next(&cluster.state, &cluster.holders[0].now()).expect_err("one is left");
    assert!(why.contains("cluster/bundle"), "{why}");
    assert!(cluster.key(KeyCommand::Finish { key: new }).is_err());
    let known = cluster.holders[0].now().ids();
    assert!(cluster.holders[0].destroy_unneeded(&cluster.state, &known).expect("looked").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Controllers that are started anew, do their part or are behind, in any order: nothing that the state holds is ever
    /// without its key on any of them.
    #[test]
    fn no_order_of_crashes_loses_a_key(doings in prop::collection::vec((0_usize..3, any::<bool>()), 0..30), named: bool) {
        let (mut cluster, old) = start(named);
        let key = ClusterKey::generate();
        let (new, present) = (key.id(), old.current());
        cluster.key(KeyCommand::Offer { key: new, present }).expect("offered");
        for at in 0..3 {
            cluster.holders[at].take(&key).expect("on the disk");
        }
        cluster.key(KeyCommand::Use { key: new, holders: vec![1, 2, 3] }).expect("used");
        for (at, crashes) in doings {
            if crashes {
                cluster.restart(at);
            } else {
                cluster.step(at, new);
            }
            (0..3).for_each(|at| cluster.opens_everything(at));
        }
    }
}
