//! The state as its users see it: what is consumed once, what a retry does, and that replicas stay equal.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use wharden_model::{
    ClusterId, GroupName, HostId, Labels, Mode, PolicyName, Posture, RequestId, SessionId, Timestamp, TokenId, UserName,
};
use wharden_state::*;

#[path = "parts/alerts.rs"]
mod alerts;
#[path = "parts/authors.rs"]
mod authors;
#[path = "parts/cluster_key.rs"]
mod cluster_key;
#[path = "parts/ended.rs"]
mod ended;
#[path = "parts/forms.rs"]
mod forms;
#[path = "parts/names.rs"]
mod names;
#[path = "parts/second_factor.rs"]
mod second_factor;
#[path = "parts/thresholds.rs"]
mod thresholds;
#[path = "parts/unlock.rs"]
mod unlock;

fn request(n: u64) -> RequestId {
    RequestId::new(format!("{n:032x}")).unwrap()
}

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn hash(byte: u8) -> Hex {
    Hex(vec![byte; 32])
}

fn entry(n: u64, command: Command) -> Entry {
    Entry {
        request_id: request(n),
        actor: Actor::System,
        issued_at: Timestamp(n * 1000),
        if_revision: None,
        origin: None,
        command,
    }
}

fn initialise() -> Command {
    Command::Cluster(ClusterCommand::Initialise {
        id: ClusterId::new("c-0123456789abcdef").unwrap(),
        ca_certificate: hash(1),
        bundle_key: hash(2),
        keys: SealedKeys { ca: hash(3), bundle: hash(4), token: hash(5) },
        bootstrap_hash: hash(6),
        level: 0,
        sealing: None,
    })
}

fn take_up(token: u8, name: &str) -> Command {
    Command::Account(AccountCommand::TakeUp {
        token_hash: hash(token),
        user: user(name),
        password_hash: "phc".into(),
        totp_sealed: hash(7),
        totp_step: 100,
        recovery_hashes: vec![hash(8), hash(9)],
        first_policies: vec![FirstPolicy {
            name: PolicyName::new("admin-roles").unwrap(),
            text: "permit(principal, action, resource);".into(),
            rules: 1,
        }],
    })
}

fn open(id: u8, proof: Proof) -> Command {
    Command::Session(SessionCommand::Open {
        id: SessionId::new(format!("s-{id:032x}")).unwrap(),
        user: user("root"),
        password_hash: "phc".into(),
        proof,
        refresh_hash: hash(id),
        expires_at: Timestamp(10_000_000),
        source: "127.0.0.1".into(),
        device: None,
    })
}

/// A cluster with the admin `root`, and the next free request number.
fn bootstrapped() -> (State, u64) {
    let mut state = State::default();
    state.apply(1, &entry(1, initialise())).0.unwrap();
    state.apply(2, &entry(2, take_up(6, "root"))).0.unwrap();
    (state, 3)
}

#[test]
fn the_bootstrap_token_makes_one_admin_once() {
    let (mut state, n) = bootstrapped();
    assert!(state.groups_of(&user("root")).contains(&GroupName::new("admins").unwrap()));
    assert_eq!(state.policies.len(), 1);
    assert_eq!(state.apply(n, &entry(n, take_up(6, "mallory"))).0, Err(Rejection::BadToken));
    assert!(!state.users.contains_key("mallory"));
}

