//! `doctor`: what is wrong, and what to do.

use crate::{
    client::Call,
    context::Context,
    error::CliError,
    limits::{CLOCK_CAREFUL_MS, CLOCK_WRONG_MS},
    output::{Look, Tone, clean},
    settings::{check_url, url_key},
};
use clap::Args;
use reqwest::Url;
use serde::Serialize;
use std::collections::BTreeMap;
use wharden_model::{
    Severity,
    api::{Check, Controllers, Diagnosis, Problem},
};

const HELP: &str = "\
Looks from here at each controller that is known: does it answer, is its certificate of the right
CA, do the clocks agree. Then asks the cluster to look at itself: controllers, disks, clocks,
certificates, backups, hosts.

Exit codes: 0 all is well, 1 something should be looked at, 2 something is broken,
3 nothing is, but nobody is logged in, so the cluster was not asked.";

/// What to do about a controller that the cluster has and nobody reaches.
const OF_CLUSTER: &str = "see that wharden-controller runs there, that its port is open from here, and that its --advertise \
                          names an address that leads to it; if it is lost: `wharden cluster replace`";

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Doctor {
    /// Show what is well, too
    #[arg(long)]
    all: bool,
}

/// What programs get.
#[derive(Serialize)]
struct Report {
    /// As seen from here.
    local: Vec<Check>,
    /// As the cluster sees itself; absent when it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<Diagnosis>,
}

impl Report {
    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.local.iter().chain(self.cluster.iter().flat_map(|cluster| &cluster.checks))
    }
}

/// `wharden doctor`.
///
/// # Errors
/// [`CliError::Unwell`] when something is wrong; what an account that is not logged in meets.
pub async fn run(args: Doctor, context: &mut Context<'_>) -> Result<(), CliError> {
    // Before anything is asked: that may renew the session, and its list, or end it.
    let told = context.session().ok().flatten().map(|session| session.controllers).unwrap_or_default();
    let asked = ask(context).await;
    let members = asked.as_ref().ok().and_then(|(_, members)| members.as_deref());
    let mut local = from_here(context, &told, members).await?;
    let (cluster, not_asked) = match asked {
        Ok((cluster, _)) => (Some(cluster), None),
        Err(error) => {
            let problem = problem(Severity::Warning, "the cluster", "it was not asked", &error);
            local.push(check("cluster", "the cluster cannot be asked", vec![problem]));
            (None, Some(error))
        }
    };
    let report = Report { local, cluster };
    context.answer(&report, |look| text(&report, args.all, look))?;
    let bad: Vec<Severity> =
        report.checks().flat_map(|check| &check.problems).map(|problem| problem.severity).collect();
    let worst = bad.iter().max();
    if let Some(error) = not_asked.filter(|error| error.is_not_logged_in() && worst < Some(&Severity::Critical)) {
        return Err(error);
    }
    match worst {
        Some(worst) if *worst > Severity::Info => {
            let count = bad.iter().filter(|severity| **severity > Severity::Info).count();
            Err(CliError::Unwell { count, broken: *worst == Severity::Critical })
        }
        _ => Ok(()),
    }
}

fn check(name: &str, what: &str, problems: Vec<Problem>) -> Check {
    Check { name: name.to_owned(), what: what.to_owned(), problems }
}

fn problem(severity: Severity, subject: &str, summary: &str, error: &CliError) -> Problem {
    Problem {
        severity,
        subject: subject.to_owned(),
        summary: summary.to_owned(),
        detail: error.to_string(),
        advice: error.hint(),
    }
}

/// What the cluster says of itself, and where its controllers are, if it tells.
async fn ask(context: &Context<'_>) -> Result<(Diagnosis, Option<Vec<Url>>), CliError> {
    let mut api = context.api()?;
    let diagnosis = api.call(Call::get(&["doctor"])).await?;
    let members = api.call::<Controllers>(Call::get(&["cluster"])).await.ok();
    let urls = |members: Controllers| members.controllers.iter().filter_map(|c| check_url(&c.rest_url).ok()).collect();
    Ok((diagnosis, members.map(urls)))
}

