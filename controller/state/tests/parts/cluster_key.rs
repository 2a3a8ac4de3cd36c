//! The change of the cluster key: in which order, for whom, and that nothing of the old key is left or comes back.

use super::*;
use wharden_model::{
    KeyId,
    key_id::{NAME_LEN, NAMED},
};

const OLD: KeyId = KeyId::from_bytes([1; NAME_LEN]);
const NEW: KeyId = KeyId::from_bytes([2; NAME_LEN]);
const THIRD: KeyId = KeyId::from_bytes([3; NAME_LEN]);

/// A sealed value or a hash, as it looks from outside.
fn of(key: KeyId, byte: u8) -> Hex {
    Hex([&[NAMED][..], key.bytes(), &[byte; 32]].concat())
}

struct Log {
    state: State,
    n: u64,
}

impl Log {
    /// A cluster of one controller with one account, whose key has a name or has none yet.
    fn new(key: Option<KeyId>) -> Self {
        let mut log = Self { state: State::default(), n: 0 };
        let sealed = |byte| key.map_or_else(|| hash(byte), |key| of(key, byte));
        log.apply(Command::Cluster(ClusterCommand::Initialise {
            id: ClusterId::new("c-0123456789abcdef").unwrap(),
            ca_certificate: hash(1),
            bundle_key: hash(2),
            keys: SealedKeys { ca: sealed(3), bundle: sealed(4), token: sealed(5) },
            bootstrap_hash: hash(6),
            level: LEVEL,
            sealing: key,
        }))
        .unwrap();
        let seat = Seat { name: "a".into(), peer: "a:1".into(), rest: "https://a:2".into(), agent: "a:3".into() };
        log.apply(Command::Controller(ControllerCommand::Register { number: 1, seat, serial: "s".into() })).unwrap();
        log.apply(take_up_with(&sealed(7), &[sealed(8), sealed(9)])).unwrap();
        log
    }

    fn apply(&mut self, command: Command) -> Reply {
        self.n += 1;
        self.state.apply(self.n, &entry(self.n, command)).0
    }

    fn key(&mut self, command: KeyCommand) -> Reply {
        self.apply(Command::Key(command))
    }

    /// Up to the entry from which `NEW` seals.
    fn using(key: Option<KeyId>) -> Self {
        let mut log = Self::new(key);
        log.key(offer(NEW, OLD)).unwrap();
        log.key(KeyCommand::Use { key: NEW, holders: vec![1] }).unwrap();
        log
    }

    /// Everything that is left, sealed anew.
    fn anew(&self) -> Vec<Resealed> {
        let left = self.state.sealed_before();
        left.map(|(record, from)| Resealed { of: record, from: from.clone(), to: of(NEW, from.0[from.0.len() - 1]) })
            .collect()
    }
}

fn take_up_with(totp: &Hex, hashes: &[Hex]) -> Command {
    let Command::Account(AccountCommand::TakeUp { token_hash, user, password_hash, totp_step, first_policies, .. }) =
        take_up(6, "root")
    else {
        unreachable!("it is what take_up makes")
    };
    Command::Account(AccountCommand::TakeUp {
        token_hash,
        user,
        password_hash,
        totp_sealed: totp.clone(),
        totp_step,
        recovery_hashes: hashes.to_vec(),
        first_policies,
    })
}

fn offer(key: KeyId, present: KeyId) -> KeyCommand {
    KeyCommand::Offer { key, present }
}

fn rotate_signing(sealed: Hex) -> Command {
    Command::Cluster(ClusterCommand::RotateSigning { if_since: None, sealed, until: Timestamp(u64::MAX) })
}

