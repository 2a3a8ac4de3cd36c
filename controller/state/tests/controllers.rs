//! The controllers as the state has them: what is used once, what never comes back, one change at a time.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use wharden_model::{ClusterId, CodeId, RequestId, Timestamp};
use wharden_state::*;

fn entry(n: u64, command: ControllerCommand) -> Entry {
    Entry {
        request_id: RequestId::new(format!("{n:032x}")).unwrap(),
        actor: Actor::System,
        issued_at: Timestamp(n * 1000),
        if_revision: None,
        origin: None,
        command: Command::Controller(command),
    }
}

fn seat(n: u64) -> Seat {
    Seat {
        name: format!("ctl{n}"),
        peer: format!("ctl{n}:7442"),
        rest: format!("https://ctl{n}:7440"),
        agent: format!("ctl{n}:7441"),
    }
}

fn hash(byte: u8) -> Hex {
    Hex(vec![byte; 32])
}

fn code(n: u8) -> CodeId {
    CodeId::new(format!("jc-{n:012x}")).unwrap()
}

/// A state with its next request number.
struct Log {
    state: State,
    n: u64,
    changed: bool,
}

impl Log {
    /// A cluster whose controller 1 has entered itself.
    fn founded() -> Self {
        let mut log = Self { state: State::default(), n: 1, changed: false };
        let initialise = ClusterCommand::Initialise {
            id: ClusterId::new("c-0123456789abcdef").unwrap(),
            ca_certificate: hash(1),
            bundle_key: hash(2),
            keys: SealedKeys { ca: hash(3), bundle: hash(4), token: hash(5) },
            bootstrap_hash: hash(6),
            level: 0,
            sealing: None,
        };
        let first = Entry { command: Command::Cluster(initialise), ..entry(1, promote(0)) };
        log.state.apply(1, &first).0.unwrap();
        log.apply(register(1, "s1")).unwrap();
        log
    }

    fn apply(&mut self, command: ControllerCommand) -> Reply {
        self.n += 1;
        let (reply, changes) = self.state.apply(self.n, &entry(self.n, command));
        self.changed = changes.contains(&Change::Controllers);
        reply
    }

    /// A second voter.
    fn with_two() -> Self {
        let mut log = Self::founded();
        log.apply(allow(1, true, None)).unwrap();
        log.apply(join(1, 2)).unwrap();
        log.apply(settle(&[1, 2], &[])).unwrap();
        log
    }

    fn roles(&self) -> Vec<(u64, ControllerStatus)> {
        self.state.controllers.members.iter().map(|(n, c)| (*n, c.status)).collect()
    }
}

fn register(number: u64, serial: &str) -> ControllerCommand {
    ControllerCommand::Register { number, seat: seat(number), serial: serial.into() }
}

fn allow(n: u8, voter: bool, replaces: Option<u64>) -> ControllerCommand {
    ControllerCommand::Allow { id: code(n), hash: hash(n), expires_at: Timestamp(1_000_000), voter, replaces }
}

fn join(n: u8, number: u64) -> ControllerCommand {
    join_as(n, n, number)
}

fn join_as(n: u8, key: u8, number: u64) -> ControllerCommand {
    ControllerCommand::Join {
        code: code(n),
        code_hash: hash(n),
        key: hash(key),
        number,
        seat: seat(number),
        serial: format!("s{number}"),
    }
}

fn promote(number: u64) -> ControllerCommand {
    ControllerCommand::Promote { number }
}

fn remove(number: u64) -> ControllerCommand {
    ControllerCommand::Remove { number }
}

fn settle(voters: &[u64], learners: &[u64]) -> ControllerCommand {
    ControllerCommand::Settle { voters: voters.to_vec(), learners: learners.to_vec() }
}

use ControllerStatus::{Joining, Learner, Voter};

#[test]
fn the_founder_enters_itself_and_only_it_with_its_certificate_moves() {
    let mut log = Log::founded();
    assert_eq!(log.roles(), [(1, Voter)]);
    assert_eq!(log.apply(register(1, "other")), Err(Rejection::OtherCertificate { number: 1 }));
    assert!(
        matches!(log.apply(register(2, "s2")), Err(Rejection::NotFound { .. })),
        "nobody else enters without a code"
    );
    let moved = Seat { peer: "new:7442".into(), ..seat(1) };
    log.apply(ControllerCommand::Register { number: 1, seat: moved.clone(), serial: "s1".into() }).unwrap();
    assert!(log.changed);
    assert_eq!(log.state.controllers.members[&1].seat, moved);
}

