//! `event`: one decision that was made on a host.

use super::advice::{self, Fields};
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, moment, record},
};
use clap::Subcommand;
use std::str::FromStr;
use wharden_model::{
    BootId, DecisionEvent, Effect, HostId,
    api::{Explanation, NamedDocument},
};

const HELP: &str = "\
An event is called HOST/RUN/NUMBER; `wharden events --ids` and `wharden policy simulate` show it.

Examples:
  wharden event explain h-0123456789abcdef/89abcdef01234567/42
  wharden event show h-0123456789abcdef/89abcdef01234567/42 -o json";

/// Commands of `event`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Event {
    /// Show who asked for what, what decided, what today's policies would say, and what would do
    Explain {
        #[arg(value_name = "ID")]
        id: EventId,
    },
    /// Show one event
    Show {
        #[arg(value_name = "ID")]
        id: EventId,
    },
}

/// The name of an event, `host/run/number`.
#[derive(Clone, Debug)]
pub struct EventId {
    host: HostId,
    run: BootId,
    number: u64,
}

impl FromStr for EventId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || "an event is called HOST/RUN/NUMBER: `wharden events --ids` shows it".to_owned();
        let mut parts = s.split('/');
        let mut part = || parts.next().ok_or_else(wrong);
        let host = HostId::new(part()?).map_err(|_| wrong())?;
        let run = BootId::new(part()?).map_err(|_| wrong())?;
        let number = part()?.parse().map_err(|_| wrong())?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self { host, run, number }) }
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.run, self.number)
    }
}

/// `wharden event …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Event, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Event::Explain { id } => {
            let number = id.number.to_string();
            let call = Call::get(&["events", id.host.as_str(), id.run.as_str(), &number, "explanation"]);
            let found: Explanation = context.api()?.call(call).await?;
            context.answer(&found, |look| explained(&found, look))
        }
        Event::Show { id } => {
            let number = id.number.to_string();
            let call = Call::get(&["events", id.host.as_str(), id.run.as_str(), &number]);
            let event: DecisionEvent = context.api()?.call(call).await?;
            context.answer(&event, |look| {
                let mut fields = happened(&event, look);
                made(&event, &mut fields);
                record(fields, look)
            })
        }
    }
}

fn explained(found: &Explanation, look: &Look) -> String {
    let mut fields = happened(&found.event, look);
    made(&found.event, &mut fields);
    match &found.now {
        None => fields.push(("Today", Cell::toned("not known: not all facts of this event were kept", Tone::Dim))),
        Some(now) if now.effect == found.event.decision.effect && now.rules == found.event.decision.rules => {
            let word = if now.effect == Effect::Allow { "allow" } else { "deny" };
            fields.push(("Today", Cell::new(format!("{word}, by the same, at revision {}", now.revision))));
        }
        Some(now) => {
            fields.push(("Today", advice::effect(now.effect)));
            fields.push(("Revision", Cell::new(now.revision)));
            advice::reasons(now, &mut fields);
        }
    }
    let then = found.event.decision.revision;
    fields.extend(found.documents.iter().map(|document| ("Policy", Cell::new(document_text(document, then)))));
    if let Some(now) = &found.now {
        advice::advice(&found.advice, now, &mut fields);
    }
    record(fields, look)
}

fn document_text(document: &NamedDocument, then: u64) -> String {
    let NamedDocument { name, mode, version, updated_by, .. } = document;
    let since = if document.revision > then { format!(", changed since by {updated_by}") } else { String::new() };
    format!("{name}, version {version}, mode {mode}{since}")
}

fn happened<'a>(event: &DecisionEvent, look: &Look) -> Fields<'a> {
    let resource = &event.resource;
    let named = if resource.name.is_empty() { &resource.id } else { &resource.name };
    let mut on = format!("{} {named}", resource.kind.name().to_lowercase());
    if !resource.image.is_empty() && resource.image != *named {
        on.push_str(&format!(", image {}", resource.image));
    }
    if !resource.owner.is_empty() {
        on.push_str(&format!(", of {}", resource.owner));
    }
    let mut fields = vec![
        ("Event", Cell::new(event.id())),
        ("Outcome", Cell::toned(event.outcome, Tone::of_outcome(event.outcome))),
        ("Who", Cell::new(&event.principal)),
        ("Action", Cell::new(event.action)),
        ("On", Cell::new(on)),
        ("Host", Cell::new(format!("{}, posture {}", event.host_id, event.posture))),
        ("When", Cell::new(moment(look.now, event.at))),
        ("Request", Cell::or_dash(&event.request)),
    ];
    if !event.error.is_empty() {
        fields.push(("Error", Cell::toned(&event.error, Tone::Bad)));
    }
    match (&event.facts, &event.partial_facts) {
        (Some(facts), _) => advice::facts(facts, &mut fields),
        (None, Some(partial)) => advice::partial_facts(partial, &mut fields),
        (None, None) => fields.push(("Facts", Cell::toned("not kept", Tone::Dim))),
    }
    fields
}

fn made(event: &DecisionEvent, fields: &mut Fields<'_>) {
    fields.push(("Decision", advice::effect(event.decision.effect)));
    fields.push(("Revision", Cell::new(event.decision.revision)));
    advice::reasons(&event.decision, fields);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_and_others_are_refused() {
        let text = "h-0123456789abcdef/0123456789abcdef/7";
        assert_eq!(text.parse::<EventId>().expect("an id").to_string(), text);
        for bad in ["", "h-0123456789abcdef", "h-0123456789abcdef/0123456789abcdef", "web1/0123456789abcdef/7"] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
        assert!(format!("{text}/8").parse::<EventId>().is_err());
    }
}
