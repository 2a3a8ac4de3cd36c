//! Alerts are said once, kept within their number, and what was said to a channel is remembered.

use super::*;
use wharden_model::{AlertFact, AlertId, AlertKind, AlertState, ChannelName, Severity};

fn id(key: &str) -> AlertId {
    AlertId::new(format!("host_lost:{key}")).unwrap()
}

fn fact(key: &str, severity: Severity) -> AlertFact {
    AlertFact {
        id: id(key),
        severity,
        subject: format!("host {key}"),
        summary: "it is lost".into(),
        detail: String::new(),
        advice: "look".into(),
    }
}

fn update(raised: Vec<AlertFact>, resolved: Vec<AlertId>) -> Command {
    Command::Alert(AlertCommand::Update { raised, resolved })
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn create(name: &str) -> Command {
    Command::Channel(ChannelCommand::Create {
        name: channel(name),
        route: Box::new(Route::Webhook { server: "hooks.example.org:443".into() }),
        sealed: hash(30),
        min_severity: Severity::Warning,
        kinds: vec![AlertKind::new("host_lost").unwrap()],
        repeat_s: 3600,
        ca_pem: String::new(),
    })
}

fn delivered(key: &str, raised_at: Timestamp, name: &str, message: Message) -> Command {
    let (id, channel) = (id(key), channel(name));
    Command::Alert(AlertCommand::Delivered(vec![Delivery { id, raised_at, channel, message, at: Timestamp(1) }]))
}

/// A log that goes on.
struct Log {
    state: State,
    next: u64,
}

impl Log {
    fn new() -> Self {
        let (state, next) = bootstrapped();
        Self { state, next }
    }

    fn apply(&mut self, command: Command) -> Reply {
        let entry = entry(self.next, command);
        self.next += 1;
        self.state.apply(self.next - 1, &entry).0
    }

    /// The time of the entry that was applied last.
    fn at(&self) -> Timestamp {
        Timestamp((self.next - 1) * 1000)
    }
}

#[test]
fn an_alert_is_raised_acknowledged_silenced_and_over_and_comes_back_as_a_new_one() {
    let mut log = Log::new();
    log.apply(update(vec![fact("a", Severity::Warning)], vec![])).unwrap();
    let first = log.at();
    log.apply(update(vec![fact("a", Severity::Warning)], vec![])).unwrap();
    assert_eq!(log.state.alerts[&id("a")].raised_at, first, "the same again is not a new one");
    log.apply(Command::Alert(AlertCommand::Acknowledge { id: id("a"), note: "on it".into() })).unwrap();
    assert_eq!(log.state.alerts[&id("a")].state(log.at()), AlertState::Acknowledged);
    let until = Timestamp(log.at().0 + 5000);
    log.apply(Command::Alert(AlertCommand::Snooze { id: id("a"), until })).unwrap();
    assert_eq!(log.state.alerts[&id("a")].state(log.at()), AlertState::Snoozed);
    assert_eq!(log.state.alerts[&id("a")].state(until), AlertState::Acknowledged);
    log.apply(update(vec![fact("a", Severity::Critical)], vec![])).unwrap();
    let worse = log.state.alerts[&id("a")].clone();
    assert_eq!((worse.state(log.at()), worse.raised_at), (AlertState::Raised, log.at()), "worse is news");
    log.apply(update(vec![], vec![id("a"), id("unknown")])).unwrap();
    assert_eq!(log.state.alerts[&id("a")].resolved_at, Some(log.at()));
    let over = Command::Alert(AlertCommand::Acknowledge { id: id("a"), note: String::new() });
    assert_eq!(log.apply(over), Err(Rejection::AlertOver));
    log.apply(update(vec![fact("a", Severity::Warning)], vec![])).unwrap();
    assert_eq!(log.state.alerts[&id("a")].state(log.at()), AlertState::Raised);
    let lines: Vec<_> = log.state.audit.records().filter(|record| record.action.starts_with("alert")).collect();
    assert_eq!(lines.len(), 3, "only what people do");
}

#[test]
fn the_number_of_alerts_is_bounded_and_what_is_over_gives_way() {
    let mut log = Log::new();
    for n in 0..=limits::ALERTS_RESOLVED_MAX {
        log.apply(update(vec![fact(&format!("r{n}"), Severity::Warning)], vec![])).unwrap();
        log.apply(update(vec![], vec![id(&format!("r{n}"))])).unwrap();
    }
    assert_eq!(log.state.alerts.len(), limits::ALERTS_RESOLVED_MAX);
    assert!(!log.state.alerts.contains_key(&id("r0")), "the oldest went");
    let many = |from: usize, to: usize| (from..to).map(|n| fact(&format!("o{n}"), Severity::Warning)).collect();
    log.apply(update(many(0, limits::ALERTS_MAX), vec![])).unwrap();
    assert_eq!((log.state.alerts.len(), log.state.alerts_dropped), (limits::ALERTS_MAX, 0));
    assert!(log.state.alerts.values().all(|alert| alert.is_open()));
    log.apply(update(many(limits::ALERTS_MAX, limits::ALERTS_MAX + 3), vec![])).unwrap();
    assert_eq!((log.state.alerts.len(), log.state.alerts_dropped), (limits::ALERTS_MAX, 3));
}

#[test]
fn what_a_channel_took_is_remembered_once_and_for_that_time_only() {
    let mut log = Log::new();
    log.apply(create("pager")).unwrap();
    assert!(matches!(log.apply(create("pager")), Err(Rejection::Exists { .. })));
    log.apply(update(vec![fact("a", Severity::Warning)], vec![])).unwrap();
    let raised = log.at();
    let told = |log: &Log| log.state.alerts[&id("a")].told.get(&channel("pager")).map(|told| told.message);
    log.apply(delivered("a", Timestamp(1), "pager", Message::Raised)).unwrap();
    log.apply(delivered("a", raised, "gone", Message::Raised)).unwrap();
    assert_eq!(told(&log), None, "another time, another channel");
    log.apply(delivered("a", raised, "pager", Message::Repeated(2))).unwrap();
    log.apply(delivered("a", raised, "pager", Message::Raised)).unwrap();
    assert_eq!(told(&log), Some(Message::Repeated(2)), "an older message that comes late changes nothing");
    log.apply(Command::Channel(ChannelCommand::Delete { name: channel("pager") })).unwrap();
    assert_eq!(told(&log), None);
    let again = Command::Channel(ChannelCommand::Delete { name: channel("pager") });
    assert!(matches!(log.apply(again), Err(Rejection::NotFound { .. })));
    let takes = |severity| log_channel().takes(&id("a").kind(), severity);
    assert!(takes(Severity::Critical) && !takes(Severity::Info));
    assert!(!log_channel().takes(&AlertKind::new("other").unwrap(), Severity::Critical));
}

fn log_channel() -> Shared<Channel> {
    let mut log = Log::new();
    log.apply(create("pager")).unwrap();
    log.state.channels[&channel("pager")].clone()
}

#[test]
fn the_form_of_alerts_and_channels_is_frozen() {
    let mut log = Log::new();
    let commands = [
        create("pager"),
        update(vec![fact("a", Severity::Warning), fact("b", Severity::Critical)], vec![]),
        Command::Alert(AlertCommand::Acknowledge { id: id("a"), note: "on it".into() }),
        Command::Alert(AlertCommand::Snooze { id: id("a"), until: Timestamp(90_000) }),
        delivered("a", Timestamp(4000), "pager", Message::Repeated(1)),
        update(vec![], vec![id("b")]),
    ];
    for command in &commands {
        log.apply(command.clone()).unwrap();
    }
    let delete = Command::Channel(ChannelCommand::Delete { name: channel("pager") });
    insta::assert_json_snapshot!("alert_commands", (&commands, delete));
    insta::assert_json_snapshot!("alerts", (&log.state.alerts, &log.state.channels));
    let bytes = log.state.to_bytes().unwrap();
    assert_eq!(State::from_bytes(&bytes).unwrap(), log.state);
}