/// Looks at the controllers that are named, and at all that the cluster has; `told` are those that it had when the session
/// was last renewed.
async fn from_here(context: &Context<'_>, told: &[String], members: Option<&[Url]>) -> Result<Vec<Check>, CliError> {
    let transport = context.transport()?;
    let (mut reach, mut clocks) = (Vec::new(), Vec::new());
    let mut urls = transport.urls().to_vec();
    urls.extend(members.unwrap_or_default().iter().filter(|url| !transport.urls().contains(url)).cloned());
    for url in &urls {
        let subject = url.as_str().trim_end_matches('/');
        let asked = context.console.now();
        let knock = match transport.knock(url).await {
            Ok(knock) => knock,
            Err(error) if members.is_some_and(|members| !members.contains(url)) => {
                let left = told.iter().any(|told| told.trim_end_matches('/') == url_key(url));
                let severity = if left { Severity::Info } else { Severity::Warning };
                let summary = "it cannot be used from here, and is the address of none of the cluster's controllers";
                reach.push(problem(severity, subject, summary, &error));
                continue;
            }
            Err(error) => {
                let mut found = problem(Severity::Critical, subject, "it cannot be used from here", &error);
                // The cluster names it, so no flag here is to blame.
                if members.is_some() && matches!(error, CliError::Unreachable { .. }) {
                    found.advice = OF_CLUSTER.to_owned();
                }
                reach.push(found);
                continue;
            }
        };
        if !knock.ready {
            reach.push(Problem {
                severity: Severity::Critical,
                subject: subject.to_owned(),
                summary: "it cannot serve".to_owned(),
                detail: knock.text,
                advice: "without a leader: start controllers until a majority runs".to_owned(),
            });
        }
        if let Some(there) = knock.clock {
            let (there, heard) = (there.0, context.console.now().0);
            // It names whole seconds, and the answer took its time.
            let off = asked.0.saturating_sub(there + 1000).max(there.saturating_sub(heard));
            if off >= CLOCK_CAREFUL_MS {
                let wrong = off >= CLOCK_WRONG_MS;
                clocks.push(Problem {
                    severity: if wrong { Severity::Critical } else { Severity::Warning },
                    subject: subject.to_owned(),
                    summary: format!("its clock and the one here differ by {} s", off / 1000),
                    detail: if wrong { "codes of an authenticator here are refused there" } else { "" }.to_owned(),
                    advice: "let NTP or chrony set both clocks".to_owned(),
                });
            }
        }
    }
    let what = "a controller does not answer here, or its certificate is not of the right CA";
    Ok(vec![check("controllers", what, reach), check("clock", "the clock here is wrong", clocks)])
}

fn text(report: &Report, all: bool, look: &Look) -> String {
    let mut text = String::new();
    for check in report.checks() {
        if check.problems.is_empty() && all {
            text.push_str(&format!("{} {}\n", Tone::Good.paint("ok      ", look.colour), clean(&check.name)));
        }
        for Problem { severity, subject, summary, detail, advice } in &check.problems {
            let tone = match severity {
                Severity::Info => Tone::Plain,
                Severity::Warning => Tone::Careful,
                Severity::Critical => Tone::Bad,
            };
            let word = tone.paint(&format!("{:<8}", severity.as_str()), look.colour);
            text.push_str(&format!("{word} {}: {}: {}\n", check.name, clean(subject), clean(summary)));
            for line in detail.lines() {
                text.push_str(&format!("         {}\n", clean(line)));
            }
            if !advice.is_empty() {
                text.push_str(&format!("         next: {}\n", clean(advice)));
            }
        }
    }
    let looked_at = report.checks().count();
    let mut counted = BTreeMap::new();
    for problem in report.checks().flat_map(|check| &check.problems) {
        *counted.entry(problem.severity).or_insert(0) += 1;
    }
    let found: Vec<String> = counted.iter().rev().map(|(severity, n)| format!("{severity}: {n}")).collect();
    let found = if found.is_empty() { "nothing to say".to_owned() } else { found.join(", ") };
    text.push_str(&format!("{looked_at} things looked at; {found}\n"));
    text
}
