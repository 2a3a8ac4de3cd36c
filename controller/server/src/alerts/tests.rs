//! What the leader makes of what it sees.

use super::{
    AlertsConfig, BackupReading, Readings, Roll, Seen, SinkReading, View,
    hosts::Hosts,
    judge::controllers,
    limits::{NAMED_MAX, OVER_AFTER},
    table::{
        APPLY_LAG, AUDIT_SINK, BACKUP_OLD, BREAK_GLASS, CA_ENDS, CERTIFICATE_ENDS, CLOCK_SKEW, CONTROLLER_AWAY,
        DISK_HEADROOM, ENGINE_AWAY, EVENTS_LOST, FSYNC_SLOW, HOST_CERTIFICATE, HOST_LOST, HOSTS_LOST, LOG_LOST,
        QUORUM_AGE, Row, SNAPSHOT_OLD, TOKEN_REUSED,
    },
    watch::{Held, past},
};
use crate::peers::PeerStatus;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;
use wharden_model::{AlertFact, BreakGlassPass, HostId, Labels, Posture, RequestId, Severity, Timestamp, TokenId};
use wharden_state::{Actor, AlertCommand, Command, Entry, Hex, HostCommand, State, TokenCommand};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Three voters, all well.
fn view() -> View {
    let seen = |n: u64| Seen {
        name: format!("ctl{n}"),
        status: Some(PeerStatus { number: n, applied_index: 5000, ..PeerStatus::default() }),
        readings: Some(Readings {
            fsync_us: Some(900),
            disk_free_bytes: 50,
            disk_size_bytes: 100,
            certificate_ends_at: Some(NOW.plus_secs(100 * 24 * 3600)),
            backup: Some(BackupReading { newest_at: Some(NOW), every_s: 24 * 3600 }),
            ..Readings::default()
        }),
        ahead_ms: Some(0),
    };
    View {
        at: NOW,
        own: 1,
        controllers: (1..=3).map(|n| (n, seen(n))).collect(),
        voters: BTreeSet::from([1, 2, 3]),
        newest: 5000,
        ca_ends_at: NOW.plus_secs(366 * 24 * 3600),
    }
}

fn readings(view: &mut View, number: u64) -> &mut Readings {
    view.controllers.get_mut(&number).and_then(|seen| seen.readings.as_mut()).expect("readings")
}

/// The kinds and severities that a view comes to, and what they are about.
fn judged(view: &View) -> Vec<(String, Severity)> {
    let facts = controllers(view, &AlertsConfig::default());
    facts.into_iter().map(|fact| (fact.id.to_string(), fact.severity)).collect()
}

fn one(row: &Row, key: &str, severity: Severity) -> Vec<(String, Severity)> {
    vec![(row.id(key).to_string(), severity)]
}

#[test]
fn nothing_is_said_of_controllers_that_are_well() {
    assert!(judged(&view()).is_empty());
}