#[test]
fn a_change_goes_its_steps_and_ends_when_nothing_of_the_old_key_is_left() {
    for key in [None, Some(OLD)] {
        let mut log = Log::using(key);
        assert_eq!(log.state.sealing.as_ref().unwrap().outgoing(), Some(OLD));
        assert_eq!(log.state.sealed_before().count(), 6, "three keys, a secret, two hashes");
        assert_eq!(log.key(KeyCommand::Finish { key: NEW }), Err(Rejection::NotResealed { left: 6 }));
        let anew = log.anew();
        for part in anew.chunks(4) {
            log.key(KeyCommand::Reseal { records: part.to_vec() }).unwrap();
        }
        assert_eq!(log.state.sealed_before().count(), 0);
        log.key(KeyCommand::Finish { key: NEW }).unwrap();
        let sealing = log.state.sealing.clone().unwrap();
        assert_eq!((sealing.current, sealing.change, sealing.outgoing()), (NEW, None, None));
        assert!(sealing.former.iter().eq([&OLD]) && !sealing.needs(OLD) && sealing.needs(NEW));
        // What was sealed anew is what it was.
        let login = open(1, Proof::Recovery { hash: of(NEW, 8) });
        assert_eq!(log.apply(login), Ok(Applied::Session { recovery_codes_left: 1 }));
        // And again, from there.
        log.key(offer(THIRD, NEW)).unwrap();
        assert_eq!(log.key(KeyCommand::Finish { key: NEW }), Err(Rejection::KeyMoved));
    }
}

#[test]
fn it_seals_only_once_every_controller_holds_it_and_nobody_comes_or_goes() {
    let mut log = Log::new(Some(OLD));
    let use_it = |holders: &[u64]| KeyCommand::Use { key: NEW, holders: holders.to_vec() };
    assert_eq!(log.key(use_it(&[1])), Err(Rejection::KeyMoved), "nobody offered it");
    assert_eq!(log.key(offer(NEW, THIRD)), Err(Rejection::KeyMoved), "the key is another one by now");
    log.key(offer(NEW, OLD)).unwrap();
    assert_eq!(log.key(offer(THIRD, OLD)), Err(Rejection::KeyChanging));
    assert_eq!(log.key(use_it(&[2])), Err(Rejection::NotHeld { number: 1 }));
    let code = wharden_model::CodeId::new("jc-000000000001").unwrap();
    let allow = ControllerCommand::Allow {
        id: code.clone(),
        hash: hash(1),
        expires_at: Timestamp(1_000_000),
        voter: true,
        replaces: None,
    };
    log.apply(Command::Controller(allow)).unwrap();
    let seat = Seat { name: "b".into(), peer: "b:1".into(), rest: "https://b:2".into(), agent: "b:3".into() };
    let join = ControllerCommand::Join { code, code_hash: hash(1), key: hash(2), number: 2, seat, serial: "t".into() };
    log.apply(Command::Controller(join)).unwrap();
    // It may have been told only of the old key.
    assert_eq!(log.key(use_it(&[1, 2])), Err(Rejection::Changing { number: 2 }));
    let settle = ControllerCommand::Settle { voters: vec![1, 2], learners: vec![] };
    log.apply(Command::Controller(settle)).unwrap();
    assert_eq!(log.key(use_it(&[1])), Err(Rejection::NotHeld { number: 2 }));
    log.key(KeyCommand::Withdraw { key: NEW, why: "a test".into() }).unwrap();
    assert_eq!(log.key(use_it(&[1, 2])), Err(Rejection::KeyMoved), "it was withdrawn");
    assert_eq!(log.state.sealing.as_ref().unwrap().current, OLD);
}

