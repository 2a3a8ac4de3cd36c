//! Whose change it is, whether they may still make it, and what a request's id is kept with.

use super::*;

/// A cluster in which everything that there is may be used, with `root` logged in, and the next free number.
pub(super) fn at_level() -> (State, u64) {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, Command::Cluster(ClusterCommand::Raise { level: LEVEL }))).0.unwrap();
    state.apply(n + 1, &entry(n + 1, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    (state, n + 2)
}

pub(super) fn by_root(n: u64, step_up: Option<Proof>, command: Command) -> Entry {
    let origin = Origin { source: None, session: Some(session(1)), step_up, request: Some(request(9000)) };
    Entry { actor: Actor::User(user("root")), origin: Some(origin), ..entry(n, command) }
}

fn make(name: &str) -> Command {
    Command::Group(GroupCommand::Create { name: GroupName::new(name).unwrap(), members: vec![] })
}

#[test]
fn a_change_whose_authors_session_has_ended_meanwhile_is_not_made() {
    let (mut state, n) = at_level();
    state.apply(n, &by_root(n, None, make("before"))).0.unwrap();
    state.apply(n + 1, &entry(n + 1, Command::Session(SessionCommand::Close { id: session(1) }))).0.unwrap();
    assert_eq!(state.apply(n + 2, &by_root(n + 2, None, make("after"))).0, Err(Rejection::SessionEnded));
    assert!(!state.groups.contains_key("after"));
    // What was refused is noted all the same, under the id of its request.
    let refused =
        AuditCommand::Refused { action: "group.create".into(), resource: "group x".into(), reason: "no".into() };
    state.apply(n + 3, &by_root(n + 3, None, Command::Audit(refused))).0.unwrap();
    let record = state.audit.records().last().unwrap();
    assert_eq!((record.outcome.as_str(), &record.request_id), ("refused: no", &request(9000)));
}

#[test]
fn what_takes_an_account_away_moves_what_changes_are_conditional_on() {
    let (mut state, n) = at_level();
    let reset = |n: u64| {
        let expires_at = Timestamp((n + 90) * 1000);
        Command::User(UserCommand::Reset { name: user("root"), hash: hash(60), expires_at })
    };
    let judged_at = state.policy_revision;
    state.apply(n, &entry(n, reset(n))).0.unwrap();
    let late = Entry { if_revision: Some(judged_at), ..entry(n + 1, reset(n + 1)) };
    assert_eq!(state.apply(n + 1, &late).0, Err(Rejection::RevisionMoved));
}

#[test]
fn an_enrolment_of_another_authenticator_is_completed_once() {
    let (mut state, n) = at_level();
    let totp = |sealed: u8, replaces: u8| {
        Command::Account(AccountCommand::SetTotp {
            user: user("root"),
            totp_sealed: hash(sealed),
            totp_step: 7,
            recovery_hashes: vec![hash(51)],
            replaces: Some(hash(replaces)),
        })
    };
    let code = |step| Some(Proof::Totp { step });
    state.apply(n, &by_root(n, code(102), totp(50, 7))).0.unwrap();
    let account = state.users[&user("root")].account.clone().unwrap();
    assert_eq!(account.totp_last_step, 7, "the steps are those of the new secret");
    state.apply(n + 1, &by_root(n + 1, Some(Proof::Recovery { hash: hash(51) }), make("a"))).0.unwrap();
    assert_eq!(state.apply(n + 2, &by_root(n + 2, code(103), totp(50, 7))).0, Err(Rejection::BadToken));
    let again = by_root(n + 3, Some(Proof::Recovery { hash: hash(51) }), make("b"));
    assert_eq!(state.apply(n + 3, &again).0, Err(Rejection::StepUp { used: false }));
}

#[test]
fn a_good_login_takes_one_failure_off_its_address_and_a_day_takes_all() {
    let (mut state, mut n) = at_level();
    let at = |n: u64, secs: u64, command| Entry { issued_at: Timestamp::from_secs(secs), ..entry(n, command) };
    let fail = |state: &mut State, n: &mut u64, times: usize| {
        for _ in 0..times {
            let fail = SessionCommand::Fail { name: format!("n{n}"), source: "127.0.0.1".into(), device: None };
            state.apply(*n, &at(*n, 1000, Command::Session(fail))).0.unwrap();
            *n += 1;
        }
    };
    let waits =
        |state: &State, secs| state.check_not_locked("x", "127.0.0.1", None, Timestamp::from_secs(secs)).is_err();
    fail(&mut state, &mut n, 20);
    state.apply(n, &at(n, 1000, open(2, Proof::Totp { step: 102 }))).0.unwrap();
    n += 1;
    fail(&mut state, &mut n, 1);
    assert!(!waits(&state, 1000));
    fail(&mut state, &mut n, 1);
    assert!(waits(&state, 1000), "its own login does not clear what it guesses of others");
    let day = 1001 + limits::SOURCE_FAILURES_KEPT_S;
    let fail = SessionCommand::Fail { name: "y".into(), source: "127.0.0.1".into(), device: None };
    state.apply(n, &at(n, day, Command::Session(fail))).0.unwrap();
    assert!(!waits(&state, day));
}

#[test]
fn certificates_of_a_service_account_are_worth_what_its_key_is() {
    let (mut state, n) = at_level();
    let create = |n: u64| ServiceCommand::Create {
        name: user("ci"),
        hash: hash(70),
        expires_at: Timestamp((n + 900) * 1000),
        purpose: String::new(),
    };
    let issue = |key: u8, until: u64| {
        Command::Docker(DockerCommand::IssueToService {
            session: session(70),
            account: user("ci"),
            key_hash: hash(key),
            serial: "01".into(),
            expires_at: Timestamp(until * 1000),
        })
    };
    state.apply(n, &entry(n, Command::Service(create(n)))).0.unwrap();
    assert_eq!(state.apply(n + 1, &entry(n + 1, issue(71, n + 90))).0, Err(Rejection::SessionEnded), "another key");
    assert_eq!(state.apply(n + 2, &entry(n + 2, issue(70, n + 901))).0, Err(Rejection::SessionEnded), "too long");
    let (reply, changes) = state.apply(n + 3, &entry(n + 3, issue(70, n + 900)));
    assert!(reply.is_ok() && is_policy(&changes), "hosts have to know it");
    assert!(state.docker_sessions[&session(70)].is_service_account);
    let rotate = ServiceCommand::Rotate { name: user("ci"), hash: hash(72), expires_at: Timestamp((n + 999) * 1000) };
    let mut rotated = state.clone();
    let deleted = &mut state;
    for (state, end) in [(&mut rotated, rotate), (deleted, ServiceCommand::Delete { name: user("ci") })] {
        let (reply, changes) = state.apply(n + 4, &entry(n + 4, Command::Service(end)));
        assert!(reply.is_ok() && is_policy(&changes) && state.docker_sessions[&session(70)].ended);
        assert_eq!(state.apply(n + 5, &entry(n + 5, issue(70, n + 90))).0, Err(Rejection::SessionEnded));
    }
}
