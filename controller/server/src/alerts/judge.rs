//! What is wrong with the controllers, as a view of them shows it. Pure: the leader raises it, `doctor` shows it.

use super::{
    config::AlertsConfig,
    readings::Readings,
    table::{
        APPLY_LAG, AUDIT_SINK, BACKUP_OLD, CA_ENDS, CERTIFICATE_ENDS, CLOCK_SKEW, CONTROLLER_AWAY, DISK_HEADROOM,
        FSYNC_SLOW, LOG_LOST, QUORUM_AGE, Row, SNAPSHOT_OLD,
    },
    view::{Seen, View},
};
use crate::{cluster::plan, limits};
use std::{collections::BTreeSet, time::Duration};
use wharden_model::{AlertFact, Severity, Timestamp};

/// Entries that a controller may be behind.
const LAG_MAX: u64 = 1000;
/// Snapshots that may be missing.
const SNAPSHOTS_MISSED: u64 = 4;
/// Clocks that differ by half a step of the codes make good ones bad.
const SKEW_CRITICAL_MS: u64 = 15_000;
/// Days before a certificate ends.
const CERTIFICATE_DAYS: u64 = 30;
const CERTIFICATE_DAYS_CRITICAL: u64 = 7;
/// Days before the CA ends: a new cluster wants time.
const CA_DAYS: u64 = 365;
const CA_DAYS_CRITICAL: u64 = 30;
/// Time that a backup itself may take, in seconds.
const BACKUP_SLACK_S: u64 = 3600;
/// Time that a controller has for the backup that is due at its start, and to see that it is there, in seconds.
const BACKUP_FIRST_S: u64 = 600;
/// A cluster that lives longer than this without backups is no trial any more, in seconds.
const BACKUP_NONE_S: u64 = 24 * 3600;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// Kinds that a view of the controllers decides.
pub const KINDS: &[&Row] = &[
    &CONTROLLER_AWAY,
    &LOG_LOST,
    &QUORUM_AGE,
    &APPLY_LAG,
    &FSYNC_SLOW,
    &SNAPSHOT_OLD,
    &DISK_HEADROOM,
    &CLOCK_SKEW,
    &CERTIFICATE_ENDS,
    &CA_ENDS,
    &BACKUP_OLD,
    &AUDIT_SINK,
];

/// Everything that is wrong at this moment.
pub fn controllers(view: &View, config: &AlertsConfig) -> Vec<AlertFact> {
    let mut facts = Vec::new();
    let mut told = view.controllers.values().filter_map(|seen| seen.readings.as_ref());
    let lost: BTreeSet<u64> = told.clone().flat_map(|readings| readings.lost_logs.iter().copied()).collect();
    let others_back_up = told.any(|readings| readings.backup.is_some());
    for (number, seen) in &view.controllers {
        let whom = Whom { key: number.to_string(), subject: subject(*number, seen) };
        if lost.contains(number) {
            let detail = "it lacks entries that it had acknowledged to the leader, and gets no more";
            let fact = whom.says(&LOG_LOST, "it has lost part of its log", detail);
            facts.push(AlertFact { advice: fact.advice.replace("NUMBER", &number.to_string()), ..fact });
        }
        let Some(status) = &seen.status else {
            facts.push(away(view, *number, &whom));
            continue;
        };
        let behind = view.newest.saturating_sub(status.applied_index);
        if behind > LAG_MAX {
            let newest = view.newest;
            facts.push(whom.says(
                &APPLY_LAG,
                &format!("{behind} log entries behind"),
                &format!("the newest entry is {newest}, it has applied {}", status.applied_index),
            ));
        }
        if let Some(readings) = &seen.readings {
            readings_of(&whom, readings, view.at, config, &mut facts);
            let up_s = view.at.millis_since(status.started_at) / 1000;
            if up_s >= BACKUP_FIRST_S {
                let wanted = others_back_up || up_s >= BACKUP_NONE_S;
                facts.extend(backup_of(&whom, readings, view.at, wanted));
            }
        }
    }
    clocks(view, config, &mut facts);
    facts.extend(ca(view));
    facts
}