#[test]
fn what_is_sealed_with_a_key_that_does_not_count_is_not_taken() {
    for key in [None, Some(OLD)] {
        let old = |byte| key.map_or_else(|| hash(byte), |key| of(key, byte));
        let mut log = Log::using(key);
        // Whoever has not heard of the new key yet is not refused, and what it brings is sealed anew as well.
        log.apply(rotate_signing(old(20))).unwrap();
        assert_eq!(log.apply(rotate_signing(of(THIRD, 20))), Err(Rejection::KeyMoved));
        log.apply(rotate_signing(of(NEW, 21))).unwrap();
        assert_eq!(log.state.sealed_before().count(), 7);
        let records = log.anew();
        // A leader that fell behind, and a value that changed meanwhile.
        let mut wrong = records.clone();
        wrong[0].to = old(1);
        assert_eq!(log.key(KeyCommand::Reseal { records: wrong }), Err(Rejection::KeyMoved));
        let mut stale = records[3].clone();
        stale.from = old(99);
        log.key(KeyCommand::Reseal { records: vec![stale] }).unwrap();
        assert_eq!(log.state.sealed_before().count(), 7, "nothing was replaced");
        log.key(KeyCommand::Reseal { records }).unwrap();
        log.key(KeyCommand::Finish { key: NEW }).unwrap();
        assert_eq!(log.apply(rotate_signing(old(22))), Err(Rejection::KeyMoved));
        assert_eq!(log.key(KeyCommand::Reseal { records: vec![] }), Err(Rejection::KeyMoved));
        assert_eq!(log.state.sealed_before().count(), 0);
    }
}

#[test]
fn a_code_that_is_used_while_it_is_hashed_on_stays_used() {
    let mut log = Log::using(Some(OLD));
    let records = log.anew();
    log.apply(open(1, Proof::Recovery { hash: of(OLD, 8) })).unwrap();
    log.key(KeyCommand::Reseal { records }).unwrap();
    assert_eq!(log.state.users["root"].account.as_ref().unwrap().recovery_hashes.len(), 1);
    let again = open(2, Proof::Recovery { hash: of(NEW, 8) });
    assert_eq!(log.apply(again), Err(Rejection::BadCredentials));
}

#[test]
fn after_a_restore_an_offer_is_gone_and_a_change_that_seals_goes_on() {
    let restore = || Command::Cluster(ClusterCommand::Restore { made_at: Timestamp(1), index: 1 });
    let mut log = Log::new(Some(OLD));
    log.key(offer(NEW, OLD)).unwrap();
    log.apply(restore()).unwrap();
    assert_eq!(log.state.sealing.as_ref().unwrap().change, None);
    let mut log = Log::using(Some(OLD));
    log.apply(restore()).unwrap();
    assert_eq!(log.state.sealing.as_ref().unwrap().outgoing(), Some(OLD));
}

#[test]
fn the_form_of_the_commands_is_frozen_and_the_audit_shows_no_value() {
    let mut log = Log::new(Some(OLD));
    let record = |of_what, byte| Resealed { of: of_what, from: of(OLD, byte), to: of(NEW, byte) };
    let commands = [
        offer(NEW, OLD),
        KeyCommand::Withdraw { key: NEW, why: "controller 2 does not answer".into() },
        KeyCommand::Use { key: NEW, holders: vec![1, 2] },
        KeyCommand::Reseal {
            records: vec![
                record(SealedRecord::Ca, 1),
                record(SealedRecord::Bundle, 2),
                record(SealedRecord::Token, 3),
                record(SealedRecord::Totp(user("root")), 4),
                record(SealedRecord::Recovery(user("root")), 5),
                record(SealedRecord::Channel(wharden_model::ChannelName::new("pager").unwrap()), 6),
            ],
        },
        KeyCommand::Finish { key: NEW },
    ];
    insta::assert_json_snapshot!("key_commands", commands);
    for command in commands {
        let _ = log.key(command);
    }
    log.key(offer(THIRD, OLD)).unwrap();
    insta::assert_json_snapshot!("sealing", log.state.sealing);
    assert_eq!(State::from_bytes(&log.state.to_bytes().unwrap()).unwrap(), log.state);
    let lines: Vec<_> = log.state.audit.records().filter(|r| r.action == "key.rotate").collect();
    assert_eq!(lines.len(), 5, "that values were sealed anew is routine");
    let value = of(NEW, 4).to_string();
    assert!(lines.iter().all(|line| !line.detail.contains(&value) && line.resource == "cluster key"));
}