#[test]
fn each_fault_of_a_controller_is_one_alert() {
    let day = 24 * 3600;
    type Fault = (fn(&mut Readings), &'static Row, Severity);
    let faults: &[Fault] = &[
        (|r| r.fsync_us = Some(500_001), &FSYNC_SLOW, Severity::Warning),
        (|r| r.disk_error = "read-only".into(), &DISK_HEADROOM, Severity::Critical),
        (|r| r.disk_free_bytes = 14, &DISK_HEADROOM, Severity::Warning),
        (|r| r.disk_free_bytes = 4, &DISK_HEADROOM, Severity::Critical),
        (|r| r.log_since_snapshot = 20_001, &SNAPSHOT_OLD, Severity::Warning),
        (|r| r.certificate_ends_at = Some(NOW.plus_secs(29 * 24 * 3600)), &CERTIFICATE_ENDS, Severity::Warning),
        (|r| r.certificate_ends_at = Some(Timestamp(1)), &CERTIFICATE_ENDS, Severity::Critical),
        (|r| r.backup = Some(BackupReading { newest_at: None, every_s: 60 }), &BACKUP_OLD, Severity::Warning),
    ];
    for (n, (fault, row, severity)) in faults.iter().enumerate() {
        let mut view = view();
        fault(readings(&mut view, 2));
        assert_eq!(judged(&view), one(row, "2", *severity), "fault {n}");
    }
    let mut backups = view();
    let newest_at = Some(Timestamp(NOW.0 - 2 * day * 1000));
    readings(&mut backups, 3).backup = Some(BackupReading { newest_at, every_s: day });
    assert!(judged(&backups).is_empty(), "an hour of slack");
    backups.at = backups.at.plus_secs(3601);
    assert_eq!(judged(&backups), one(&BACKUP_OLD, "3", Severity::Warning));
}

#[test]
fn a_controller_that_has_just_started_has_time_for_its_first_backup() {
    let day = 24 * 3600;
    let long_ago = Some(Timestamp(NOW.0 - 30 * day * 1000));
    for newest_at in [None, long_ago] {
        let mut view = view();
        readings(&mut view, 2).backup = Some(BackupReading { newest_at, every_s: day });
        view.controllers.get_mut(&2).and_then(|seen| seen.status.as_mut()).expect("status").started_at = NOW;
        assert!(judged(&view).is_empty(), "at once");
        view.at = NOW.plus_secs(599);
        assert!(judged(&view).is_empty(), "it may be under way");
        view.at = NOW.plus_secs(600);
        assert_eq!(judged(&view), one(&BACKUP_OLD, "2", Severity::Warning));
    }
}

#[test]
fn a_controller_without_backups_is_told_of_where_another_one_makes_some() {
    let mut view = view();
    readings(&mut view, 3).backup = None;
    assert_eq!(judged(&view), one(&BACKUP_OLD, "3", Severity::Warning));
    for number in 1..=3 {
        readings(&mut view, number).backup = None;
    }
    let started = NOW.plus_secs(600);
    for seen in view.controllers.values_mut() {
        seen.status.as_mut().expect("status").started_at = started;
    }
    view.ca_ends_at = view.ca_ends_at.plus_secs(7 * 24 * 3600);
    view.at = started.plus_secs(24 * 3600 - 1);
    assert!(judged(&view).is_empty(), "it may be a trial");
    view.at = started.plus_secs(24 * 3600);
    assert_eq!(judged(&view).len(), 3, "nobody makes any, for a day");
}

#[test]
fn a_lost_log_is_told_whoever_knows_of_it_and_whether_it_runs_or_not() {
    let mut view = view();
    readings(&mut view, 3).lost_logs = [2, 9].into();
    assert_eq!(judged(&view), one(&LOG_LOST, "2", Severity::Critical), "controller 9 is none of them any more");
    view.controllers.get_mut(&2).expect("it").status = None;
    let facts = controllers(&view, &AlertsConfig::default());
    let lost = facts.iter().find(|fact| fact.kind().as_str() == LOG_LOST.kind).expect("told");
    assert!(lost.advice.contains("`wharden cluster replace 2`"), "{}", lost.advice);
}

#[test]
fn the_end_of_the_ca_is_told_once_and_a_year_before() {
    let mut view = view();
    for (days, severity) in [(364, Severity::Warning), (30, Severity::Warning), (29, Severity::Critical)] {
        view.ca_ends_at = NOW.plus_secs(days * 24 * 3600);
        assert_eq!(judged(&view), one(&CA_ENDS, "cluster", severity), "{days} days");
    }
}

#[test]
fn a_sink_that_takes_nothing_for_long_is_told_and_worse_once_records_are_lost() {
    let mut view = view();
    let sink = SinkReading { since: NOW, error: "connection refused".into(), dropped: 0 };
    readings(&mut view, 2).sinks.insert("syslog".into(), sink);
    view.at = NOW.plus_secs(119);
    assert!(judged(&view).is_empty());
    view.at = NOW.plus_secs(120);
    assert_eq!(judged(&view), one(&AUDIT_SINK, "2-syslog", Severity::Warning));
    readings(&mut view, 2).sinks.get_mut("syslog").expect("a sink").dropped = 7;
    let facts = controllers(&view, &AlertsConfig::default());
    assert_eq!((facts[0].severity, facts[0].subject.as_str()), (Severity::Critical, "controller 2 (ctl2)"));
    assert!(facts[0].detail.contains("7 records are lost to it; the last attempt: connection refused"), "{facts:?}");
}

#[test]
fn what_happened_once_is_over_after_a_day() {
    let mut fleet = Log::with_hosts(0);
    let fact = TOKEN_REUSED.fact("s-1", "user ada", "a refresh token was used a second time", "from 192.0.2.1");
    fleet.raise(std::slice::from_ref(&fact));
    let raised_at = fleet.state.alerts[&fact.id].raised_at;
    assert!(past(&fleet.state, raised_at.plus_secs(24 * 3600 - 1)).is_empty());
    assert_eq!(past(&fleet.state, raised_at.plus_secs(24 * 3600)), [fact.id]);
}

#[test]
fn a_majority_is_missed_where_it_is_known() {
    for number in [1, 2] {
        let mut view = view();
        readings(&mut view, number).quorum_age_ms = 9_999;
        assert!(judged(&view).is_empty(), "an election may take that long");
        readings(&mut view, number).quorum_age_ms = 10_000;
        assert_eq!(judged(&view), one(&QUORUM_AGE, &number.to_string(), Severity::Critical));
    }
}

#[test]
fn who_does_not_answer_is_worse_when_no_other_may_go() {
    let mut five = view();
    for n in [4, 5] {
        five.controllers.insert(n, five.controllers[&1].clone());
        five.voters.insert(n);
    }
    five.controllers.get_mut(&4).expect("seen").status = None;
    assert_eq!(judged(&five), one(&CONTROLLER_AWAY, "4", Severity::Warning));
    let mut three = view();
    three.controllers.get_mut(&2).expect("seen").status = None;
    assert_eq!(judged(&three), one(&CONTROLLER_AWAY, "2", Severity::Critical));
    let advice = |view: &View| controllers(view, &AlertsConfig::default()).remove(0).advice;
    assert!(advice(&three).contains("`wharden cluster replace 2`"), "{}", advice(&three));
    three.controllers.get_mut(&3).expect("seen").status = None;
    assert!(advice(&three).starts_with("start 1 of controllers 2, 3 again"), "{}", advice(&three));
    assert!(!advice(&three).contains("cluster replace"), "{}", advice(&three));
    let mut late = view();
    late.newest = 6001;
    assert_eq!(judged(&late).len(), 3);
    late.newest = 6000;
    late.controllers.get_mut(&3).and_then(|seen| seen.status.as_mut()).expect("status").applied_index = 4999;
    assert_eq!(judged(&late), one(&APPLY_LAG, "3", Severity::Warning));
}

#[test]
fn the_clock_that_is_alone_is_the_wrong_one_even_when_it_is_the_own() {
    let mut view = view();
    view.controllers.get_mut(&3).expect("seen").ahead_ms = Some(-2001);
    assert_eq!(judged(&view), one(&CLOCK_SKEW, "3", Severity::Warning));
    for n in [2, 3] {
        view.controllers.get_mut(&n).expect("seen").ahead_ms = Some(20_000);
    }
    assert_eq!(judged(&view), one(&CLOCK_SKEW, "1", Severity::Critical));
}

#[test]
fn what_may_pass_by_itself_is_raised_late_and_what_flickers_is_one_alert() {
    let (mut held, start, lost) = (Held::default(), Instant::now(), Duration::from_secs(30));
    let away = || vec![CONTROLLER_AWAY.fact("2", "", "", "")];
    let none = BTreeSet::new();
    assert!(held.step(away(), start, lost, &none).0.is_empty());
    assert!(held.step(vec![], start + lost / 2, lost, &none).0.is_empty());
    assert!(held.step(away(), start + lost, lost, &none).0.is_empty(), "it was back in between");
    assert_eq!(held.step(away(), start + lost * 2, lost, &none).0.len(), 1);
    let slow = vec![FSYNC_SLOW.fact("2", "", "", "")];
    assert_eq!(held.step(slow, start, lost, &none).0.len(), 1, "what is slow already was slow for a minute");
    let open = BTreeSet::from([CONTROLLER_AWAY.id("2")]);
    let mut at = start + lost * 3;
    assert!(held.step(vec![], at, lost, &open).1.is_empty());
    at += OVER_AFTER / 2;
    assert!(held.step(away(), at, lost, &open).1.is_empty());
    at += OVER_AFTER / 2;
    assert!(held.step(vec![], at, lost, &open).1.is_empty(), "it flickered");
    assert_eq!(held.step(vec![], at + OVER_AFTER, lost, &open).1, [CONTROLLER_AWAY.id("2")]);
}

fn host(n: usize) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("id")
}