#[test]
fn a_code_is_good_once_in_its_time_and_a_retry_of_the_same_key_gets_the_same_number() {
    let mut log = Log::founded();
    assert_eq!(log.apply(join(1, 2)), Err(Rejection::BadToken));
    log.apply(allow(1, true, None)).unwrap();
    assert!(!log.changed);
    let guessed = ControllerCommand::Join {
        code: code(1),
        code_hash: hash(9),
        key: hash(1),
        number: 2,
        seat: seat(2),
        serial: "x".into(),
    };
    assert_eq!(log.apply(guessed), Err(Rejection::BadToken));
    assert_eq!(log.apply(join(1, 3)), Err(Rejection::NotNext { next: 2 }));
    assert_eq!(log.apply(join(1, 2)), Ok(Applied::Controller { number: 2 }));
    assert!(log.changed);
    assert_eq!(log.apply(join_as(1, 7, 3)), Err(Rejection::TokenUsedUp), "another key");
    assert_eq!(log.apply(join(1, 3)), Err(Rejection::NotNext { next: 2 }), "the same key, another number");
    assert_eq!(log.apply(join(1, 2)), Ok(Applied::Controller { number: 2 }));
    assert_eq!(log.state.controllers.members.len(), 2);
    log.apply(settle(&[1, 2], &[])).unwrap();
    assert_eq!(log.apply(join(1, 2)), Err(Rejection::TokenUsedUp), "it has arrived");
    log.apply(allow(2, true, None)).unwrap();
    log.n = 2000;
    assert_eq!(log.apply(join(2, 3)), Err(Rejection::TokenExpired));
}

#[test]
fn one_change_at_a_time_until_it_is_settled() {
    let mut log = Log::founded();
    for n in [1, 2] {
        log.apply(allow(n, true, None)).unwrap();
    }
    log.apply(join(1, 2)).unwrap();
    assert_eq!(log.roles(), [(1, Voter), (2, Joining)]);
    let changing = Err(Rejection::Changing { number: 2 });
    assert_eq!(log.apply(join(2, 3)), changing);
    assert_eq!(log.apply(remove(1)), changing);
    log.apply(settle(&[1], &[2])).unwrap();
    assert!(!log.changed, "it replicates, and has no vote yet");
    assert_eq!(log.apply(join(2, 3)), changing);
    log.apply(settle(&[1, 2], &[])).unwrap();
    assert!(log.changed && log.state.controllers.changing.is_none());
    assert_eq!(log.roles(), [(1, Voter), (2, Voter)]);
    log.apply(settle(&[1, 2], &[])).unwrap();
    assert!(!log.changed);
    log.apply(join(2, 3)).unwrap();
}

#[test]
fn a_removed_number_never_comes_back() {
    let mut log = Log::with_two();
    log.apply(remove(2)).unwrap();
    assert!(log.state.controllers.members[&2].leaving);
    assert!(!log.state.controllers.was_removed(2), "not before Raft has let it go");
    log.apply(settle(&[1], &[])).unwrap();
    assert!(log.state.controllers.was_removed(2) && !log.state.controllers.was_removed(3));
    assert_eq!(log.state.controllers.changing, None);
    log.apply(allow(3, true, None)).unwrap();
    assert_eq!(log.apply(join(3, 2)), Err(Rejection::NotNext { next: 3 }));
    log.apply(join(3, 3)).unwrap();
    assert!(matches!(log.apply(register(2, "s2")), Err(Rejection::NotFound { .. })));
    assert_eq!(log.apply(join(1, 2)), Err(Rejection::TokenUsedUp), "its code has been used");
}

#[test]
fn the_last_voter_stays_and_a_join_can_be_given_up() {
    let mut log = Log::founded();
    assert_eq!(log.apply(remove(1)), Err(Rejection::LastController));
    log.apply(allow(1, true, None)).unwrap();
    log.apply(join(1, 2)).unwrap();
    log.apply(remove(2)).unwrap();
    log.apply(settle(&[1], &[])).unwrap();
    assert_eq!(log.roles(), [(1, Voter)]);
    assert_eq!(log.state.controllers.changing, None);
    assert!(log.state.controllers.was_removed(2));
}

