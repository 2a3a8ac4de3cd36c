//! `events`: decisions made on hosts, as a list or as they come.

use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    limits::{FOLLOW_PAUSE, FOLLOW_TIMEOUT, FOLLOW_WAIT_S},
    output::{Cell, Look, Tone, clean, clean_json, one_line, table},
    span::Moment,
};
use clap::Args;
use wharden_model::{
    Action, DecisionEvent, Effect, EventQuery, Outcome, Timestamp,
    api::{ErrorCode, EventPage},
};

const HELP: &str = "\
Shows the newest, oldest first. TIME is a duration back from now (1h, 7d) or a date and time in
UTC. With --follow it goes on until it is interrupted; -o json then prints one event on each line.

Examples:
  wharden events --decision denied --since 1h
  wharden events --user bob --ids --action container.create --host web1
  wharden events --follow -o json";

/// Most characters of a reason in a list.
const WHY_MAX: usize = 100;

/// Flags of `events`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Events {
    /// Who asked: a user, a service account or a container
    #[arg(long)]
    user: Option<String>,
    /// What for: an action (container.create) or a noun (container)
    #[arg(long)]
    action: Option<ActionOrNoun>,
    /// What became of it: allowed, denied, would-deny or invalid
    #[arg(long)]
    decision: Option<Outcome>,
    /// On which host, by id or name
    #[arg(long)]
    host: Option<String>,
    /// Not before
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Before
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Most events to show, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Show the events' ids too, for `event explain`
    #[arg(long)]
    ids: bool,
    /// Go on with events as they come
    #[arg(short, long, conflicts_with = "until")]
    follow: bool,
}

/// A word that some action has, as itself or as its noun.
#[derive(Clone, Debug)]
struct ActionOrNoun(String);

impl std::str::FromStr for ActionOrNoun {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let known = Action::ALL.iter().any(|a| a.name() == s || a.name().split('.').next() == Some(s));
        if known { Ok(Self(s.to_owned())) } else { Err("`wharden policy actions` lists the actions".to_owned()) }
    }
}

/// `wharden events`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Events, context: &mut Context<'_>) -> Result<(), CliError> {
    let now = context.console.now();
    let at = |moment: Option<Moment>| moment.map(|m| m.at(now).0);
    let mut query = EventQuery {
        user: args.user,
        action: args.action.map(|a| a.0),
        decision: args.decision.map(|d| d.as_str().to_owned()),
        host: args.host,
        since: at(args.since),
        until: at(args.until),
        limit: Some(usize::from(args.limit)),
        ..EventQuery::default()
    };
    let mut api = context.api()?;
    let page = fetch(&mut api, &query).await?;
    if page.incomplete {
        let away: Vec<String> = page.unreachable.iter().map(u64::to_string).collect();
        context.note(&format!("events may be missing: no answer from controller {}", away.join(", ")));
    }
    if !args.follow {
        return context.list(&page.events, "no events", |look| rows(&page.events, args.ids, look));
    }
    print_lines(&page.events, args.ids, context)?;
    query.after = Some(page.next);
    query.wait = Some(FOLLOW_WAIT_S);
    let mut pause = FOLLOW_PAUSE.0;
    loop {
        match fetch(&mut api, &query).await {
            Ok(page) => {
                print_lines(&page.events, args.ids, context)?;
                query.after = Some(page.next);
                pause = FOLLOW_PAUSE.0;
            }
            Err(error) if may_pass(&error) => {
                context.note(&format!("{error}; trying again in {} s", pause.as_secs()));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(FOLLOW_PAUSE.1);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn fetch(api: &mut Api, query: &EventQuery) -> Result<EventPage, CliError> {
    let mut call = Call::get(&["events"])
        .query("user", query.user.as_ref())
        .query("action", query.action.as_ref())
        .query("decision", query.decision.as_ref())
        .query("host", query.host.as_ref())
        .query("since", query.since)
        .query("until", query.until)
        .query("after", query.after.as_ref())
        .query("limit", query.limit)
        .query("wait", query.wait);
    if query.wait.is_some() {
        call = call.timeout(FOLLOW_TIMEOUT);
    }
    api.call(call).await
}

/// True for what goes by itself: a restart, an election, a network.
fn may_pass(error: &CliError) -> bool {
    match error {
        CliError::Unreachable { .. } | CliError::Timeout { .. } => true,
        CliError::Refused { body } => matches!(body.code, ErrorCode::Unavailable | ErrorCode::TooMany),
        _ => false,
    }
}

fn print_lines(events: &[DecisionEvent], ids: bool, context: &mut Context<'_>) -> Result<(), CliError> {
    let (json, look) = (context.is_json(), context.look());
    for event in events {
        let line = if json { clean_json(serde_json::to_string(event)?) } else { line(event, ids, &look) };
        context.console.print(&format!("{line}\n"))?;
    }
    Ok(())
}

fn why(event: &DecisionEvent) -> String {
    if !event.error.is_empty() {
        return event.error.clone();
    }
    if event.decision.effect == Effect::Deny {
        return event.decision.why();
    }
    match event.decision.monitor.first() {
        Some(rule) => format!("monitor: rule {} would forbid it: {}", rule.id, rule.reason),
        None => event.decision.rules.first().map(|rule| format!("rule {} permits it", rule.id)).unwrap_or_default(),
    }
}

fn on(event: &DecisionEvent) -> String {
    let resource = &event.resource;
    match (resource.name.as_str(), resource.id.as_str(), resource.image.as_str()) {
        ("", "new", image) if !image.is_empty() => format!("new, of {image}"),
        ("", id, _) => id.chars().take(12).collect(),
        (name, ..) => name.to_owned(),
    }
}

fn time(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

fn rows(events: &[DecisionEvent], ids: bool, look: &Look) -> String {
    let rows = events.iter().map(|event| {
        let mut row = vec![
            Cell::new(time(event.at)),
            Cell::new(&event.host_id),
            Cell::new(&event.principal),
            Cell::new(event.action),
            Cell::or_dash(one_line(&on(event), 40)),
            Cell::toned(event.outcome, Tone::of_outcome(event.outcome)),
            Cell::or_dash(one_line(&why(event), WHY_MAX)),
        ];
        row.extend(ids.then(|| Cell::toned(event.id(), Tone::Dim)));
        row
    });
    let header = ["TIME", "HOST", "WHO", "ACTION", "ON", "DECISION", "WHY", "ID"];
    table(&header[..if ids { 8 } else { 7 }], rows.collect(), look)
}

fn line(event: &DecisionEvent, ids: bool, look: &Look) -> String {
    let outcome = format!("{:<10}", event.outcome.as_str());
    let id = if ids { format!(" {}", event.id()) } else { String::new() };
    format!(
        "{} {} {} {:<20} {:<24} {:<24} {}{id}",
        time(event.at),
        event.host_id,
        Tone::of_outcome(event.outcome).paint(&outcome, look.colour),
        clean(&event.principal.to_string()),
        event.action.name(),
        one_line(&on(event), 24),
        one_line(&why(event), WHY_MAX),
    )
}