#[test]
fn a_totp_step_and_a_recovery_code_are_good_once() {
    let (mut state, n) = bootstrapped();
    assert_eq!(state.apply(n, &entry(n, open(1, Proof::Totp { step: 100 }))).0, Err(Rejection::CodeUsed));
    state.apply(n + 1, &entry(n + 1, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    assert_eq!(state.apply(n + 2, &entry(n + 2, open(2, Proof::Totp { step: 101 }))).0, Err(Rejection::CodeUsed));
    let code = || Proof::Recovery { hash: hash(8) };
    let reply = state.apply(n + 3, &entry(n + 3, open(3, code()))).0;
    assert_eq!(reply, Ok(Applied::Session { recovery_codes_left: 1 }));
    assert_eq!(state.apply(n + 4, &entry(n + 4, open(4, code()))).0, Err(Rejection::BadCredentials));
}

#[test]
fn a_refresh_token_shown_twice_ends_the_session() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    let id = SessionId::new(format!("s-{:032x}", 1)).unwrap();
    let refresh = |old, new| {
        Command::Session(SessionCommand::Refresh {
            id: id.clone(),
            old_hash: hash(old),
            new_hash: hash(new),
            expires_at: Timestamp(20_000_000),
        })
    };
    assert_eq!(state.apply(n + 1, &entry(n + 1, refresh(1, 50))).0, Ok(Applied::Done));
    let (reply, changes) = state.apply(n + 2, &entry(n + 2, refresh(1, 51)));
    assert_eq!(reply, Ok(Applied::SessionReuse));
    assert_eq!(changes, [Change::SessionEnded(id.clone())]);
    assert_eq!(state.apply(n + 3, &entry(n + 3, refresh(50, 52))).0, Err(Rejection::SessionEnded));
}

#[test]
fn failed_logins_lock_a_name_for_longer_and_longer() {
    let (mut state, mut n) = bootstrapped();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let fail = SessionCommand::Fail { name: "root".into(), source: "s".into(), device: None };
        let failed = Entry { issued_at: Timestamp(5000), ..entry(n, Command::Session(fail)) };
        state.apply(n, &failed).0.unwrap();
        n += 1;
        waits.push(match state.check_not_locked("root", "elsewhere", None, Timestamp(5000)) {
            Err(Rejection::Locked { seconds }) => seconds,
            _ => 0,
        });
    }
    assert_eq!(waits, [0, 0, 0, 0, 0, 2, 4, 8]);
    let locked = Entry { issued_at: Timestamp(6000), ..entry(n, open(1, Proof::Totp { step: 101 })) };
    assert_eq!(state.apply(n, &locked).0, Err(Rejection::Locked { seconds: 7 }));
}

fn enrol(token_hash: u8, host: u64) -> Command {
    Command::Host(HostCommand::Enrol {
        id: HostId::new(format!("h-{host:016x}")).unwrap(),
        token: TokenId::new("jt-000000000001").unwrap(),
        token_hash: hash(token_hash),
        name: "web".into(),
        serial: "01".into(),
        certificate_expires_at: Timestamp(99_000),
    })
}

#[test]
fn a_join_token_enrols_as_many_hosts_as_it_says_and_a_retry_takes_no_use() {
    let (mut state, n) = bootstrapped();
    let token = TokenCommand::Create {
        id: TokenId::new("jt-000000000001").unwrap(),
        hash: hash(20),
        expires_at: Timestamp((n + 50) * 1000),
        uses: 2,
        labels: "env=prod".parse().unwrap(),
        posture: Posture::Enforce,
    };
    state.apply(n, &entry(n, Command::Token(token))).0.unwrap();
    assert_eq!(state.apply(n + 1, &entry(n + 1, enrol(21, 1))).0, Err(Rejection::BadToken));
    let first = entry(n + 2, enrol(20, 1));
    let reply = state.apply(n + 2, &first).0;
    assert!(matches!(reply, Ok(Applied::Host { .. })));
    assert_eq!(state.apply(n + 3, &first).0, reply, "a retry hears the same");
    state.apply(n + 4, &entry(n + 4, enrol(20, 2))).0.unwrap();
    assert_eq!(state.apply(n + 5, &entry(n + 5, enrol(20, 3))).0, Err(Rejection::TokenUsedUp));
    assert_eq!(state.hosts.len(), 2, "two hosts of one name are two hosts");
    assert_eq!(state.hosts.values().next().unwrap().labels.to_string(), "env=prod");
    assert_eq!(state.apply(n + 60, &entry(n + 60, enrol(20, 4))).0, Err(Rejection::TokenExpired));
}

fn put(text: &str, if_version: Option<u64>) -> Command {
    Command::Policy(PolicyCommand::Put {
        name: PolicyName::new("p").unwrap(),
        text: text.into(),
        mode: None,
        rules: 1,
        if_version,
        origin: PolicyOrigin::Put,
    })
}