/// One for the whole cluster: all controllers have the same.
fn ca(view: &View) -> Option<AlertFact> {
    let days = view.ca_ends_at.millis_since(view.at) / DAY_MS;
    if days >= CA_DAYS {
        return None;
    }
    let severity = if days < CA_DAYS_CRITICAL { Severity::Critical } else { CA_ENDS.severity };
    let detail = end_of(view.ca_ends_at, view.at);
    Some(CA_ENDS.fact_as(severity, "cluster", "the CA of the cluster", "it ends", &detail))
}

/// When something ends or ended.
pub(super) fn end_of(end: Timestamp, at: Timestamp) -> String {
    format!("it {} {end}", if end <= at { "ended" } else { "ends" })
}

fn subject(number: u64, seen: &Seen) -> String {
    if seen.name.is_empty() { format!("controller {number}") } else { format!("controller {number} ({})", seen.name) }
}

/// Which controller it is about.
struct Whom {
    key: String,
    subject: String,
}

impl Whom {
    fn says(&self, row: &Row, summary: &str, detail: &str) -> AlertFact {
        self.says_as(row.severity, row, summary, detail)
    }

    fn says_as(&self, severity: Severity, row: &Row, summary: &str, detail: &str) -> AlertFact {
        row.fact_as(severity, &self.key, &self.subject, summary, detail)
    }
}

fn away(view: &View, number: u64, whom: &Whom) -> AlertFact {
    let live: BTreeSet<u64> =
        view.controllers.iter().filter(|(_, seen)| seen.status.is_some()).map(|(number, _)| *number).collect();
    let there = view.voters.intersection(&live).count();
    let need = view.voters.len() / 2 + 1;
    // One more that goes takes the majority with it.
    let last = there <= need || !plan::has_quorum(&view.voters, &live);
    let severity = if last { Severity::Critical } else { CONTROLLER_AWAY.severity };
    let detail = format!("{there} of {} voters answer, {need} are needed", view.voters.len());
    let fact = whom.says_as(severity, &CONTROLLER_AWAY, "it does not answer", &detail);
    let advice = if plan::has_quorum(&view.voters, &live) {
        fact.advice.replace("NUMBER", &number.to_string())
    } else {
        let away: Vec<String> = view.voters.difference(&live).map(u64::to_string).collect();
        let missing = need.saturating_sub(there);
        format!(
            "start {missing} of controllers {} again, with their data folders: without a majority none can be replaced",
            away.join(", ")
        )
    };
    AlertFact { advice, ..fact }
}

