//! How capacity looks.

use crate::output::{Cell, Look, Tone, ago, clean, counted, moment, table};
use wharden_model::{
    api::{CapacityAdvice, CapacityExplanation, CapacityHappening, CapacityHistory, CapacityStatus},
    capacity::{
        Advice, AlertState, Amount, Obstacle, Reason, Resource, Side, Stuck, permille, show_bytes, show_permille,
    },
};

pub fn status(status: &CapacityStatus, look: &Look) -> String {
    let mut text = format!("{} watched", counted(status.watched, "host"));
    if status.unknown > 0 {
        text.push_str(&format!(", {} yet to tell what they use", counted(status.unknown, "host")));
    }
    text.push('\n');
    if status.alerts.is_empty() {
        text.push_str("no host is over a mark\n");
    } else {
        let rows = status.alerts.iter().map(|alert| {
            let state = match &alert.state {
                AlertState::Raised => Cell::toned("raised", Tone::Bad),
                AlertState::Acknowledged { by, .. } => Cell::toned(format!("acknowledged by {by}"), Tone::Careful),
                AlertState::Snoozed { until, .. } => {
                    Cell::toned(format!("snoozed, ends {}", ago(look.now, *until)), Tone::Dim)
                }
            };
            vec![
                Cell::new(&alert.host.name),
                Cell::new(alert.signal),
                Cell::new(show_permille(alert.value_permille)),
                Cell::new(show_permille(alert.worst_permille)),
                Cell::new(format!(
                    "{} / {}",
                    show_permille(alert.mark.high_permille),
                    show_permille(alert.mark.low_permille)
                )),
                Cell::new(ago(look.now, alert.raised_at)),
                state,
                Cell::or_dash(if alert.usual_peak { "as every day" } else { "" }),
            ]
        });
        let header = ["HOST", "SIGNAL", "NOW", "WORST", "HIGH / LOW", "RAISED", "STATE", "PEAK"];
        text.push('\n');
        text.push_str(&table(&header, rows.collect(), look));
    }
    if !status.forecasts.is_empty() {
        let rows = status.forecasts.iter().map(|forecast| {
            let latest = forecast.latest_h.map_or("later".to_owned(), hours);
            vec![
                Cell::new(&forecast.host.name),
                Cell::new(forecast.resource),
                Cell::new(show_permille(forecast.value_permille)),
                Cell::new(show_permille(forecast.high_permille)),
                Cell::toned(hours(forecast.likely_h), Tone::Careful),
                Cell::new(format!("{} to {latest}", hours(forecast.earliest_h))),
            ]
        });
        text.push('\n');
        text.push_str(&table(&["FILLING UP", "RESOURCE", "NOW", "MARK", "FULL IN", "AT 95 %"], rows.collect(), look));
    }
    if let Some(at) = status.planned_at {
        let (advice, stuck) = (counted(status.advice, "move"), counted(status.stuck, "host"));
        text.push_str(&format!("\nplan of {}: {advice}, {stuck} without help\n", ago(look.now, at)));
    }
    text
}

fn hours(hours: u32) -> String {
    if hours < 48 { format!("{hours} h") } else { format!("{} d", hours / 24) }
}

pub fn advice(advice: &CapacityAdvice, look: &Look) -> String {
    let mut text = String::new();
    if advice.plan.advice.is_empty() {
        text.push_str("nothing to move\n");
    } else {
        let rows = advice.plan.advice.iter().map(|a| row(a, reasons(&a.reasons)));
        text.push_str(&table(&HEADER, rows.collect(), look));
    }
    if !advice.accepted.is_empty() {
        let rows = advice.accepted.iter().map(|a| row(&a.advice, format!("by {} {}", a.by, ago(look.now, a.at))));
        text.push_str("\naccepted, and not seen to be done:\n");
        text.push_str(&table(&HEADER, rows.collect(), look));
    }
    for stuck in &advice.plan.stuck {
        text.push_str(&format!(
            "\nnothing can move from {}: `wharden capacity plan` says why\n",
            clean(&stuck.host.name)
        ));
    }
    text
}

const HEADER: [&str; 6] = ["ADVICE", "CONTAINER", "FROM", "TO", "CARRY", "WHY"];

fn row(advice: &Advice, why: String) -> Vec<Cell> {
    vec![
        Cell::new(&advice.id),
        Cell::new(&advice.container.name),
        Cell::new(&advice.source.host.name),
        Cell::new(&advice.target.host.name),
        Cell::new(show_bytes(advice.bytes)),
        Cell::new(why),
    ]
}

