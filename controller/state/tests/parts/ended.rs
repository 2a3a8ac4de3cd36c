//! Why a session ended is kept for whoever held it.

use super::{
    authors::{at_level, by_root},
    *,
};

/// A cluster in which `bob` is a user too, and `root` has the sessions 1 and 2.
fn two_sessions() -> (State, u64) {
    let (mut state, n) = at_level();
    state.apply(n, &entry(n, open(2, Proof::Totp { step: 102 }))).0.unwrap();
    (state, n + 1)
}

fn by(name: &str, n: u64, command: Command) -> Entry {
    Entry { actor: Actor::User(user(name)), ..entry(n, command) }
}

/// What a holder of session 2 is told.
fn told(state: &State) -> String {
    state.ended_session(&session(2)).expect("known").to_string()
}

#[test]
fn each_end_has_its_reason() {
    let close = || Command::Session(SessionCommand::Close { id: session(2) });
    let group =
        |n| Command::Group(GroupCommand::Create { name: GroupName::new(n).unwrap(), members: vec![user("root")] });
    let disable = || Command::User(UserCommand::SetDisabled { name: user("root"), disabled: true });
    let reset = |n: u64| {
        Command::User(UserCommand::Reset { name: user("root"), hash: hash(60), expires_at: Timestamp(n * 2000) })
    };
    let refresh = || {
        let (old_hash, new_hash) = (hash(98), hash(99));
        Command::Session(SessionCommand::Refresh { id: session(2), old_hash, new_hash, expires_at: Timestamp(1) })
    };
    let password = |n| {
        let (user, old_hash, password_hash) = (user("root"), "phc".into(), "other".into());
        let command = AccountCommand::SetPassword { user, old_hash, password_hash };
        by_root(n, Some(Proof::Totp { step: 103 }), Command::Account(command))
    };
    let (start, n) = two_sessions();
    let at = Timestamp(n * 1000);
    let own_logout = {
        let origin = Origin { source: None, session: Some(session(2)), step_up: None, request: None };
        Entry { origin: Some(origin), ..by("root", n, close()) }
    };
    let ends = [
        (own_logout, format!("you logged out at {at}")),
        (by_root(n, None, close()), format!("you ended it from another session at {at}")),
        (by("ada", n, close()), format!("it was revoked by ada at {at}")),
        (by("ada", n, group("g")), format!("your groups were changed by ada at {at}")),
        (by("ada", n, disable()), format!("your user was disabled by ada at {at}")),
        (by("ada", n, reset(n)), format!("both your factors were reset by ada at {at}")),
        (
            by("root", n, refresh()),
            format!("its refresh token was used a second time at {at}, so somebody else may have it"),
        ),
        (password(n), format!("your password was changed at {at}")),
    ];
    for (end, why) in ends {
        let mut state = start.clone();
        state.apply(n, &end).0.unwrap();
        assert_eq!(told(&state), why);
        assert_eq!(State::from_bytes(&state.to_bytes().unwrap()).unwrap(), state);
    }
    let mut state = start;
    for n in n..n + u64::from(limits::WRONG_CODES_MAX) {
        let wrong = Command::Session(SessionCommand::StepUpFail { id: session(2) });
        state.apply(n, &entry(n, wrong)).0.unwrap();
    }
    assert!(told(&state).starts_with("5 wrong codes in a row came with it, the last at "), "{}", told(&state));
    assert_eq!(state.ended_session(&session(1)), None, "the other one goes on");
}

#[test]
fn what_ended_is_known_for_a_day_and_below_its_level_not_at_all() {
    let (mut state, n) = two_sessions();
    let close = |id| Command::Session(SessionCommand::Close { id: session(id) });
    state.apply(n, &entry(n, close(2))).0.unwrap();
    let at = |n: u64, secs: u64, command| Entry { issued_at: Timestamp::from_secs(secs), ..entry(n, command) };
    let day = n + limits::ENDED_SESSION_KEPT_S;
    state.apply(n + 1, &at(n + 1, day, open(3, Proof::Totp { step: 104 }))).0.unwrap();
    state.apply(n + 2, &at(n + 2, day, close(3))).0.unwrap();
    assert!(state.ended_session(&session(2)).is_none() && state.ended_session(&session(3)).is_some());

    let (mut before, n) = bootstrapped();
    before.apply(n, &entry(n, open(2, Proof::Totp { step: 102 }))).0.unwrap();
    before.apply(n + 1, &entry(n + 1, close(2))).0.unwrap();
    assert_eq!(before.ended_session(&session(2)), None);
}

#[test]
fn the_form_of_ended_sessions_is_frozen() {
    let (mut state, n) = two_sessions();
    let close = Command::Session(SessionCommand::Close { id: session(2) });
    state.apply(n, &by("ada", n, close)).0.unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&state.to_bytes().unwrap()[1..]).unwrap();
    insta::assert_json_snapshot!("ended_sessions", whole["ended_sessions"]);
}