fn readings_of(whom: &Whom, readings: &Readings, at: Timestamp, config: &AlertsConfig, facts: &mut Vec<AlertFact>) {
    let age = Duration::from_millis(readings.quorum_age_ms);
    if age >= limits::QUORUM_LOST {
        facts.push(whom.says(&QUORUM_AGE, &format!("no contact with a majority for {} s", age.as_secs()), ""));
    }
    let limit_us = config.fsync_ms.saturating_mul(1000);
    if let Some(took) = readings.fsync_us.filter(|took| *took > limit_us) {
        let detail = format!("the slowest write of the last minute took {} ms", took / 1000);
        facts.push(whom.says(&FSYNC_SLOW, "the disk is slow", &detail));
    }
    if !readings.disk_error.is_empty() {
        let summary = "the data folder cannot be written";
        facts.push(whom.says_as(Severity::Critical, &DISK_HEADROOM, summary, &readings.disk_error));
    } else if readings.disk_size_bytes > 0 {
        let (free, size) = (readings.disk_free_bytes, readings.disk_size_bytes);
        let permille = u64::try_from(u128::from(free) * 1000 / u128::from(size)).unwrap_or(1000);
        let limit = config.disk_free_percent.saturating_mul(10);
        if permille < limit {
            let critical = permille < limit / 3;
            let severity = if critical { Severity::Critical } else { DISK_HEADROOM.severity };
            let detail = format!("{} MiB of {} MiB are free", free >> 20, size >> 20);
            facts.push(whom.says_as(severity, &DISK_HEADROOM, "the disk is nearly full", &detail));
        }
    }
    if readings.log_since_snapshot > SNAPSHOTS_MISSED * limits::RAFT_SNAPSHOT_EVERY {
        let detail = format!("{} log entries came after it", readings.log_since_snapshot);
        facts.push(whom.says(&SNAPSHOT_OLD, "the newest snapshot is old", &detail));
    }
    if let Some(end) = readings.certificate_ends_at {
        let days = end.millis_since(at) / DAY_MS;
        if days < CERTIFICATE_DAYS {
            let critical = days < CERTIFICATE_DAYS_CRITICAL;
            let severity = if critical { Severity::Critical } else { CERTIFICATE_ENDS.severity };
            facts.push(whom.says_as(severity, &CERTIFICATE_ENDS, "its certificate ends", &end_of(end, at)));
        }
    }
    for (name, sink) in &readings.sinks {
        if at.millis_since(sink.since) / 1000 < config.audit_sink_s {
            continue;
        }
        let lost = sink.dropped > 0;
        let severity = if lost { Severity::Critical } else { AUDIT_SINK.severity };
        let each = Whom { key: format!("{}-{name}", whom.key), subject: whom.subject.clone() };
        let dropped =
            if lost { format!("{} records are lost to it", sink.dropped) } else { "nothing is lost yet".into() };
        let detail = format!("since {}; {dropped}; the last attempt: {}", sink.since, sink.error);
        facts.push(each.says_as(severity, &AUDIT_SINK, &format!("the audit sink {name} takes nothing"), &detail));
    }
}

/// The newest scheduled backup. Where one controller makes some, all are to: it is the next one that is lost.
fn backup_of(whom: &Whom, readings: &Readings, at: Timestamp, wanted: bool) -> Option<AlertFact> {
    let Some(backup) = &readings.backup else {
        let detail = "backup_recipients and backup_dir are not set in its controller.toml";
        return wanted.then(|| whom.says(&BACKUP_OLD, "it makes no backups", detail));
    };
    let due = format!("one is due every {} hours", backup.every_s / 3600);
    let Some(newest) = backup.newest_at else {
        return Some(whom.says(&BACKUP_OLD, "there is no backup in its backup_dir, or it cannot be read", &due));
    };
    let allowed_s = backup.every_s.saturating_mul(2).saturating_add(BACKUP_SLACK_S);
    let old = at.millis_since(newest) / 1000 > allowed_s;
    old.then(|| whom.says(&BACKUP_OLD, "the newest backup is too old", &format!("it is of {newest}; {due}")))
}

/// Against the one in the middle: when the clock here is wrong, it is not all others that are.
fn clocks(view: &View, config: &AlertsConfig, facts: &mut Vec<AlertFact>) {
    let mut all: Vec<i64> = view.controllers.values().filter_map(|seen| seen.ahead_ms).collect();
    all.sort_unstable();
    let Some(middle) = all.get(all.len().saturating_sub(1) / 2).copied() else { return };
    for (number, seen) in &view.controllers {
        let Some(ahead) = seen.ahead_ms else { continue };
        let off = ahead.saturating_sub(middle);
        if off.unsigned_abs() <= config.clock_skew_ms {
            continue;
        }
        let critical = off.unsigned_abs() >= SKEW_CRITICAL_MS;
        let severity = if critical { Severity::Critical } else { CLOCK_SKEW.severity };
        let side = if off > 0 { "ahead of" } else { "behind" };
        let detail = format!("it is {} ms {side} the others", off.unsigned_abs());
        let whom = Whom { key: number.to_string(), subject: subject(*number, seen) };
        facts.push(whom.says_as(severity, &CLOCK_SKEW, "its clock is wrong", &detail));
    }
}