struct Log {
    state: State,
    next: u64,
}

impl Log {
    /// A cluster with so many hosts.
    fn with_hosts(count: usize) -> Self {
        let (first, _, _) =
            crate::keys::new_cluster(&wharden_pki::ClusterKeys::generate(), Timestamp(1)).expect("made");
        let mut log = Self { state: State::default(), next: 1 };
        log.apply(Command::Cluster(first));
        let id = TokenId::new("jt-000000000001").expect("id");
        log.apply(Command::Token(TokenCommand::Create {
            id: id.clone(),
            hash: Hex(vec![1]),
            expires_at: Timestamp(u64::MAX),
            uses: 1000,
            labels: Labels::none(),
            posture: Posture::Observe,
        }));
        for n in 0..count {
            log.apply(Command::Host(HostCommand::Enrol {
                id: host(n),
                token: id.clone(),
                token_hash: Hex(vec![1]),
                name: format!("web{n}"),
                serial: "01".into(),
                certificate_expires_at: NOW.plus_secs(24 * 3600),
            }));
        }
        log
    }

    fn apply(&mut self, command: Command) {
        let n = self.next;
        self.next += 1;
        let request_id = RequestId::new(format!("{n:032x}")).expect("id");
        let (actor, issued_at) = (Actor::System, Timestamp(n));
        let entry = Entry { request_id, actor, issued_at, if_revision: None, origin: None, command };
        self.state.apply(n, &entry).0.expect("applied");
    }