#[test]
fn policy_versions_count_up_and_a_stale_writer_is_refused() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, put("a", Some(0)))).0.unwrap();
    let reply = state.apply(n + 1, &entry(n + 1, put("b", Some(1)))).0;
    assert_eq!(reply, Ok(Applied::Policy { version: 2, revision: n + 1 }));
    assert!(matches!(
        state.apply(n + 2, &entry(n + 2, put("c", Some(1)))).0,
        Err(Rejection::VersionMoved { expected: 1, actual: 2, .. })
    ));
    assert_eq!(state.policy_revision, n + 1);
    let policy = &state.policies[&PolicyName::new("p").unwrap()];
    assert_eq!(policy.version(1).unwrap().text, "a");
    assert_eq!(policy.current.mode, Mode::Enforce);
    for i in 0..100 {
        let n = n + 3 + i;
        state.apply(n, &entry(n, put("d", None))).0.unwrap();
    }
    let policy = &state.policies[&PolicyName::new("p").unwrap()];
    assert_eq!(policy.older.len(), limits::POLICY_VERSIONS_MAX - 1);
}

#[test]
fn a_guarded_entry_is_refused_once_policy_moved() {
    let (mut state, n) = bootstrapped();
    let guarded = Entry { if_revision: Some(state.policy_revision), ..entry(n + 1, put("b", None)) };
    state.apply(n, &entry(n, put("a", None))).0.unwrap();
    assert_eq!(state.apply(n + 1, &guarded).0, Err(Rejection::RevisionMoved));
}

#[test]
fn deleting_a_user_ends_its_sessions_and_memberships() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    let (_, changes) = state.apply(n + 1, &entry(n + 1, Command::User(UserCommand::Delete { name: user("root") })));
    assert!(changes.iter().any(|c| matches!(c, Change::SessionEnded(_))));
    assert!(state.sessions.is_empty() && state.groups_of(&user("root")).is_empty());
}

fn session(id: u8) -> SessionId {
    SessionId::new(format!("s-{id:032x}")).unwrap()
}

fn issue(id: u8, name: &str, expires_at: u64) -> Command {
    Command::Docker(DockerCommand::Issue {
        session: session(id),
        user: user(name),
        serial: "0a".into(),
        expires_at: Timestamp(expires_at),
    })
}

fn is_policy(changes: &[Change]) -> bool {
    changes.iter().any(|change| matches!(change, Change::Policy(_)))
}

