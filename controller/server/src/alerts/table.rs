//! Every kind of alert: when it is raised, how bad that is, what to do, and the metric that shows the same to those who
//! watch with Prometheus. `docs/operations.md` has this table, held against this one by a test.

use std::fmt::Write;
use wharden_model::{
    AlertFact, AlertId, Severity,
    limits::{ALERT_KEY_MAX, ALERT_LINE_MAX, ALERT_TEXT_MAX},
};

/// One kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub kind: &'static str,
    pub severity: Severity,
    /// When it is raised, in words; thresholds are those of `[alerts]` without a file.
    pub when: &'static str,
    /// The metric that shows it, without the prefix; empty where there is none.
    pub metric: &'static str,
    pub advice: &'static str,
    /// Its detail counts on while it is open: a new one is told, not only a new severity.
    pub counts: bool,
}

macro_rules! rows {
    ($($name:ident: $kind:literal, $severity:ident, $when:literal, $metric:literal, $advice:literal $(, $counts:ident)?;)*) => {
        $(pub const $name: Row = Row {
            kind: $kind, severity: Severity::$severity, when: $when, metric: $metric, advice: $advice,
            counts: rows!(@ $($counts)?),
        };)*
        /// All of them, in the order of the document.
        pub const ROWS: &[&Row] = &[$(&$name,)*];
    };
    (@) => { false };
    (@ counts) => { true };
}

rows! {
    CONTROLLER_AWAY: "controller_away", Warning,
        "a controller does not answer for 30 s; critical when the loss of one more would stop changes",
        "controllers_reachable",
        "look at the process and the network of that controller; if the machine is lost, `wharden cluster replace NUMBER`";
    LOG_LOST: "log_lost", Critical,
        "a controller lacks what it had acknowledged: an old copy of its data folder was started, or its disk forgot",
        "",
        "bring its newest data folder back, or let a new controller take its place, `wharden cluster replace NUMBER`: it must not vote again";
    QUORUM_AGE: "quorum_age", Critical,
        "a controller has had no contact with a majority for 10 s; while the leader has none nothing can be raised, so watch the metric",
        "quorum_age_seconds",
        "bring back controllers until a majority runs: nothing is acknowledged without one";
    APPLY_LAG: "apply_lag", Warning,
        "a controller is more than 1,000 log entries behind for 30 s",
        "raft_applied_index",
        "look at the load and the disk of that controller: what it serves is old";
    FSYNC_SLOW: "fsync_slow", Warning,
        "the slowest write to the disk of the last minute took over 500 ms",
        "disk_fsync_seconds",
        "give the controller a faster disk or one of its own: changes wait for it, and what takes longer than 500 ms is sent again";
    SNAPSHOT_OLD: "snapshot_old", Warning,
        "a controller's newest snapshot is more than 20,000 log entries old",
        "raft_snapshot_index",
        "look for errors about snapshots in the log of that controller; often its disk is full";
    DISK_HEADROOM: "disk_headroom", Warning,
        "less than 15 % of the disk under the data folder is free; critical below a third of that",
        "disk_free_bytes",
        "make room, lower events_max_bytes, or move the data folder to a larger disk while the controller is stopped";
    CLOCK_SKEW: "clock_skew", Warning,
        "the clocks of two controllers differ by over 2 s; critical from 15 s on, where codes are refused",
        "clock_skew_milliseconds",
        "let NTP or chrony set the clock of that controller";
    CERTIFICATE_ENDS: "certificate_ends", Warning,
        "a certificate of a controller ends within 30 days; critical within 7",
        "certificate_ends_timestamp_seconds",
        "restart the controller: it makes a new one at every start";
    CA_ENDS: "ca_ends", Warning,
        "the CA of the cluster ends within a year, and all that it signed with it; critical within 30 days",
        "ca_ends_timestamp_seconds",
        "found a new cluster and enrol the hosts there: docs/operations.md, Rotation";
    HOST_CERTIFICATE: "host_certificate", Warning,
        "the certificate of a connected host ends within 2 hours: the agent renews it long before",
        "",
        "look at the agent's log for why it does not renew; when the certificate has ended it still can for a while";
    BACKUP_OLD: "backup_old", Warning,
        "the newest scheduled backup is older than two intervals, there is none ten minutes after the start; or none are set up, and another controller makes some or it has run for a day",
        "backup_last_timestamp_seconds",
        "look for errors about backups in the log of that controller, and at the room in backup_dir";
    HOST_LOST: "host_lost", Warning,
        "an enrolled host has had no session with any controller for 30 s",
        "fleet_sessions",
        "look at the agent on the host: `systemctl status wharden-agent`; a host that is gone for good: `wharden host revoke`";
    HOSTS_LOST: "hosts_lost", Critical,
        "more than 20 hosts are lost at once",
        "fleet_sessions",
        "look at the network between hosts and controllers first: `wharden host list` shows which are lost";
    ENGINE_AWAY: "engine_away", Warning,
        "the Docker Engine of a connected host has not answered its agent for 30 s",
        "",
        "look at the engine on the host: `systemctl status docker`, and at engine_socket in the agent's configuration";
    BREAK_GLASS: "break_glass", Critical,
        "somebody at the console of a host has let a user pass its guard",
        "",
        "`wharden audit list` says who passes and why; it is ended on the host by `wharden-agent break-glass --end`, and by itself in time";
    EVENTS_LOST: "events_lost", Warning,
        "an agent had to drop decision events because its spool was full",
        "",
        "look why the host could not send for so long; what was decided meanwhile is missing in `wharden events`";
    AGENT_CLONE: "agent_clone", Critical,
        "two agents use the identity of one host",
        "fleet_sessions_replaced_total",
        "find the copy of the agent's data folder; if you cannot, `wharden host revoke` and enrol the host anew";
    TOKEN_REUSED: "token_reused", Critical,
        "a refresh token of a session was used a second time: somebody has a copy of it; over after a day",
        "",
        "ask the user: a program that runs twice with one login does it too; else end what is left with `wharden session revoke --all --user NAME` and look at what was done: `wharden audit list --user NAME`";
    AUDIT_SINK: "audit_sink", Warning,
        "an audit sink of a controller has taken nothing for 120 s although there is something to take; critical once records are lost to it",
        "audit_export_failed_total",
        "look at the sink, and at the log of that controller for what it answers; the audit itself is complete: `wharden audit export`",
        counts;
    CHANNEL_FAILS: "channel_fails", Warning,
        "a channel has taken no message for 120 s although there is one for it; told over the other channels",
        "notifications_failed_total",
        "`wharden notify channel test NAME` shows what the other side answers";
    HOST_FULL: "host_full", Warning,
        "one of a host's resources has been above its mark for long: see `wharden capacity status`",
        "",
        "`wharden capacity advice` says what could move where";
}

