//! A look at everything at once: the rows of the table of alerts, without waiting whether they pass by themselves, and what
//! only shows when all are asked. What is looked at now is not told a second time by an alert, which is over a while later.

use super::{App, AppError, Caller};
use crate::{
    alerts::{
        JUDGED_KINDS, View, judge_controllers,
        table::{HOST_LOST, ROWS, Row},
    },
    cluster::ask_all,
    peers::{Reply, Request, limits::LIST_LIMIT},
};
use std::collections::BTreeMap;
use wharden_model::{
    AdminAction, AlertFact, Severity,
    api::{Check, Diagnosis, Problem},
};
use wharden_state::{Alert, State};

/// Seconds after which a change of the cluster key should be over: a minute is plenty when all controllers run.
const KEY_CHANGE_LONG_S: u64 = 600;
/// Hosts that are named when something is wrong with many.
const NAMED: usize = 5;

impl App {
    pub async fn doctor(&self, caller: &Caller) -> Result<Diagnosis, AppError> {
        self.may(caller, AdminAction::ClusterRead, &self.cluster()).await?;
        let state = self.state();
        let view = self.sight.controllers().await;
        let mut checks = Vec::new();
        let facts = judge_controllers(&view, &self.alerts_config);
        for row in ROWS {
            let now = facts.iter().filter(|fact| fact.kind().as_str() == row.kind);
            let mut problems: Vec<Problem> = now.map(problem).collect();
            // What is looked at is as the look shows it: an alert says no more than that it was so.
            if **row != HOST_LOST && !JUDGED_KINDS.contains(row) {
                let open = state.alerts.iter().filter(|(id, alert)| alert.is_open() && id.kind().as_str() == row.kind);
                problems.extend(open.map(|(_, alert)| raised(alert)));
            }
            checks.push(Check { name: row.kind.to_owned(), what: row.when.to_owned(), problems });
        }
        self.hosts_check(&state, &mut checks).await;
        checks.push(self.reach(&view).await);
        checks.push(versions(&view));
        checks.push(membership(&state, &view));
        checks.push(self.policies_check());
        checks.push(backups(&view));
        checks.push(channels(&state));
        checks.push(self.key_check(&state).await?);
        Ok(Diagnosis { at: self.now(), controller: view.own, checks })
    }

    /// Hosts that nobody has now, and agents that do not do as they are told.
    async fn hosts_check(&self, state: &State, checks: &mut Vec<Check>) {
        let elsewhere = self.hosts_elsewhere().await;
        let mut away = Vec::new();
        let (mut refusing, mut other) = (Vec::new(), Vec::new());
        for (id, host) in state.hosts.iter().filter(|(_, host)| host.revoked_at.is_none()) {
            let live = self.live(id, &elsewhere);
            if !live.connected {
                away.push(host.name.clone());
                continue;
            }
            if !live.nack.is_empty() {
                refusing.push(format!("{}: {}", host.name, live.nack));
            }
            let version = live.report.map(|report| report.agent_version).unwrap_or_default();
            if !version.is_empty() && version != env!("CARGO_PKG_VERSION") {
                other.push(format!("{} {version}", host.name));
            }
        }
        if let Some(check) = checks.iter_mut().find(|check| check.name == HOST_LOST.kind) {
            check.problems.extend(some(&HOST_LOST, "have no session with any controller now", &away));
        }
        checks.push(Check {
            name: "bundles".to_owned(),
            what: "a host refuses the newest policies".to_owned(),
            problems: counted(
                Severity::Critical,
                "refuse the newest policies",
                "the agent's log says more; it goes on enforcing what it had before",
                &refusing,
            ),
        });
        checks.push(Check {
            name: "agents".to_owned(),
            what: "an agent has another version than the controllers".to_owned(),
            problems: counted(
                Severity::Info,
                "run an agent of another version",
                "upgrade the agents after the controllers",
                &other,
            ),
        });
    }

    /// A change of the cluster key that comes to no end.
    async fn key_check(&self, state: &State) -> Result<Check, AppError> {
        let keys = self.keys_of(state).await?.cluster;
        let stands = keys.step.filter(|_| keys.since.plus_secs(KEY_CHANGE_LONG_S) < self.now());
        let problems = stands.map(|_| {
            let more = keys.controllers.iter().filter(|holder| holder.keys.iter().any(|key| *key != keys.key_id));
            let more: Vec<String> = more.map(|holder| holder.number.to_string()).collect();
            Problem {
                severity: Severity::Warning,
                subject: "cluster key".to_owned(),
                summary: format!("the change of it began at {} and has not come to its end", keys.since),
                detail: format!("{} values left; controllers with the key before: {}", keys.left, more.join(" ")),
                advice:
                    "see that every controller runs and has room on its disk; `wharden key list` shows how far it is"
                        .to_owned(),
            }
        });
        Ok(Check {
            name: "cluster_key".to_owned(),
            what: "a change of the cluster key stands still".to_owned(),
            problems: problems.into_iter().collect(),
        })
    }