#[test]
fn a_learner_stays_one_until_it_is_promoted() {
    let mut log = Log::founded();
    log.apply(allow(1, false, None)).unwrap();
    log.apply(join(1, 2)).unwrap();
    log.apply(settle(&[1], &[2])).unwrap();
    assert_eq!(log.roles(), [(1, Voter), (2, Learner)]);
    assert_eq!(log.state.controllers.changing, None);
    assert_eq!(log.apply(remove(1)), Err(Rejection::LastController), "a learner cannot go on alone");
    assert_eq!(log.apply(promote(1)), Err(Rejection::NoLearner { number: 1 }));
    log.apply(promote(2)).unwrap();
    assert_eq!(log.state.controllers.changing, Some(2));
    log.apply(settle(&[1, 2], &[])).unwrap();
    assert_eq!(log.roles(), [(1, Voter), (2, Voter)]);
}

#[test]
fn a_replacement_makes_the_old_one_leave_once_it_votes() {
    let mut log = Log::with_two();
    assert!(matches!(log.apply(allow(3, true, Some(7))), Err(Rejection::NotFound { .. })));
    log.apply(allow(3, true, Some(2))).unwrap();
    // It may have the address of the one that it replaces.
    let same = ControllerCommand::Join {
        code: code(3),
        code_hash: hash(3),
        key: hash(3),
        number: 3,
        seat: seat(2),
        serial: "s3".into(),
    };
    log.apply(same).unwrap();
    log.apply(settle(&[1, 2, 3], &[])).unwrap();
    assert_eq!(log.state.controllers.changing, Some(2), "the second half");
    assert!(log.state.controllers.members[&2].leaving);
    log.apply(settle(&[1, 3], &[])).unwrap();
    assert_eq!(log.roles(), [(1, Voter), (3, Voter)]);
    assert_eq!(log.state.controllers.changing, None);
}

#[test]
fn an_address_belongs_to_one_controller_and_there_are_not_too_many() {
    let mut log = Log::with_two();
    log.apply(allow(3, true, None)).unwrap();
    let taken = ControllerCommand::Join {
        code: code(3),
        code_hash: hash(3),
        key: hash(3),
        number: 3,
        seat: seat(1),
        serial: "s3".into(),
    };
    assert!(matches!(log.apply(taken), Err(Rejection::Exists { kind: Kind::Controller, .. })));
    for n in 4..4 + limits::CODES_MAX as u8 - 2 {
        log.apply(allow(n, true, None)).unwrap();
    }
    assert!(matches!(log.apply(allow(99, true, None)), Err(Rejection::Limit { what: Kind::Code, .. })));
}

#[test]
fn everything_is_in_the_audit_and_no_secret_is() {
    let mut log = Log::with_two();
    log.apply(remove(2)).unwrap();
    let records: Vec<_> = log.state.audit.records().map(|r| (r.action.as_str(), r.resource.as_str())).collect();
    assert_eq!(
        records[1..],
        [
            ("cluster.register", "controller 1"),
            ("cluster.update", "code jc-000000000001"),
            ("cluster.join", "controller 2"),
            ("cluster.settle", "controllers"),
            ("cluster.update", "controller 2"),
        ]
    );
    let all = format!("{:?}", log.state.audit.records().map(|r| &r.detail).collect::<Vec<_>>());
    assert!(!all.contains(&hash(1).to_string()), "{all}");
}

/// Frozen: a log written by an earlier version must stay readable.
#[test]
fn the_form_of_commands_and_of_the_state_is_frozen() {
    let commands = [
        register(1, "s1"),
        allow(1, true, None),
        allow(2, false, Some(1)),
        join(1, 2),
        promote(2),
        remove(2),
        settle(&[1], &[2]),
    ];
    insta::assert_json_snapshot!("controller_commands", commands);
    let mut log = Log::with_two();
    log.apply(allow(3, true, Some(2))).unwrap();
    log.apply(join(3, 3)).unwrap();
    log.apply(settle(&[1, 2, 3], &[])).unwrap();
    insta::assert_json_snapshot!("controllers", log.state.controllers);
    let bytes = log.state.to_bytes().unwrap();
    assert_eq!(State::from_bytes(&bytes).unwrap(), log.state);
    // A state from before there were controllers in it.
    let mut old = Log::founded().state;
    old.controllers = Controllers::default();
    let bytes = old.to_bytes().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("controllers"));
    assert_eq!(State::from_bytes(&bytes).unwrap(), old);
}
