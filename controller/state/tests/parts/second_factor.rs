//! Second factors: what comes with a change, what changes them, and who waits after wrong ones.

use super::*;

/// A change by `root` in session 1, with this second factor.
fn stepped_up(n: u64, proof: Proof, command: Command) -> Entry {
    let origin =
        Origin { source: Some("192.0.2.1".into()), session: Some(session(1)), step_up: Some(proof), request: None };
    Entry { actor: Actor::User(user("root")), origin: Some(origin), ..entry(n, command) }
}

#[test]
fn a_known_device_passes_while_its_name_waits_and_no_other_does() {
    let (mut state, mut n) = bootstrapped();
    let at = |n: u64, command| Entry { issued_at: Timestamp(5000), ..entry(n, Command::Session(command)) };
    let open_from = |id: u8, step: u64, shown: Option<u8>, given: u8| match open(id, Proof::Totp { step }) {
        Command::Session(SessionCommand::Open {
            id,
            user,
            password_hash,
            proof,
            refresh_hash,
            expires_at,
            source,
            ..
        }) => {
            let device = Some(DeviceProof { shown: shown.map(hash), given: hash(given) });
            SessionCommand::Open { id, user, password_hash, proof, refresh_hash, expires_at, source, device }
        }
        _ => unreachable!(),
    };
    let fail = |device: Option<u8>| SessionCommand::Fail {
        name: "root".into(),
        source: "192.0.2.7".into(),
        device: device.map(hash),
    };
    state.apply(n, &at(n, open_from(1, 101, None, 70))).0.unwrap();
    for _ in 0..30 {
        n += 1;
        state.apply(n, &at(n, fail(Some(99)))).0.unwrap();
    }
    let locked = |state: &State, source: &str, device: Option<u8>| {
        state.check_not_locked("root", source, device.map(hash).as_ref(), Timestamp(5000)).is_err()
    };
    assert!(locked(&state, "198.51.100.1", None), "the name waits, wherever from");
    assert!(locked(&state, "198.51.100.1", Some(99)), "a made-up token is no device");
    assert!(state.check_not_locked("other", "192.0.2.7", None, Timestamp(5000)).is_err(), "the address waits");
    assert!(!locked(&state, "192.0.2.7", Some(70)), "the owner's device does not");
    let refused = state.apply(n + 1, &at(n + 1, open_from(2, 102, Some(99), 71))).0;
    assert!(matches!(refused, Err(Rejection::Locked { .. })));
    state.apply(n + 2, &at(n + 2, open_from(2, 102, Some(70), 71))).0.unwrap();
    assert!(!state.knows_device("root", &hash(70)) && state.knows_device("root", &hash(71)), "the token is swapped");
    // Guessing from a stolen device ends what it is worth.
    n += 3;
    for _ in 0..limits::DEVICE_FAILURES_MAX {
        assert!(state.knows_device("root", &hash(71)));
        state.apply(n, &at(n, fail(Some(71)))).0.unwrap();
        n += 1;
    }
    assert!(!state.knows_device("root", &hash(71)));
}

