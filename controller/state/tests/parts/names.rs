//! What the audit calls a change: as policy calls the action, so that what was refused of it has the same name.

use super::{
    authors::{at_level, by_root},
    *,
};

/// Actions, resources and details of the records since `from`.
fn lines(state: &State, from: usize) -> Vec<(String, String, String)> {
    let records = state.audit.records().skip(from);
    records.map(|r| (r.action.clone(), r.resource.clone(), r.detail.clone())).collect()
}

fn applied(state: &mut State, n: &mut u64, command: Command) -> Vec<(String, String, String)> {
    let from = state.audit.records().len();
    state.apply(*n, &by_root(*n, None, command)).0.unwrap();
    *n += 1;
    lines(state, from)
}

fn patch(labels: bool, posture: bool) -> Command {
    Command::Host(HostCommand::Patch {
        id: HostId::new("h-0000000000000001").unwrap(),
        labels: labels.then(|| "env=prod".parse().unwrap()),
        posture: posture.then_some(Posture::Observe),
    })
}

fn with_host(state: &mut State, n: &mut u64) {
    let token = TokenCommand::Create {
        id: TokenId::new("jt-000000000001").unwrap(),
        hash: hash(20),
        expires_at: Timestamp(9_000_000),
        uses: 1,
        labels: Labels::none(),
        posture: Posture::Enforce,
    };
    state.apply(*n, &entry(*n, Command::Token(token))).0.unwrap();
    state.apply(*n + 1, &entry(*n + 1, enrol(20, 1))).0.unwrap();
    *n += 2;
}

fn rollback() -> Command {
    Command::Policy(PolicyCommand::Put {
        name: PolicyName::new("p").unwrap(),
        text: "a".into(),
        mode: None,
        rules: 1,
        if_version: None,
        origin: PolicyOrigin::Rollback { to: 1 },
    })
}

fn reset() -> Command {
    Command::User(UserCommand::Reset { name: user("bob"), hash: hash(60), expires_at: Timestamp(9_000_000) })
}

#[test]
fn what_was_allowed_is_called_as_what_was_refused() {
    let (mut state, mut n) = at_level();
    with_host(&mut state, &mut n);
    state.apply(n, &entry(n, open(2, Proof::Totp { step: 102 }))).0.unwrap();
    n += 1;
    let line = |action: &str, resource: &str, detail: &str| (action.to_owned(), resource.to_owned(), detail.to_owned());
    assert_eq!(applied(&mut state, &mut n, put("a", None)), [line("policy.create", "policy p", "1 rules, 1 bytes")]);
    assert_eq!(applied(&mut state, &mut n, put("b", None)), [line("policy.update", "policy p", "1 rules, 1 bytes")]);
    let back = line("policy.update", "policy p", "1 rules, 1 bytes to version 1");
    assert_eq!(applied(&mut state, &mut n, rollback()), [back]);
    let host = "host h-0000000000000001";
    let (label, posture) = (line("host.label", host, "labels env=prod"), line("host.posture", host, "posture observe"));
    assert_eq!(applied(&mut state, &mut n, patch(true, false)), std::slice::from_ref(&label));
    assert_eq!(applied(&mut state, &mut n, patch(true, true)), [label, posture], "each is an action");
    let create = UserCommand::Create { name: user("bob"), groups: vec![] };
    applied(&mut state, &mut n, Command::User(create));
    assert_eq!(applied(&mut state, &mut n, reset())[0].0, "user.invite");
    let close = Command::Session(SessionCommand::Close { id: session(2) });
    let revoked = line("session.revoke", "user root", &format!("session {}", session(2)));
    assert_eq!(applied(&mut state, &mut n, close), [revoked]);
    let close = Command::Session(SessionCommand::Close { id: session(1) });
    assert_eq!(applied(&mut state, &mut n, close)[0].0, "session.logout", "its own");
    assert!(state.audit.verify().is_ok());
}

#[test]
fn below_that_level_records_are_those_of_earlier_versions() {
    let (mut state, mut n) = bootstrapped();
    with_host(&mut state, &mut n);
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    n += 1;
    let mut names = Vec::new();
    let create = UserCommand::Create { name: user("bob"), groups: vec![] };
    for command in [put("a", None), rollback(), patch(true, true), Command::User(create), reset()] {
        names.extend(applied(&mut state, &mut n, command).into_iter().map(|line| line.0));
    }
    assert_eq!(names, ["policy.put", "policy.rollback", "host.update", "user.create", "user.reset"]);
    for (now, before) in
        [("policy.update", "policy.put"), ("host.posture", "host.update"), ("user.invite", "user.reset")]
    {
        assert!(wharden_model::audit::former_names(now).contains(&before), "found by the name of now");
    }
}