fn reasons(reasons: &[Reason]) -> String {
    let reason = |r: &Reason| {
        format!("{} {}, mark {}", r.signal, show_permille(r.value_permille), show_permille(r.high_permille))
    };
    reasons.iter().map(reason).collect::<Vec<_>>().join("; ")
}

pub fn plan(advice: &CapacityAdvice, look: &Look) -> String {
    if advice.plan.advice.is_empty() && advice.plan.stuck.is_empty() {
        return "nothing to move, and no host waits for help\n".to_owned();
    }
    let mut text = String::new();
    for a in &advice.plan.advice {
        text.push_str(&format!(
            "{}  {} ({})\n  from {}: {}\n  to   {}: {}\n  carry {}, since {}\n\n",
            a.id,
            clean(&a.container.name),
            clean(&a.container.image),
            clean(&a.source.host.name),
            side(&a.source),
            clean(&a.target.host.name),
            side(&a.target),
            show_bytes(a.bytes),
            reasons(&a.reasons),
        ));
    }
    for stuck in &advice.plan.stuck {
        text.push_str(&stuck_host(stuck, look));
    }
    text
}

/// `cpu 81.0 % → 62.5 %, memory 90.1 % → 74.0 %`.
fn side(side: &Side) -> String {
    let share = |amount: Amount, resource: Resource| permille(amount.get(resource), side.capacity.get(resource));
    let one = |resource: Resource| {
        let (before, after) = (share(side.before, resource)?, share(side.after, resource)?);
        Some(format!("{resource} {} → {}", show_permille(before), show_permille(after)))
    };
    Resource::ALL.into_iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

fn stuck_host(stuck: &Stuck, look: &Look) -> String {
    let mut text = format!("{} cannot be helped by moves: {}\n", clean(&stuck.host.name), reasons(&stuck.reasons));
    let missing = stuck.missing.show();
    if !missing.is_empty() {
        text.push_str(&format!("  must go: {missing}\n"));
    }
    for help in &stuck.would_help {
        text.push_str(&format!("  {}\n", clean(help)));
    }
    let rows = stuck.blocked.iter().flat_map(|blocked| {
        blocked.obstacles.iter().map(|o| vec![Cell::new(&blocked.container.name), Cell::new(&o.detail), count(o)])
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(&["CONTAINER", "WHAT IS IN THE WAY", "HOSTS"], rows, look));
    }
    text.push('\n');
    text
}

fn count(obstacle: &Obstacle) -> Cell {
    Cell::or_dash(if obstacle.hosts == 0 { String::new() } else { obstacle.hosts.to_string() })
}

pub fn explanation(explanation: &CapacityExplanation, look: &Look) -> String {
    let name = clean(&explanation.container.name);
    let mut text = format!("{name} on {}\n", clean(&explanation.source.name));
    if explanation.held.is_empty() && explanation.targets_in_all > 0 {
        let names: Vec<String> = explanation.targets.iter().map(|host| clean(&host.name)).collect();
        let all = counted(explanation.targets_in_all, "host");
        text.push_str(&format!("could go to {all}, best first: {}\n", names.join(", ")));
    } else if explanation.held.is_empty() {
        text.push_str("no host would take it\n");
    }
    for held in &explanation.held {
        text.push_str(&format!("stays where it is: {}\n", clean(&held.detail)));
    }
    if !explanation.obstacles.is_empty() {
        let rows = explanation.obstacles.iter().map(|o| vec![count(o), Cell::new(&o.detail)]);
        text.push('\n');
        text.push_str(&table(&["HOSTS", "WHAT IS IN THE WAY, FOR EXAMPLE"], rows.collect(), look));
    }
    text
}

pub fn history(history: &CapacityHistory, look: &Look) -> String {
    if history.records.is_empty() {
        return "nothing has happened since the controller started\n".to_owned();
    }
    let rows = history.records.iter().map(|record| {
        let what = match &record.what {
            CapacityHappening::Alert { signal, transition, value_permille, by } => {
                let word = format!("{transition:?}").to_lowercase();
                let by = by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
                format!("{signal} {word}{by} at {}", show_permille(*value_permille))
            }
            CapacityHappening::Accepted { container, target, by } => {
                format!("{by} moves {} to {}", container.name, target.name)
            }
            CapacityHappening::Moved { container, target } => format!("{} is on {}", container.name, target.name),
            CapacityHappening::Expired { container, target } => {
                format!("{} was not seen on {} in time", container.name, target.name)
            }
        };
        vec![Cell::new(moment(look.now, record.at)), Cell::new(&record.host.name), Cell::new(what)]
    });
    table(&["TIME", "HOST", "WHAT"], rows.collect(), look)
}
