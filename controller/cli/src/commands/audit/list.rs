//! `audit list`: records as a table, the newest ones that fit what is asked for.

use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, one_line, second, table},
    span::Moment,
};
use clap::{Args, ValueEnum};
use std::collections::VecDeque;
use wharden_model::{
    Timestamp,
    api::{AuditPage, AuditRecord},
    audit::former_names,
    limits::AUDIT_PAGE_MAX,
};

/// Most characters of a detail in a table; one with a session's id and its factors fits.
const DETAIL_MAX: usize = 160;

/// Flags of `audit list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only records after this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Most records to show, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Only what this user, host or other actor did: alice, "host h-…"
    #[arg(long, visible_alias = "actor", value_name = "NAME")]
    user: Option<String>,
    /// Only this action, or those of this noun: group.update, group
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only what became of it
    #[arg(long, value_enum, value_name = "OUTCOME")]
    outcome: Option<Became>,
    /// Only from this time on: 7d, 2026-11-24, 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Became {
    Applied,
    Refused,
}

/// What is asked for, with times as they are now.
struct Filter<'a> {
    asked: &'a List,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Filter<'_> {
    fn takes(&self, record: &AuditRecord) -> bool {
        let List { user, action, outcome, .. } = self.asked;
        let actor = record.actor.as_str();
        let by = |name: &String| actor == name || actor.split_once(' ').is_some_and(|(_, who)| who == name);
        let is = |name: &String| {
            record.action == *name
                || record.action.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'))
                || former_names(name).contains(&record.action.as_str())
        };
        let became = |asked: &Became| (record.outcome == "applied") == (*asked == Became::Applied);
        user.as_ref().is_none_or(by)
            && action.as_ref().is_none_or(is)
            && outcome.as_ref().is_none_or(became)
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

/// `wharden audit list`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: List, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut api = context.api()?;
    let now = context.console.now();
    let filter =
        Filter { asked: &args, since: args.since.map(|at| at.at(now)), until: args.until.map(|at| at.at(now)) };
    let plain = args.user.is_none() && args.action.is_none() && args.outcome.is_none();
    let records = if plain && args.since.is_none() && args.until.is_none() {
        let call = Call::get(&["audit"]).query("after", args.after).query("limit", Some(args.limit));
        api.call::<AuditPage>(call).await?.records
    } else {
        sought(&mut api, &filter).await?
    };
    context.list(&records, "no records", |look| rows(&records, look))
}

/// Looks through all records: the first ones that fit after a number, else the newest ones that fit.
async fn sought(api: &mut Api, filter: &Filter<'_>) -> Result<Vec<AuditRecord>, CliError> {
    let most = usize::from(filter.asked.limit);
    let mut found = VecDeque::new();
    let mut after = filter.asked.after.unwrap_or_default();
    loop {
        let call = Call::get(&["audit"]).query("after", Some(after)).query("limit", Some(AUDIT_PAGE_MAX));
        let page: AuditPage = api.call(call).await?;
        let Some(last) = page.records.last().map(|record| record.seq) else { break };
        for record in page.records.into_iter().filter(|record| filter.takes(record)) {
            if found.len() == most {
                if filter.asked.after.is_some() {
                    return Ok(found.into());
                }
                found.pop_front();
            }
            found.push_back(record);
        }
        if last >= page.last_seq {
            break;
        }
        after = last;
    }
    Ok(found.into())
}

fn rows(records: &[AuditRecord], look: &Look) -> String {
    let rows = records.iter().map(|record| {
        let tone = if record.outcome == "applied" { Tone::Plain } else { Tone::Bad };
        vec![
            Cell::new(record.seq),
            Cell::new(second(record.at)),
            Cell::new(&record.actor),
            Cell::new(&record.action),
            Cell::or_dash(&record.resource),
            Cell::toned(&record.outcome, tone),
            Cell::or_dash(&record.source),
            Cell::or_dash(one_line(&record.detail, DETAIL_MAX)),
        ]
    });
    table(&["SEQ", "TIME", "WHO", "ACTION", "ON", "OUTCOME", "FROM", "DETAIL"], rows.collect(), look)
}