    fn raise(&mut self, facts: &[AlertFact]) {
        self.apply(Command::Alert(AlertCommand::Update { raised: facts.to_vec(), resolved: Vec::new() }));
    }
}

fn ids(facts: &[AlertFact]) -> Vec<String> {
    facts.iter().map(|fact| fact.id.to_string()).collect()
}

#[test]
fn a_host_is_lost_when_nobody_has_it_for_long_enough_and_many_are_one_alert() {
    let mut log = Log::with_hosts(NAMED_MAX + 5);
    let (mut hosts, start, config) = (Hosts::default(), Instant::now(), AlertsConfig::default());
    let all: Vec<HostId> = log.state.hosts.keys().cloned().collect();
    let without = |away: &[usize]| Roll {
        connected: all.iter().filter(|id| !away.iter().any(|n| host(*n) == **id)).cloned().collect(),
        ..Roll::default()
    };
    let lost_s = Duration::from_secs(config.lost_s);
    assert!(hosts.judge(&log.state, &without(&[3]), start, NOW, &config).is_empty());
    assert!(hosts.judge(&log.state, &without(&[]), start + lost_s / 2, NOW, &config).is_empty());
    assert!(hosts.judge(&log.state, &without(&[3]), start + lost_s, NOW, &config).is_empty(), "it was back");
    let facts = hosts.judge(&log.state, &without(&[3]), start + lost_s * 2, NOW, &config);
    assert_eq!(ids(&facts), [HOST_LOST.id(host(3).as_str()).to_string()]);
    assert_eq!(facts[0].subject, format!("host web3 ({})", host(3)));
    log.raise(&facts);
    let none = Roll::default();
    assert_eq!(hosts.judge(&log.state, &none, start + lost_s * 3, NOW, &config).len(), 1);
    let facts = hosts.judge(&log.state, &none, start + lost_s * 4, NOW, &config);
    let expected = [HOST_LOST.id(host(3).as_str()).to_string(), HOSTS_LOST.id("all").to_string()];
    assert_eq!(ids(&facts), expected, "one for all, and the one that was named before");
    log.apply(Command::Host(HostCommand::Revoke { id: host(3) }));
    let facts = hosts.judge(&log.state, &without(&[3]), start + lost_s * 9, NOW, &config);
    assert!(facts.is_empty(), "a revoked host is not missed");
}

