//! What is due when, and what it says.

use super::{
    due::due,
    letter::{Letter, Occasion},
};
use crate::{
    alerts::{CHANNEL_FAILS, table::HOST_LOST},
    app::alert_of,
};
use wharden_model::{
    AlertFact, AlertKind, ChannelName, ClusterId, RequestId, Severity, Timestamp,
    api::{MailSecurity, Secret},
};
use wharden_state::{
    Actor, AlertCommand, ChannelCommand, Command, Delivery, Entry, Hex, Message, Rejection, Route, State,
};

/// A log whose entry `n` is of second `n`.
struct Log {
    state: State,
    next: u64,
}

fn pager() -> ChannelName {
    ChannelName::new("pager").expect("name")
}

impl Log {
    fn new() -> Self {
        let (first, _, _) =
            crate::keys::new_cluster(&wharden_pki::ClusterKeys::generate(), Timestamp(1)).expect("made");
        let mut log = Self { state: State::default(), next: 1 };
        log.apply(Command::Cluster(first)).expect("applied");
        log
    }

    fn apply(&mut self, command: Command) -> Result<(), Rejection> {
        let n = self.next;
        self.next += 1;
        let request_id = RequestId::new(format!("{n:032x}")).expect("id");
        let issued_at = Timestamp::from_secs(n);
        let entry = Entry { request_id, actor: Actor::System, issued_at, if_revision: None, origin: None, command };
        self.state.apply(n, &entry).0.map(drop)
    }

    fn channel(&mut self, repeat_s: u64, kinds: &[&str]) {
        let command = ChannelCommand::Create {
            name: pager(),
            route: Box::new(Route::Webhook { server: "hooks:443".into() }),
            sealed: Hex(vec![1]),
            min_severity: Severity::Warning,
            kinds: kinds.iter().map(|kind| AlertKind::new(*kind).expect("kind")).collect(),
            repeat_s,
            ca_pem: String::new(),
        };
        self.apply(Command::Channel(command)).expect("applied");
    }

    fn raise(&mut self, key: &str, severity: Severity) {
        let raised = vec![HOST_LOST.fact_as(severity, key, "host", "lost", "seen")];
        self.apply(Command::Alert(AlertCommand::Update { raised, resolved: Vec::new() })).expect("applied");
    }

    fn resolve(&mut self, key: &str) {
        let resolved = vec![HOST_LOST.id(key)];
        self.apply(Command::Alert(AlertCommand::Update { raised: Vec::new(), resolved })).expect("applied");
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(self.next)
    }

    /// What is due at a second, as `key message`.
    fn due_at(&self, at: Timestamp) -> Vec<String> {
        let due = due(&self.state, &pager(), &self.state.channels[&pager()], at);
        due.into_iter().map(|due| format!("{} {}", due.id.key(), due.message)).collect()
    }

    /// Takes everything that is due.
    fn take(&mut self) -> Vec<String> {
        let now = self.now();
        let (shown, due) = (self.due_at(now), due(&self.state, &pager(), &self.state.channels[&pager()], now));
        let taken = due.into_iter().map(|due| Delivery {
            id: due.id,
            raised_at: due.raised_at,
            channel: pager(),
            message: due.message,
            at: now,
        });
        let command = AlertCommand::Delivered(taken.collect());
        self.apply(Command::Alert(command)).expect("applied");
        shown
    }
}

#[test]
fn each_alert_is_one_message_when_it_is_raised_and_one_when_it_is_over() {
    let mut log = Log::new();
    log.raise("before", Severity::Warning);
    log.raise("gone", Severity::Warning);
    log.resolve("gone");
    log.channel(0, &[]);
    log.raise("a", Severity::Critical);
    log.raise("low", Severity::Info);
    assert_eq!(log.take(), ["a raised", "before raised"], "the worst first; what is too low or was over is left out");
    log.raise("a", Severity::Critical);
    assert_eq!(log.take(), [""; 0], "the same again is no news");
    log.resolve("a");
    assert_eq!(log.take(), ["a resolved"]);
    assert_eq!(log.take(), [""; 0]);
    log.raise("a", Severity::Critical);
    assert_eq!(log.take(), ["a raised"], "a new time");
}