#[test]
fn a_code_that_comes_with_a_change_is_used_by_it_or_not_at_all() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    let make =
        |name: &str| Command::Group(GroupCommand::Create { name: GroupName::new(name).unwrap(), members: vec![] });
    let code = |step| Proof::Totp { step };
    let used = Err(Rejection::StepUp { used: true });
    assert_eq!(state.apply(n + 1, &stepped_up(n + 1, code(101), make("a"))).0, used);
    assert!(!state.groups.contains_key("a"));
    // Refused for its own sake: the code is still good, once.
    assert!(matches!(
        state.apply(n + 2, &stepped_up(n + 2, code(102), make("admins"))).0,
        Err(Rejection::Exists { .. })
    ));
    state.apply(n + 3, &stepped_up(n + 3, code(102), make("b"))).0.unwrap();
    assert_eq!(state.sessions[&session(1)].mfa_at, Timestamp((n + 3) * 1000), "the second factor is fresh");
    assert_eq!(state.apply(n + 4, &stepped_up(n + 4, code(102), make("c"))).0, used);
    let recovery = || Proof::Recovery { hash: hash(8) };
    state.apply(n + 5, &stepped_up(n + 5, recovery(), make("d"))).0.unwrap();
    assert_eq!(state.apply(n + 6, &stepped_up(n + 6, recovery(), make("e"))).0, Err(Rejection::StepUp { used: false }));
    // Of another's session, or of one that has ended.
    let mut other = stepped_up(n + 7, code(200), make("f"));
    other.actor = Actor::User(user("mallory"));
    assert_eq!(state.apply(n + 7, &other).0, Err(Rejection::SessionEnded));
    let close = Command::Session(SessionCommand::Close { id: session(1) });
    state.apply(n + 8, &entry(n + 8, close)).0.unwrap();
    assert_eq!(state.apply(n + 9, &stepped_up(n + 9, code(200), make("g"))).0, Err(Rejection::SessionEnded));
    insta::assert_json_snapshot!("step_up_entry", stepped_up(n, code(102), make("b")));
}

#[test]
fn factors_change_with_a_second_factor_of_before_and_end_the_other_sessions() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    state.apply(n + 1, &entry(n + 1, open(2, Proof::Totp { step: 102 }))).0.unwrap();
    let password = |old: &str| {
        Command::Account(AccountCommand::SetPassword {
            user: user("root"),
            old_hash: old.into(),
            password_hash: "new".into(),
        })
    };
    // Without a second factor it is refused even here.
    let bare = Entry { actor: Actor::User(user("root")), ..entry(n + 2, password("phc")) };
    assert_eq!(state.apply(n + 2, &bare).0, Err(Rejection::StepUp { used: false }));
    let step = |step| Proof::Totp { step };
    let stale = state.apply(n + 3, &stepped_up(n + 3, step(103), password("older"))).0;
    assert_eq!(stale, Err(Rejection::BadCredentials));
    let (reply, changes) = state.apply(n + 4, &stepped_up(n + 4, step(103), password("phc")));
    assert_eq!((reply, changes), (Ok(Applied::Done), vec![Change::SessionEnded(session(2))]));
    let totp = Command::Account(AccountCommand::SetTotp {
        user: user("root"),
        totp_sealed: hash(50),
        totp_step: 7,
        recovery_hashes: vec![hash(51)],
        replaces: None,
    });
    state.apply(n + 5, &stepped_up(n + 5, step(104), totp)).0.unwrap();
    let account = state.users[&user("root")].account.clone().unwrap();
    assert_eq!((account.password_hash.as_str(), account.totp_last_step), ("new", 7));
    assert!(account.recovery_hashes.contains(&hash(51)) && account.recovery_hashes.len() == 1);
    let recover = Command::Account(AccountCommand::Recover {
        user: user("root"),
        hash: hash(60),
        expires_at: Timestamp((n + 90) * 1000),
        by: "uid 0".into(),
    });
    state.apply(n + 6, &entry(n + 6, recover)).0.unwrap();
    assert!(state.users[&user("root")].account.is_none() && state.sessions.is_empty());
    state.apply(n + 7, &entry(n + 7, take_up(60, "root"))).0.unwrap();
    assert!(state.users[&user("root")].account.is_some());
}

#[test]
fn wrong_codes_in_a_row_end_the_session() {
    let (mut state, mut n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    let mut ended = Vec::new();
    for step in 1..=limits::WRONG_CODES_MAX + 4 {
        n += 1;
        if step == 4 {
            let good = Command::Session(SessionCommand::StepUp { id: session(1) });
            state.apply(n, &stepped_up(n, Proof::Totp { step: 102 }, good)).0.unwrap();
        } else {
            let fail = Command::Session(SessionCommand::StepUpFail { id: session(1) });
            ended.extend(state.apply(n, &entry(n, fail)).1);
        }
    }
    assert_eq!(ended, [Change::SessionEnded(session(1))], "five after the good one");
    assert_eq!(state.audit.records().last().unwrap().outcome, "refused: the code is not good");
}