#[test]
fn lost_events_are_told_while_they_are_news_and_by_one_leader_only() {
    let mut log = Log::with_hosts(2);
    let (mut hosts, start, config) = (Hosts::default(), Instant::now(), AlertsConfig::default());
    let connected = log.state.hosts.keys().cloned().collect();
    let roll = |lost: u64| Roll { connected, lost: [(host(1), lost)].into(), ..Roll::default() };
    let mut roll = roll(7);
    let facts = hosts.judge(&log.state, &roll, start, NOW, &config);
    assert_eq!(ids(&facts), [EVENTS_LOST.id(host(1).as_str()).to_string()]);
    log.raise(&facts);
    let later = start + Duration::from_secs(601);
    assert!(hosts.judge(&log.state, &roll, later, NOW, &config).is_empty());
    log.apply(Command::Alert(AlertCommand::Update { raised: Vec::new(), resolved: vec![facts[0].id.clone()] }));
    let mut next_leader = Hosts::default();
    assert!(next_leader.judge(&log.state, &roll, later, NOW, &config).is_empty(), "it is old news");
    roll.lost.insert(host(1), 8);
    assert_eq!(next_leader.judge(&log.state, &roll, later, NOW, &config).len(), 1);
}

#[test]
fn an_engine_that_is_away_for_long_is_told_and_a_guard_that_lets_somebody_pass_at_once() {
    let log = Log::with_hosts(3);
    let (mut hosts, start, config) = (Hosts::default(), Instant::now(), AlertsConfig::default());
    let pass = BreakGlassPass { user: "eve".to_owned(), until: NOW.plus_secs(600) };
    let mut roll = Roll {
        connected: log.state.hosts.keys().cloned().collect(),
        engineless: [host(1)].into(),
        passes: [(host(2), pass)].into(),
        ..Roll::default()
    };
    let facts = hosts.judge(&log.state, &roll, start, NOW, &config);
    assert_eq!(ids(&facts), [BREAK_GLASS.id(host(2).as_str()).to_string()]);
    assert!(facts[0].detail.contains("user eve") && facts[0].severity == Severity::Critical, "{facts:?}");
    roll.passes.clear();
    let after = |seconds| start + Duration::from_secs(seconds);
    let facts = hosts.judge(&log.state, &roll, after(30), NOW, &config);
    assert_eq!(ids(&facts), [ENGINE_AWAY.id(host(1).as_str()).to_string()]);
    // One that comes and goes has been away since it went last.
    roll.engineless.clear();
    assert!(hosts.judge(&log.state, &roll, after(31), NOW, &config).is_empty());
    roll.engineless.insert(host(1));
    assert!(hosts.judge(&log.state, &roll, after(60), NOW, &config).is_empty());
    assert_eq!(hosts.judge(&log.state, &roll, after(90), NOW, &config).len(), 1);
}

#[test]
fn a_connected_host_whose_certificate_is_about_to_end_is_told() {
    let log = Log::with_hosts(1);
    let roll = Roll { connected: log.state.hosts.keys().cloned().collect(), ..Roll::default() };
    let (mut hosts, config) = (Hosts::default(), AlertsConfig::default());
    assert!(hosts.judge(&log.state, &roll, Instant::now(), NOW, &config).is_empty());
    let facts = hosts.judge(&log.state, &roll, Instant::now(), NOW.plus_secs(22 * 3600 + 1), &config);
    assert_eq!(ids(&facts), [HOST_CERTIFICATE.id(host(0).as_str()).to_string()]);
}