#[test]
fn what_came_and_went_while_a_channel_was_away_is_told_in_one() {
    let mut log = Log::new();
    log.channel(0, &[]);
    log.raise("a", Severity::Warning);
    log.resolve("a");
    assert_eq!(log.take(), ["a resolved"]);
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn what_lasts_is_repeated_until_somebody_takes_care_of_it() {
    let mut log = Log::new();
    log.channel(100, &["host_lost"]);
    log.raise("a", Severity::Warning);
    assert_eq!(log.take(), ["a raised"]);
    let told = log.now();
    assert_eq!(log.due_at(told.plus_secs(98)), [""; 0]);
    assert_eq!(log.due_at(told.plus_secs(100)), ["a repeated-1"]);
    log.next += 200;
    assert_eq!(log.take(), ["a repeated-1"]);
    log.next += 200;
    assert_eq!(log.due_at(log.now()), ["a repeated-2"]);
    let until = log.now().plus_secs(50);
    log.apply(Command::Alert(AlertCommand::Snooze { id: HOST_LOST.id("a"), until })).expect("applied");
    assert_eq!(log.due_at(log.now()), [""; 0]);
    assert_eq!(log.due_at(until), ["a repeated-2"]);
    let acknowledge = AlertCommand::Acknowledge { id: HOST_LOST.id("a"), note: String::new() };
    log.apply(Command::Alert(acknowledge)).expect("applied");
    assert_eq!(log.due_at(until.plus_secs(9999)), [""; 0]);
    log.resolve("a");
    assert_eq!(log.take(), ["a resolved"], "that it is over is told in any case");
}

#[test]
fn a_channel_hears_only_of_its_kinds() {
    let mut log = Log::new();
    log.channel(0, &["disk_headroom"]);
    log.raise("a", Severity::Critical);
    assert_eq!(log.due_at(log.now()), [""; 0]);
}

#[test]
fn that_a_channel_fails_is_told_on_every_other_and_never_on_itself() {
    let mut log = Log::new();
    log.channel(0, &[]);
    let other = ChannelName::new("mail").expect("name");
    let raised = [pager(), other].map(|name| CHANNEL_FAILS.fact(name.as_str(), "channel", "it takes no message", ""));
    let update = AlertCommand::Update { raised: raised.to_vec(), resolved: Vec::new() };
    log.apply(Command::Alert(update)).expect("applied");
    assert_eq!(log.take(), ["mail raised"]);
    let resolved = raised.iter().map(|fact| fact.id.clone()).collect();
    log.apply(Command::Alert(AlertCommand::Update { raised: Vec::new(), resolved })).expect("applied");
    assert_eq!(log.take(), ["mail resolved"]);
}

#[test]
fn a_letter_says_what_to_do_and_keeps_its_id() {
    let mut log = Log::new();
    log.raise("h-1", Severity::Critical);
    let id = HOST_LOST.id("h-1");
    let cluster = ClusterId::new("c-0123456789abcdef").expect("id");
    let letter =
        |log: &Log, message| Letter::new(cluster.clone(), message, alert_of(&id, &log.state.alerts[&id], log.now()));
    let raised = letter(&log, Message::Raised);
    assert_eq!(raised.subject(), "[Wharden critical] host: lost");
    assert!(raised.text().contains("What to do: look at the agent"), "{}", raised.text());
    assert_eq!(raised.delivery, "host_lost:h-1@2000#raised");
    assert_eq!(letter(&log, Message::Repeated(3)).delivery, "host_lost:h-1@2000#repeated-3");
    log.resolve("h-1");
    let resolved = letter(&log, Message::Resolved);
    assert_eq!((resolved.occasion, resolved.delivery.as_str()), (Occasion::Resolved, "host_lost:h-1@2000#resolved"));
    assert!(!resolved.text().contains("What to do"), "{}", resolved.text());
}

#[tokio::test]
async fn mail_without_tls_is_no_mail() {
    wharden_runtime::tls::install_provider();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = tcp.local_addr().expect("address").port();
    let heard = tokio::spawn(async move {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
        let (stream, _) = tcp.accept().await.expect("accepted");
        let mut stream = BufReader::new(stream);
        let (mut all, mut line) = (String::new(), String::new());
        stream.write_all(b"220 plain\r\n").await.expect("greeted");
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            all.push_str(&line);
            line.clear();
            stream.write_all(b"250 AUTH PLAIN LOGIN\r\n").await.expect("answered");
        }
        all
    });
    let password = Secret::new("a-planted-password");
    let login = Some(("wharden", &password));
    let to = ["ops@example.org".to_owned()];
    let security = MailSecurity::Starttls;
    let mail =
        super::mail::Mail::new("127.0.0.1", port, security, login, "wharden@example.org", &to, "").expect("mail");
    let fact: AlertFact = HOST_LOST.fact("h-1", "host", "lost", "");
    let mut log = Log::new();
    log.apply(Command::Alert(AlertCommand::Update { raised: vec![fact], resolved: Vec::new() })).expect("applied");
    let id = HOST_LOST.id("h-1");
    let cluster = ClusterId::new("c-0123456789abcdef").expect("id");
    let letter = Letter::new(cluster, Message::Raised, alert_of(&id, &log.state.alerts[&id], log.now()));
    mail.send(&letter).await.expect_err("not in the clear");
    drop(mail);
    let heard = heard.await.expect("a task");
    assert!(heard.starts_with("EHLO ") && !heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
}