/// There are alerts of a kind of this name.
pub fn is_kind(name: &str) -> bool {
    ROWS.iter().any(|row| row.kind == name)
}

impl Row {
    /// An alert of this kind. Which one of the kind is `key`; characters that a key cannot have become dashes.
    pub fn fact(&self, key: &str, subject: &str, summary: &str, detail: &str) -> AlertFact {
        self.fact_as(self.severity, key, subject, summary, detail)
    }

    /// The same with another severity.
    pub fn fact_as(&self, severity: Severity, key: &str, subject: &str, summary: &str, detail: &str) -> AlertFact {
        AlertFact {
            id: self.id(key),
            severity,
            subject: cut(subject, ALERT_LINE_MAX),
            summary: cut(summary, ALERT_LINE_MAX),
            detail: cut(detail, ALERT_TEXT_MAX),
            advice: cut(self.advice, ALERT_TEXT_MAX),
        }
    }

    /// The id of the alert of this kind about one thing.
    pub fn id(&self, key: &str) -> AlertId {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.@:-".contains(c) { c } else { '-' };
        let mut key: String = key.chars().map(plain).take(ALERT_KEY_MAX).collect();
        if key.is_empty() {
            key.push('-');
        }
        AlertId::new(format!("{}:{key}", self.kind)).expect("a kind of the table and a key of what keys are made of")
    }
}

/// Texts end up on terminals and in mail.
fn cut(text: &str, max: usize) -> String {
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The table as Markdown.
pub fn markdown() -> String {
    let mut text = "| kind | severity | raised when | metric | what to do |\n|---|---|---|---|---|\n".to_owned();
    for Row { kind, severity, when, metric, advice, .. } in ROWS {
        let metric = if metric.is_empty() { String::new() } else { format!("`wharden_{metric}`") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{kind}` | {severity} | {when} | {metric} | {advice} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use wharden_model::AlertKind;

    #[test]
    fn kinds_are_unique_and_good_and_each_says_what_to_do() {
        let kinds: BTreeSet<_> = ROWS.iter().map(|row| row.kind).collect();
        assert_eq!(kinds.len(), ROWS.len());
        for row in ROWS {
            AlertKind::new(row.kind).expect(row.kind);
            assert!(!row.when.is_empty() && !row.advice.is_empty() && row.advice.len() <= ALERT_TEXT_MAX, "{row:?}");
        }
    }

    #[test]
    fn any_key_and_text_become_an_alert_within_its_limits() {
        let long = "ä\n\u{1b}[31m/".repeat(400);
        let fact = HOST_LOST.fact(&long, &long, &long, &long);
        assert_eq!(fact.id.kind().as_str(), "host_lost");
        assert!(fact.subject.len() <= ALERT_LINE_MAX && fact.detail.len() <= ALERT_TEXT_MAX);
        assert!(!fact.detail.chars().any(char::is_control));
        assert_eq!(HOST_LOST.id("").as_str(), "host_lost:-");
    }
}
