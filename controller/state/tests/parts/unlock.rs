//! Failed logins: what an admin sees of them, and what lifting the wait lifts.

use super::{authors::at_level, *};

/// Failed logins of `name`, one from each of these addresses, all at one moment.
fn fail(state: &mut State, n: &mut u64, name: &str, sources: &[&str]) {
    for source in sources {
        let fail = SessionCommand::Fail { name: name.into(), source: (*source).into(), device: None };
        let failed = Entry { issued_at: Timestamp(5000), ..entry(*n, Command::Session(fail)) };
        state.apply(*n, &failed).0.unwrap();
        *n += 1;
    }
}

fn waits(state: &State, name: &str, source: &str) -> bool {
    state.check_not_locked(name, source, None, Timestamp(5000)).is_err()
}

fn unlock(name: &str) -> Command {
    Command::User(UserCommand::Unlock { name: user(name) })
}

#[test]
fn an_unlocked_name_is_tried_at_once_where_its_failures_came_from_and_nobody_else_is_freed() {
    let (mut state, mut n) = at_level();
    fail(&mut state, &mut n, "root", &["192.0.2.1"; 10]);
    fail(&mut state, &mut n, "root", &["2001:db8:1:2::9"]);
    fail(&mut state, &mut n, "other", &["192.0.2.1"; 15]);
    assert!(waits(&state, "root", "198.51.100.1") && waits(&state, "nobody", "192.0.2.1"));
    let sources: Vec<_> = state.failures["root"].sources().collect();
    assert_eq!(sources, [("192.0.2.1".to_owned(), 10), ("2001:db8:1:2::/64".to_owned(), 1)]);
    state.apply(n, &entry(n, unlock("root"))).0.unwrap();
    n += 1;
    assert!(!waits(&state, "root", "198.51.100.1") && !waits(&state, "root", "192.0.2.1"));
    assert!(waits(&state, "other", "198.51.100.1"), "another name that fails waits on");
    let record = state.audit.records().last().unwrap();
    assert_eq!((record.action.as_str(), record.resource.as_str()), ("user.update", "user root"));
    assert_eq!(record.detail, "unlocked");
    assert!(record.before.starts_with("11 failed logins, locked until 1970-01-01T00:0"), "{}", record.before);
    assert!(record.before.ends_with("from 192.0.2.1 (10) 2001:db8:1:2::/64 (1)"), "{}", record.before);
    // What others guess from there still counts.
    fail(&mut state, &mut n, "third", &["192.0.2.1"; 6]);
    assert!(waits(&state, "root", "192.0.2.1"));
    assert_eq!(state.apply(n + 9, &entry(n + 9, unlock("nobody"))).0, Err(not_there()));
}

fn not_there() -> Rejection {
    Rejection::NotFound { kind: Kind::User, name: "nobody".into() }
}

#[test]
fn of_many_addresses_those_with_the_most_failures_are_kept() {
    let (mut state, mut n) = at_level();
    fail(&mut state, &mut n, "root", &["192.0.2.200"; 3]);
    for host in 0..40 {
        fail(&mut state, &mut n, "root", &[&format!("192.0.2.{host}")]);
    }
    let sources: Vec<_> = state.failures["root"].sources().collect();
    assert_eq!(sources.len(), limits::FAILURE_SOURCES_MAX);
    assert!(sources.contains(&("192.0.2.200".to_owned(), 3)), "{sources:?}");
}

#[test]
fn a_cluster_with_earlier_versions_writes_neither_sources_nor_the_command() {
    let (mut state, mut n) = bootstrapped();
    fail(&mut state, &mut n, "root", &["192.0.2.1"]);
    assert_eq!(state.failures["root"].sources().count(), 0);
    assert_eq!(unlock("root").level(), 4);
    insta::assert_json_snapshot!("unlock", entry(n, unlock("root")));
}

#[test]
fn an_invite_for_who_has_an_account_is_refused_from_its_level_on() {
    let invite = |n: u64| {
        let expires_at = Timestamp((n + 90) * 1000);
        entry(n, Command::User(UserCommand::Invite { name: user("root"), hash: hash(60), expires_at }))
    };
    let (mut before, n) = bootstrapped();
    before.apply(n, &invite(n)).0.unwrap();
    let (mut state, n) = at_level();
    assert_eq!(state.apply(n, &invite(n)).0, Err(Rejection::HasAccount(user("root"))));
    assert!(state.invites.is_empty());
}