    async fn reach(&self, view: &View) -> Check {
        let lists: BTreeMap<u64, Vec<u64>> = ask_all(&self.raft, |number| async move {
            match self.raft.ask(number, Request::Reach, LIST_LIMIT).await {
                Ok(Reply::Reach(reached)) => Some(reached),
                _ => None,
            }
        })
        .await;
        let there = |number: &u64| view.controllers.get(number).is_some_and(|seen| seen.status.is_some());
        let mut problems = Vec::new();
        for (from, reached) in &lists {
            for to in view.controllers.keys().filter(|to| *to != from && there(to) && !reached.contains(to)) {
                problems.push(Problem {
                    severity: Severity::Warning,
                    subject: format!("controller {from}"),
                    summary: format!("it does not reach controller {to}, which answers here"),
                    detail: String::new(),
                    advice: "open port 7442 between all controllers, and check what each --advertise says".to_owned(),
                });
            }
        }
        Check { name: "reach".to_owned(), what: "a controller does not reach another one".to_owned(), problems }
    }

    fn policies_check(&self) -> Check {
        let problems = self.fleet.problem().into_iter().map(|why| Problem {
            severity: Severity::Critical,
            subject: "policies".to_owned(),
            summary: "they do not compile together, so hosts get no newer ones".to_owned(),
            detail: why,
            advice: "roll the last changed policy back: `wharden policy rollback`".to_owned(),
        });
        Check {
            name: "policies".to_owned(),
            what: "policies cannot be given to hosts".to_owned(),
            problems: problems.collect(),
        }
    }
}

fn problem(fact: &AlertFact) -> Problem {
    let AlertFact { severity, subject, summary, detail, advice, .. } = fact.clone();
    Problem { severity, subject, summary, detail, advice }
}

/// What an alert tells of, as something that was so.
fn raised(alert: &Alert) -> Problem {
    let Alert { severity, subject, summary, detail, advice, raised_at, .. } = alert.clone();
    let since = format!("so it was at {raised_at}; nothing has said since that it is over");
    let detail = if detail.is_empty() { since } else { format!("{detail}; {since}") };
    Problem { severity, subject, summary, detail, advice }
}

fn some(row: &Row, what: &str, names: &[String]) -> Vec<Problem> {
    counted(row.severity, what, row.advice, names)
}

/// One problem of several hosts.
fn counted(severity: Severity, what: &str, advice: &str, names: &[String]) -> Vec<Problem> {
    if names.is_empty() {
        return Vec::new();
    }
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMED);
    let detail = if more == 0 { shown } else { format!("{shown} and {more} more") };
    let summary = format!("{} of them {what}", names.len());
    vec![Problem { severity, subject: "hosts".to_owned(), summary, detail, advice: advice.to_owned() }]
}

fn versions(view: &View) -> Check {
    let mut versions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (number, seen) in &view.controllers {
        if let Some(status) = &seen.status {
            versions.entry(&status.version).or_default().push(number.to_string());
        }
    }
    let mut problems = Vec::new();
    if versions.len() > 1 {
        let each = versions.iter().map(|(version, numbers)| format!("{version}: {}", numbers.join(" ")));
        problems.push(Problem {
            severity: Severity::Warning,
            subject: "controllers".to_owned(),
            summary: "they run different versions".to_owned(),
            detail: each.collect::<Vec<_>>().join(", "),
            advice: "finish the upgrade: one controller after the other".to_owned(),
        });
    }
    Check { name: "versions".to_owned(), what: "controllers run different versions".to_owned(), problems }
}

fn membership(state: &State, view: &View) -> Check {
    let voters = view.voters.len();
    let problem = |severity, summary: String, advice: &str| Problem {
        severity,
        subject: "controllers".to_owned(),
        summary,
        detail: String::new(),
        advice: advice.to_owned(),
    };
    let mut problems = Vec::new();
    if let Some(number) = state.controllers.changing {
        let summary = format!("the change of controller {number} is under way");
        problems.push(problem(Severity::Info, summary, "`wharden cluster status` shows when it is done"));
    }
    if voters == 1 {
        let summary =
            "there is only one with a vote: when it is lost, so is everything after the last backup".to_owned();
        problems.push(problem(Severity::Info, summary, "add two more: `wharden cluster add`"));
    } else if voters > 0 && voters.is_multiple_of(2) {
        let than = if voters == 2 { "worse than" } else { "no better than" };
        let summary = format!("{voters} have a vote, which is {than} {}", voters - 1);
        problems.push(problem(Severity::Warning, summary, "add one more, or remove one"));
    }
    Check { name: "membership".to_owned(), what: "the number of controllers with a vote".to_owned(), problems }
}

fn backups(view: &View) -> Check {
    let scheduled = view.controllers.values().filter_map(|seen| seen.readings.as_ref()).any(|r| r.backup.is_some());
    let problems = if scheduled {
        Vec::new()
    } else {
        vec![Problem {
            severity: Severity::Warning,
            subject: "backups".to_owned(),
            summary: "no controller that answers makes any by itself".to_owned(),
            detail: String::new(),
            advice: "set backup_recipients and backup_dir in controller.toml: see docs/operations.md".to_owned(),
        }]
    };
    Check { name: "backups".to_owned(), what: "no backups are scheduled".to_owned(), problems }
}

fn channels(state: &State) -> Check {
    let problems = if state.channels.is_empty() {
        vec![Problem {
            severity: Severity::Warning,
            subject: "alerts".to_owned(),
            summary: "there is no channel, so nobody is told of them".to_owned(),
            detail: String::new(),
            advice: "`wharden notify channel add`".to_owned(),
        }]
    } else {
        Vec::new()
    };
    Check { name: "channels".to_owned(), what: "nobody is told of alerts".to_owned(), problems }
}
