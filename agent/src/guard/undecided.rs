//! Requests that are decided by what streams: the names in an image archive are known only once the archive has passed.

use super::case::{Case, Refused, Told, telling};
use std::time::Instant;
use wharden_docker::{ArchiveNames, FROM_ARCHIVE, Judged, Refusal};
use wharden_model::{Action, FactValue, Facts, Posture, Resource};
use wharden_policy::Query;

/// What is known of a request that is decided by the archive that it brings.
#[derive(Debug)]
pub(crate) struct Undecided {
    resources: Vec<Resource>,
    facts: Facts,
    request: String,
}

impl Undecided {
    pub(super) fn of(judged: &Judged, request: String) -> Self {
        Self { resources: judged.resources.clone(), facts: judged.facts.clone(), request }
    }
}

impl Case<'_> {
    /// False for whoever may load nothing, whatever its names are: not a byte of that is passed on.
    pub(super) fn waits_for_archive(&self, judged: &Judged) -> bool {
        let held = self.guard.bundles.current();
        let Some(resource) = judged.resources.first() else { return false };
        let query = Query {
            principal: &self.who.principal,
            action: judged.action,
            resource,
            host: &self.guard.host_id,
            facts: &judged.facts,
        };
        held.posture == Posture::Observe
            || self.who.nobody.is_none() && !held.denies_whatever(&query, FROM_ARCHIVE)
            || self.grant().is_some()
    }

    /// The decision on an archive that has been read, or could not be: once for each name that it gives.
    pub(super) fn decide_archive(&self, known: &Undecided, names: Option<&ArchiveNames>) -> Result<(), Refused> {
        let each = match names {
            Some(names) => names.facts(&known.facts).collect(),
            None => vec![known.facts.clone()],
        };
        let answers = each.iter().map(|facts| (facts, self.answer(Action::ImageLoad, &known.resources, facts)));
        let Some((facts, (resource, decision, posture))) = telling(answers, |(_, (_, decision, _))| decision) else {
            return Err(self.invalid(Action::ImageLoad, Refusal::bad("nothing in the image archive could be judged")));
        };
        let told = Told {
            action: Action::ImageLoad,
            facts: Some(facts.sparse()),
            request: known.request.clone(),
            unseen: None,
        };
        let target = if let Some(FactValue::String(target)) = facts.get("target") { target.as_str() } else { "" };
        self.conclude(resource.unwrap_or(&self.engine()), decision, posture, told).map_err(|mut refused| {
            refused.message.push_str(&match target {
                "" if names.is_some() => {
                    " It is refused for an image that gets no name: save it by its name, not by its id.".to_owned()
                }
                "" => String::new(),
                target => format!(" The name that it is refused for: {target}."),
            });
            refused
        })
    }

    /// What is decided on has come now, and not with the head of the request.
    pub(super) fn begins_now(&mut self) {
        self.started = Instant::now();
    }

    /// True where nothing is refused: what cannot be read there passes unread.
    pub(super) fn observes(&self) -> bool {
        self.guard.bundles.current().posture == Posture::Observe
    }
}