#[test]
fn a_certificate_for_docker_needs_an_open_session_of_the_same_user() {
    let (mut state, n) = bootstrapped();
    assert_eq!(state.apply(n, &entry(n, issue(1, "root", 900_000))).0, Err(Rejection::SessionEnded));
    state.apply(n + 1, &entry(n + 1, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    assert_eq!(state.apply(n + 2, &entry(n + 2, issue(1, "mallory", 900_000))).0, Err(Rejection::SessionEnded));
    let (reply, changes) = state.apply(n + 3, &entry(n + 3, issue(1, "root", 900_000)));
    assert_eq!((reply, is_policy(&changes)), (Ok(Applied::Done), true), "hosts have to know the user");
    let record = state.audit.records().last().unwrap();
    assert_eq!((record.action.as_str(), record.resource.as_str()), ("docker.certificate", "user root"));
    let (_, changes) = state.apply(n + 4, &entry(n + 4, issue(1, "root", 800_000)));
    assert!(!is_policy(&changes), "they know it");
    assert_eq!(state.docker_sessions[&session(1)].expires_at, Timestamp(900_000), "the later end counts");
}

#[test]
fn whatever_ends_a_session_ends_its_certificates_until_they_end_themselves() {
    let close = Command::Session(SessionCommand::Close { id: session(1) });
    let reuse = Command::Session(SessionCommand::Refresh {
        id: session(1),
        old_hash: hash(99),
        new_hash: hash(98),
        expires_at: Timestamp(20_000_000),
    });
    let disable = Command::User(UserCommand::SetDisabled { name: user("root"), disabled: true });
    let delete = Command::User(UserCommand::Delete { name: user("root") });
    for end in [close, reuse, disable, delete] {
        let (mut state, n) = bootstrapped();
        state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
        state.apply(n + 1, &entry(n + 1, issue(1, "root", 900_000))).0.unwrap();
        let (reply, changes) = state.apply(n + 2, &entry(n + 2, end.clone()));
        assert!(reply.is_ok() && is_policy(&changes), "{end:?}");
        assert!(state.docker_sessions[&session(1)].ended, "{end:?}");
        assert_eq!(state.policy_revision, n + 2, "{end:?}");
    }
}

#[test]
fn an_ended_session_is_forgotten_when_no_clock_can_take_its_certificates_for_good() {
    let (mut state, n) = bootstrapped();
    let at = |n: u64, secs: u64, command| Entry { issued_at: Timestamp::from_secs(secs), ..entry(n, command) };
    state.apply(n, &at(n, 10, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    state.apply(n + 1, &at(n + 1, 10, issue(1, "root", 900_000))).0.unwrap();
    state.apply(n + 2, &at(n + 2, 11, Command::Session(SessionCommand::Close { id: session(1) }))).0.unwrap();
    let end = 900 + limits::DOCKER_SESSION_KEPT_S;
    for (n, secs, kept) in [(n + 3, end - 1, true), (n + 5, end, false)] {
        state.apply(n, &at(n, secs, open(n as u8, Proof::Totp { step: 101 + n }))).0.unwrap();
        state.apply(n + 1, &at(n + 1, secs, issue(n as u8, "root", 9_000_000))).0.unwrap();
        assert_eq!(state.docker_sessions.contains_key(&session(1)), kept, "{secs}");
    }
}

#[test]
fn certificates_for_docker_are_counted_by_the_hour() {
    let (mut state, n) = bootstrapped();
    let at = |n: u64, secs: u64, command| Entry { issued_at: Timestamp::from_secs(secs), ..entry(n, command) };
    state.apply(n, &at(n, 10, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    let mut next = n + 1;
    for _ in 0..limits::DOCKER_ISSUES_MAX {
        state.apply(next, &at(next, 10, issue(1, "root", 9_000_000))).0.unwrap();
        next += 1;
    }
    let refused = state.apply(next, &at(next, 100, issue(1, "root", 9_000_000))).0;
    assert_eq!(refused, Err(Rejection::TooMany { seconds: limits::DOCKER_ISSUES_WINDOW_S - 90 }));
    let later = 10 + limits::DOCKER_ISSUES_WINDOW_S;
    state.apply(next + 1, &at(next + 1, later, issue(1, "root", 9_000_000))).0.unwrap();
}

#[test]
fn a_rejected_command_changes_nothing_but_the_audit() {
    let (mut state, n) = bootstrapped();
    let create = UserCommand::Create { name: user("x"), groups: vec![GroupName::new("nobody-made-it").unwrap()] };
    let before = state.clone();
    let reply = state.apply(n, &entry(n, Command::User(create))).0;
    assert!(matches!(reply, Err(Rejection::NotFound { .. })));
    assert_eq!(state.users, before.users);
    assert_eq!(state.audit.last_seq(), before.audit.last_seq() + 1);
    assert!(state.audit.records().last().unwrap().outcome.starts_with("refused: there is no group"));
}

/// Frozen: a log written by an earlier version must stay readable.
#[test]
fn the_form_of_entries_and_snapshots_is_frozen() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    insta::assert_json_snapshot!("entry", entry(n, open(1, Proof::Totp { step: 101 })));
    insta::assert_json_snapshot!("state", state);
    insta::assert_json_snapshot!("docker_entry", entry(n + 1, issue(1, "root", 900_000)));
    state.apply(n + 1, &entry(n + 1, issue(1, "root", 900_000))).0.unwrap();
    insta::assert_json_snapshot!("docker_state", (&state.docker_sessions, &state.docker_issues));
}

#[test]
fn a_break_glass_is_in_the_audit_once_and_changes_nothing_else() {
    let (mut state, n) = bootstrapped();
    let id = HostId::new("h-0000000000000001").unwrap();
    let notice = |step| wharden_model::BreakGlassNotice { at: Timestamp(5), user: "root".into(), step };
    let begin = wharden_model::BreakGlassStep::Begin { until: Timestamp(1_800_005), reason: "the disk is full".into() };
    let command = Command::Host(HostCommand::BreakGlass { id: id.clone(), notice: notice(begin) });
    insta::assert_json_snapshot!("break_glass", entry(n, command.clone()));
    assert!(matches!(state.apply(n, &entry(n, command.clone())).0, Err(Rejection::NotFound { .. })));
    let token = TokenCommand::Create {
        id: TokenId::new("jt-000000000001").unwrap(),
        hash: hash(20),
        expires_at: Timestamp((n + 50) * 1000),
        uses: 1,
        labels: Labels::none(),
        posture: Posture::Enforce,
    };
    state.apply(n + 1, &entry(n + 1, Command::Token(token))).0.unwrap();
    state.apply(n + 2, &entry(n + 2, enrol(20, 1))).0.unwrap();
    let (before, records) = (state.hosts.clone(), state.audit.records().len());
    let again = entry(n + 3, command);
    for index in [n + 3, n + 4] {
        assert_eq!(state.apply(index, &again).0, Ok(Applied::Done));
    }
    let end = wharden_model::BreakGlassStep::End(wharden_model::BreakGlassEnd::Time);
    state.apply(n + 5, &entry(n + 5, Command::Host(HostCommand::BreakGlass { id, notice: notice(end) }))).0.unwrap();
    let lines: Vec<_> = state.audit.records().skip(records).map(|r| (r.action.as_str(), r.detail.as_str())).collect();
    assert_eq!(
        lines,
        [
            (
                "host.break_glass.begin",
                "os user root from 1970-01-01T00:00:00.005Z until 1970-01-01T00:30:00.005Z: the disk is full"
            ),
            ("host.break_glass.end", "os user root at 1970-01-01T00:00:00.005Z: its time is up"),
        ]
    );
    assert_eq!(state.hosts, before);
}

#[test]
fn after_a_restore_nothing_that_is_good_once_is_good_again() {
    let (mut state, n) = bootstrapped();
    state.apply(n, &entry(n, open(1, Proof::Totp { step: 101 }))).0.unwrap();
    state.apply(n + 1, &entry(n + 1, issue(1, "root", 900_000))).0.unwrap();
    let token = TokenCommand::Create {
        id: TokenId::new("jt-0123456789ab").unwrap(),
        hash: hash(40),
        expires_at: Timestamp(900_000),
        uses: 3,
        labels: Labels::default(),
        posture: Posture::Observe,
    };
    let as_root = Entry { actor: Actor::User(user("root")), ..entry(n + 2, Command::Token(token)) };
    state.apply(n + 2, &as_root).0.unwrap();
    let invite = UserCommand::Invite { name: user("root"), hash: hash(41), expires_at: Timestamp(900_000) };
    state.apply(n + 3, &entry(n + 3, Command::User(invite))).0.unwrap();
    assert!(!state.sessions.is_empty() && !state.tokens.is_empty() && !state.invites.is_empty());
    assert!(!String::from_utf8(state.to_bytes().unwrap()).unwrap().contains("epoch"));

    let index = n + 3 + EPOCH_ENTRIES;
    let restore = Command::Cluster(ClusterCommand::Restore { made_at: Timestamp(40), index: n + 3 });
    insta::assert_json_snapshot!("restore", entry(n + 4, restore.clone()));
    let (reply, changes) = state.apply(index, &entry(n + 4, restore.clone()));
    assert_eq!(reply, Ok(Applied::Done));
    assert!(is_policy(&changes));
    assert!(state.sessions.is_empty() && state.tokens.is_empty() && state.invites.is_empty());
    // Its certificates are still good by their dates, so bundles go on naming it.
    assert!(state.docker_sessions[&session(1)].ended);
    assert_eq!((state.epoch, state.policy_revision), (1, index));
    let last = state.audit.records().next_back().unwrap();
    assert_eq!((last.action.as_str(), last.outcome.as_str()), ("cluster.restore", "applied"));
    assert_eq!(State::from_bytes(&state.to_bytes().unwrap()).unwrap(), state);
    assert_eq!(State::default().apply(9, &entry(9, restore)).0, Err(Rejection::NotInitialised));
}

#[test]
fn damaged_and_unknown_snapshots_are_refused() {
    assert!(State::from_bytes(&[]).is_err());
    assert!(State::from_bytes(b"\x03{}").unwrap_err().to_string().contains("version 3"));
    let bytes = bootstrapped().0.to_bytes().unwrap();
    assert!(State::from_bytes(&bytes[..bytes.len() - 3]).is_err());
}

fn commands() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(vec!["a", "b", "root"]);
    let group = prop::sample::select(vec!["g", "admins"]);
    prop_oneof![
        (name.clone(), prop::collection::vec(group.clone(), 0..2)).prop_map(|(n, groups)| Command::User(
            UserCommand::Create {
                name: user(n),
                groups: groups.into_iter().map(|g| GroupName::new(g).unwrap()).collect()
            }
        )),
        (name.clone(), any::<bool>())
            .prop_map(|(n, disabled)| Command::User(UserCommand::SetDisabled { name: user(n), disabled })),
        name.clone().prop_map(|n| Command::User(UserCommand::Delete { name: user(n) })),
        group
            .clone()
            .prop_map(|g| Command::Group(GroupCommand::Create { name: GroupName::new(g).unwrap(), members: vec![] })),
        (group, name)
            .prop_map(|(g, n)| Command::Group(GroupCommand::Add { name: GroupName::new(g).unwrap(), user: user(n) })),
        (0u8..4, 100u64..110).prop_map(|(id, step)| open(id, Proof::Totp { step })),
        Just(Command::Session(SessionCommand::Fail { name: "root".into(), source: "s".into(), device: None })),
        (0u8..3, 0u64..4).prop_map(|(token, host)| enrol(20 + token, host)),
        (1u32..4).prop_map(|uses| Command::Token(TokenCommand::Create {
            id: TokenId::new("jt-000000000001").unwrap(),
            hash: hash(20),
            expires_at: Timestamp(u64::MAX),
            uses,
            labels: Labels::none(),
            posture: Posture::Observe,
        })),
        (0u64..4).prop_map(|h| Command::Host(HostCommand::Revoke { id: HostId::new(format!("h-{h:016x}")).unwrap() })),
        ("[a-z]{1,5}", prop::option::of(0u64..3)).prop_map(|(text, v)| put(&text, v)),
        (0u8..4, prop::sample::select(vec!["a", "root"]), 1u64..90_000).prop_map(|(id, n, end)| issue(id, n, end)),
        (0u8..4).prop_map(|id| Command::Session(SessionCommand::Close { id: session(id) })),
        Just(Command::Policy(PolicyCommand::Delete { name: PolicyName::new("p").unwrap() })),
        Just(Command::Cluster(ClusterCommand::Raise { level: LEVEL })),
        Just(Command::User(UserCommand::Unlock { name: user("root") })),
    ]
}

proptest! {
    /// A replica that applied the log and one that joined from a snapshot in the middle are equal byte for byte.
    #[test]
    fn replicas_stay_equal(log in prop::collection::vec(commands(), 1..60), cut in 0usize..60, dup in 0usize..60) {
        let (mut whole, n) = bootstrapped();
        let mut restored = None;
        for (i, command) in log.iter().enumerate() {
            if i == cut {
                restored = Some(State::from_bytes(&whole.to_bytes().unwrap()).unwrap());
            }
            // Some entries come twice, as after a retry through another controller.
            let number = n + if i == dup { i.saturating_sub(1) } else { i } as u64;
            let entry = entry(number, command.clone());
            let reply = whole.apply(n + i as u64, &entry);
            if let Some(restored) = &mut restored {
                prop_assert_eq!(&reply, &restored.apply(n + i as u64, &entry));
            }
        }
        if let Some(restored) = restored {
            prop_assert_eq!(whole.to_bytes().unwrap(), restored.to_bytes().unwrap());
        }
        prop_assert!(whole.audit.verify().is_ok());
    }
}
