//! The part of a query that says which events.

use super::{
    HostFilter, QueryError,
    record::{Header, asker, host_key, name_key, noun, outcome_key},
    segment::Segment,
};
use std::collections::BTreeSet;
use wharden_model::{Action, DecisionEvent, EventQuery, Outcome};

#[derive(Clone, Debug)]
enum Wanted {
    Action(Action),
    Noun(String),
}

/// Checked once, then asked for each event: [`Matcher::may_match`] of the header, [`Matcher::matches`] of the rest.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    who: Option<String>,
    action: Option<Wanted>,
    outcome: Option<Outcome>,
    hosts: Option<BTreeSet<u64>>,
    since: u64,
    until: u64,
}

impl Matcher {
    pub fn new(query: &EventQuery, hosts: &HostFilter) -> Result<Self, QueryError> {
        let (since, until) = (query.since.unwrap_or(0), query.until.unwrap_or(u64::MAX));
        if since >= until {
            return Err(QueryError::Nothing);
        }
        Ok(Self {
            who: query.user.clone(),
            action: query.action.as_deref().map(wanted).transpose()?,
            outcome: query.decision.as_deref().map(str::parse).transpose().map_err(QueryError::Decision)?,
            hosts: match hosts {
                HostFilter::Any => None,
                HostFilter::Only(ids) => Some(ids.iter().map(host_key).collect()),
            },
            since,
            until,
        })
    }

    /// False when nothing in the segment can match.
    pub fn may_be_in(&self, segment: &Segment) -> bool {
        segment.newest >= self.since && segment.oldest < self.until
    }

    pub fn may_match(&self, header: &Header) -> bool {
        (self.since..self.until).contains(&header.at)
            && self.outcome.is_none_or(|outcome| header.outcome == outcome_key(outcome))
            && self.hosts.as_ref().is_none_or(|hosts| hosts.contains(&header.host))
            && self.who.as_deref().is_none_or(|who| header.who == name_key(who))
            && match &self.action {
                None => true,
                Some(Wanted::Action(action)) => header.action == name_key(action.name()),
                Some(Wanted::Noun(noun)) => header.noun == name_key(noun),
            }
    }

    /// What the header only hints at: two names may have one CRC.
    pub fn matches(&self, event: &DecisionEvent) -> bool {
        self.who.as_deref().is_none_or(|who| asker(&event.principal) == who)
            && match &self.action {
                None => true,
                Some(Wanted::Action(action)) => event.action == *action,
                Some(Wanted::Noun(wanted)) => noun(event.action) == wanted,
            }
    }
}

fn wanted(text: &str) -> Result<Wanted, QueryError> {
    if let Ok(action) = text.parse() {
        return Ok(Wanted::Action(action));
    }
    if Action::ALL.iter().any(|action| noun(*action) == text) {
        return Ok(Wanted::Noun(text.to_owned()));
    }
    Err(QueryError::Action(text.chars().take(80).collect()))
}
