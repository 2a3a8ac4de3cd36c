//! One request on its way from its head to the decision. The only place where an agent decides: the guard and the engine's
//! plugin both bring their requests here, and both get the same words back.

use super::{Guard, explain, room::Full, undecided::Undecided};
use crate::{
    break_glass::Grant,
    inventory::{Allowance, EngineError, LookupError, Lookups, Reply, look_up, look_up_all, look_up_answer},
    report::Draft,
};
use std::{collections::BTreeSet, sync::Arc, time::Instant};
use wharden_docker::{
    ApiVersion, Asker, Canonical, ForwardBody, Framing, Head, Judged, Lookup, Neighbour, Reading, Refusal, Request,
    View, begin,
};
use wharden_model::{
    Action, Decision, Effect, Facts, Outcome, Posture, Principal, Resource, ResourceKind, Timestamp,
    decision::{NO_NEW_PRIVILEGES, Rule},
};
use wharden_policy::Query;

/// The rule that refuses nobody's requests. The name `builtin` is taken by no policy.
const UNKNOWN_CALLER: &str = "builtin/unknown-caller";
/// The rule that refuses what would have to be judged by a body that nobody has seen.
const UNSEEN_BODY: &str = "builtin/unseen-body";
/// The rule that refuses to begin what somebody else has made, and was allowed to.
const EXEC_OF_ANOTHER: &str = "builtin/exec-of-another";

/// A rule that refuses whatever the policies permit, and why.
pub(super) type Beside = (&'static str, &'static str);

/// A request that may not go to the engine.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The client's body, if any, has been read: the connection can go on.
    pub(crate) body_read: bool,
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) principal: Arc<Principal>,
    /// Why the principal is nobody.
    pub(crate) nobody: Option<String>,
    /// Of the OS user, where the principal is one of this host.
    pub(crate) uid: Option<u32>,
}

/// What is known of a request while it is on its way.
pub(crate) struct Case<'a> {
    pub(super) guard: &'a Guard,
    /// When what is decided on was there.
    pub(super) started: Instant,
    /// Method and path as they were sent.
    line: String,
    pub(super) who: Who,
    body_read: bool,
    /// The guard executes the request, so that what is missing for a rule may be added, and what the engine answers be
    /// passed on.
    serves: bool,
}

/// A request that may go to the engine.
pub(crate) struct Passed {
    pub(crate) judged: Judged,
    /// What the engine has answered to it already: the request asks for nothing but the description that it was decided
    /// by.
    pub(crate) answer: Option<Reply>,
    /// It is decided by what streams: the engine must not get to the end of it before that.
    pub(crate) undecided: Option<Undecided>,
    /// What is answered when the thing must not be seen.
    pub(super) unseen: Option<Refusal>,
}

/// What an event tells about a request beside the decision.
pub(super) struct Told {
    pub(super) action: Action,
    pub(super) facts: Option<Facts>,
    pub(super) request: String,
    /// What is answered when the thing must not be seen.
    pub(super) unseen: Option<Refusal>,
}

impl<'a> Case<'a> {
    /// Opens the case of a request whose head has been read at `started`.
    pub(crate) fn new(guard: &'a Guard, started: Instant, head: &Head, who: Who) -> Self {
        let path = head.target.split('?').next().unwrap_or_default();
        let line = format!("{} {path}", head.method);
        Self { guard, started, line, who, body_read: false, serves: true }
    }

    /// Who asks.
    pub(super) fn principal(&self) -> &Principal {
        &self.who.principal
    }

    /// The engine executes the request by itself and as it is: nothing can be added to it.
    pub(crate) fn unserved(self) -> Self {
        Self { serves: false, ..self }
    }

    /// Routes the request.
    pub(crate) fn begin(&mut self, head: &Head, api: ApiVersion) -> Result<Request, Refused> {
        let request = begin(head, api).map_err(|refusal| self.invalid(Action::Unknown, refusal))?;
        self.body_read = request.framing() == Framing::None;
        Ok(request)
    }

    /// The body has been read.
    pub(crate) fn body_read(&mut self) {
        self.body_read = true;
    }

    /// From the body, where one was read, to the decision.
    pub(crate) async fn decide(&self, request: Request, body: Option<Vec<u8>>) -> Result<Passed, Refused> {
        let action = request.endpoint().action;
        let canonical = request.finish(body.as_deref()).map_err(|refusal| self.invalid(action, refusal))?;
        drop(body);
        // Held for as long as what it was taken for.
        let allowance = self.guard.engine.allowance();
        let (answer, view) = self.look_up(&canonical, &allowance).await?;
        let mut judged = self.judge(&canonical, &view)?;
        if self.serves && judged.action == Action::ImageLoad && self.waits_for_archive(&judged) {
            let undecided = Undecided::of(&judged, canonical.describe());
            return match judged.body {
                ForwardBody::Archive(_) => Ok(Passed { judged, answer, undecided: Some(undecided), unseen: None }),
                _ => Err(self.invalid(action, Refusal::bad("the request has no body, and so no image archive"))),
            };
        }
        self.see_neighbours(&judged, &canonical)?;
        let (mut resource, mut decision, mut posture) = self.ask(&judged);
        if decision.effect == Effect::Allow
            && let Some((rule, why)) = self.beside_policies(&canonical, &view, &judged)?
        {
            decision = builtin(rule, why.to_owned(), decision.revision);
        }
        if self.serves
            && posture == Posture::Enforce
            && decision.is_mended_by(NO_NEW_PRIVILEGES)
            && let Some(mended) = canonical.without_new_privileges()
        {
            judged = self.judge(&mended, &view)?;
            (resource, decision, posture) = self.ask(&judged);
        }
        if decision.effect == Effect::Allow {
            self.read_neighbours(&judged, &canonical, |neighbour, _| neighbour.read)?;
        }
        let (engine, unseen) = (self.engine(), canonical.unseen());
        let told = Told {
            action: judged.action,
            facts: Some(judged.facts.sparse()),
            request: canonical.describe(),
            unseen: unseen.clone(),
        };
        self.conclude(resource.unwrap_or(&engine), decision, posture, told)?;
        Ok(Passed { judged, answer, undecided: None, unseen })
    }

    /// What must not be seen is not there: that is said before anything is decided on, as it is said of what is not; to those who
    /// might be allowed.
    fn see_neighbours(&self, judged: &Judged, canonical: &Canonical) -> Result<(), Refused> {
        self.read_neighbours(judged, canonical, |_, decision| hides(decision) && self.barred(judged.action).is_none())
    }

    /// What a list begins or ends at must be there for the caller too.
    fn read_neighbours(
        &self,
        judged: &Judged,
        canonical: &Canonical,
        counts: impl Fn(&Neighbour, &Decision) -> bool,
    ) -> Result<(), Refused> {
        for neighbour in &judged.neighbours {
            let Neighbour { reading: Reading { action, resource, facts }, unseen, .. } = neighbour;
            let (_, decision, posture) = self.answer(*action, std::slice::from_ref(resource), facts);
            if decision.effect == Effect::Deny && counts(neighbour, &decision) {
                let (facts, unseen) = (Some(facts.sparse()), Some(unseen.clone()));
                let told = Told { action: *action, facts, request: canonical.describe(), unseen };
                self.conclude(resource, decision, posture, told)?;
            }
        }
        Ok(())
    }

    /// The decision on a request that would have to be judged by its body, which nobody has seen.
    pub(crate) fn decide_unseen(&self, action: Action, why: &str) -> Result<(), Refused> {
        let held = self.guard.bundles.current();
        let decision = builtin(UNSEEN_BODY, why.to_owned(), held.revision);
        let told = Told { action, facts: None, request: self.request_line(), unseen: None };
        self.conclude(&self.engine(), decision, held.posture, told)
    }

    async fn look_up(&self, canonical: &Canonical, allowance: &Allowance) -> Result<(Option<Reply>, View), Refused> {
        let Guard { engine, owners, .. } = self.guard;
        let owner = self.who.principal.as_owner();
        let at = Lookups { engine, owners, allowance, owner: &owner };
        let found = async {
            if self.serves
                && let Some((path, lookup)) = canonical.own_answer()
                && let Some(answered) = look_up_answer(at, &path, &lookup).await?
            {
                return Ok(answered);
            }
            Ok((None, look_up(at, canonical).await?))
        };
        found.await.map_err(|error| {
            self.not_told(&error).unwrap_or_else(|| self.unjudged(canonical, Refusal::bad(error.to_string())))
        })
    }

    /// Asks once more by the same facts, where policies have changed since the revision that it was decided by: a turn may have been
    /// long in coming.
    pub(super) fn ask_again(&self, judged: &Judged, unseen: Option<Refusal>, revision: u64) -> Result<(), Refused> {
        if self.guard.bundles.current().revision == revision {
            return Ok(());
        }
        let (resource, decision, posture) = self.ask(judged);
        if (decision.effect, posture) != (Effect::Deny, Posture::Enforce) {
            return Ok(());
        }
        let engine = self.engine();
        let facts = Some(judged.facts.sparse());
        let told = Told { action: judged.action, facts, request: self.request_line(), unseen };
        self.conclude(resource.unwrap_or(&engine), decision, posture, told)
    }

    /// What there is now of these things, for what was decided on before.
    pub(super) async fn look_again(&self, action: Action, things: Vec<Lookup>) -> Result<View, Refused> {
        let Guard { engine, owners, .. } = self.guard;
        let allowance = engine.allowance();
        let at = Lookups { engine, owners, allowance: &allowance, owner: "" };
        look_up_all(at, things).await.map_err(|error| {
            self.not_told(&error).unwrap_or_else(|| self.invalid(action, Refusal::bad(error.to_string())))
        })
    }

    /// The answer where a lookup failed; `None` where that is for what the request names.
    pub(super) fn not_told(&self, error: &LookupError) -> Option<Refused> {
        Some(match error {
            LookupError::Engine(error @ EngineError::TooMuch { .. }) => {
                let what = "root can remove it at the engine's own socket";
                self.refused(413, format!("Wharden: {error}. What to do: {what}."))
            }
            LookupError::Engine(error @ EngineError::Busy { .. }) => self.refused(503, format!("Wharden: {error}")),
            LookupError::Engine(error) => self.guard.engine_failed(error, self.body_read),
            LookupError::Answer(_) | LookupError::HostPath(_) | LookupError::Account(_) => {
                self.refused(502, format!("Wharden: {error}"))
            }
            LookupError::Reference(_) | LookupError::TooMany => return None,
        })
    }

    fn judge(&self, canonical: &Canonical, view: &View) -> Result<Judged, Refused> {
        let owner = self.who.principal.as_owner();
        let private = self.guard.out_of_reach();
        let asker = Asker { owner: &owner, host_id: &self.guard.host_id, private: &private };
        canonical.judge(view, &asker).map_err(|refusal| self.unjudged(canonical, refusal))
    }

    /// The answer to a request that could not be judged for what is there or is not, which is only for those to know who might be
    /// allowed.
    fn unjudged(&self, canonical: &Canonical, refusal: Refusal) -> Refused {
        let action = canonical.action();
        let Some(decision) = self.barred(action) else { return self.invalid(action, refusal) };
        let told = Told { action, facts: None, request: canonical.describe(), unseen: None };
        let nothing = Resource::bare(action.resource(), "");
        match self.conclude(&nothing, decision, Posture::Enforce, told) {
            Err(refused) => refused,
            Ok(()) => self.invalid(action, refusal),
        }
    }

    /// The denial of a caller who may do this to nothing there is: it learns nothing of things, not even that they are there.
    fn outright(&self, action: Action) -> Option<Decision> {
        let held = self.guard.bundles.current();
        if held.posture == Posture::Observe {
            return None;
        }
        let decision = self.nobody(held.revision).or_else(|| {
            let Guard { host_id, .. } = self.guard;
            held.denies_outright(&self.who.principal, action, host_id)
        });
        decision.filter(|decision| !hides(decision))
    }

    /// The same, where break-glass does not let the caller pass.
    fn barred(&self, action: Action) -> Option<Decision> {
        self.outright(action).filter(|_| self.grant().is_none())
    }

    /// The denial of a caller of whom it cannot be told who it is.
    fn nobody(&self, revision: u64) -> Option<Decision> {
        let why = self.who.nobody.as_ref()?;
        Some(builtin(UNKNOWN_CALLER, format!("who is calling cannot be told: {why}"), revision))
    }

    /// What is refused whatever the policies permit.
    fn beside_policies(&self, canonical: &Canonical, view: &View, judged: &Judged) -> Result<Option<Beside>, Refused> {
        if !self.serves {
            return self.only_the_guard(canonical, view);
        }
        // An exec was decided on as its maker's.
        let owner = self.who.principal.as_owner();
        let is_own = |exec: &Resource| self.guard.execs.is_of(&exec.id, &owner);
        let takes_over = judged.action == Action::ExecStart && !judged.resources.iter().all(is_own);
        let why = "somebody else made this command, or it was made past the guard or before the agent started: make one of your own";
        Ok(takes_over.then_some((EXEC_OF_ANOTHER, why)))
    }

    /// The decision, and the thing that made it.
    fn ask<'j>(&self, judged: &'j Judged) -> (Option<&'j Resource>, Decision, Posture) {
        self.answer(judged.action, &judged.resources, &judged.facts)
    }

    pub(super) fn answer<'j>(
        &self,
        action: Action,
        resources: &'j [Resource],
        facts: &Facts,
    ) -> (Option<&'j Resource>, Decision, Posture) {
        let held = self.guard.bundles.current();
        if let Some(decision) = self.nobody(held.revision) {
            return (resources.first(), decision, held.posture);
        }
        let answers = resources.iter().map(|resource| {
            let query = Query { principal: &self.who.principal, action, resource, host: &self.guard.host_id, facts };
            (resource, held.decide(&query))
        });
        match telling(answers, |(_, decision)| decision) {
            Some((resource, decision)) => (Some(resource), decision, held.posture),
            None => {
                let errors = vec!["the request acts on nothing that could be judged".to_owned()];
                (None, Decision { errors, ..deny(held.revision) }, held.posture)
            }
        }
    }

    /// Break-glass of the caller's.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.who.uid.and_then(|uid| self.guard.grant_of(uid))
    }

    /// Reports the decision, and refuses if it blocks.
    pub(super) fn conclude(
        &self,
        resource: &Resource,
        mut decision: Decision,
        posture: Posture,
        told: Told,
    ) -> Result<(), Refused> {
        let blocks = (decision.effect, posture) == (Effect::Deny, Posture::Enforce);
        let grant = if blocks { self.grant() } else { None };
        if let Some(grant) = &grant {
            tracing::warn!(user = grant.user, action = %told.action, "a request passes by break-glass");
            decision.rules.push(grant.rule());
        }
        let outcome = match (decision.effect, posture) {
            (Effect::Allow, _) => Outcome::Allowed,
            (Effect::Deny, Posture::Enforce) if grant.is_none() => Outcome::Denied,
            (Effect::Deny, Posture::Enforce) => Outcome::WouldDeny,
            (Effect::Deny, Posture::Observe) => Outcome::WouldDeny,
        };
        let refused = (outcome == Outcome::Denied).then(|| {
            let host = format!("{} ({})", self.guard.host_name, self.guard.host_id);
            let contact = &self.guard.contact;
            let outright = self.outright(told.action);
            let (on, why) = match &outright {
                Some(outright) => (Err(told.request.as_str()), outright),
                None => (Ok(resource), &decision),
            };
            let message = explain::refusal(&self.who.principal, told.action, on, why, &host, contact);
            match told.unseen.as_ref().filter(|_| outright.is_none() && hides(&decision)) {
                Some(unseen) => self.refused(unseen.status, unseen.message.clone()),
                None => self.refused(403, message),
            }
        });
        self.guard.stats.request(outcome);
        self.guard.stats.decided_in.observe(self.started.elapsed().as_secs_f64());
        // Every command of the CLI pings first; nobody asks who was allowed to.
        if !(outcome == Outcome::Allowed && told.action == Action::SystemPing) {
            self.report(resource.clone(), outcome, posture, decision, told, String::new());
        }
        refused.map_or(Ok(()), Err)
    }

    /// A request that has no canonical form, or refers to what is not there.
    pub(crate) fn invalid(&self, action: Action, refusal: Refusal) -> Refused {
        self.guard.stats.request(Outcome::Invalid);
        // That something does not exist is an answer like any other.
        if refusal.status != 404 {
            let held = self.guard.bundles.current();
            let told = Told { action, facts: None, request: self.request_line(), unseen: None };
            let (engine, decision, error) = (self.engine(), deny(held.revision), refusal.message.clone());
            self.report(engine, Outcome::Invalid, held.posture, decision, told, error);
        }
        self.refused(refusal.status, refusal.message)
    }

    /// Method and path, made fit to be shown.
    fn request_line(&self) -> String {
        self.line.chars().flat_map(char::escape_debug).collect()
    }

    fn refused(&self, status: u16, message: String) -> Refused {
        Refused { status, message, body_read: self.body_read }
    }

    pub(super) fn engine(&self) -> Resource {
        let id = self.guard.host_id.to_string();
        Resource { name: id.clone(), ..Resource::bare(ResourceKind::Engine, &id) }
    }

    fn report(
        &self,
        resource: Resource,
        outcome: Outcome,
        posture: Posture,
        decision: Decision,
        told: Told,
        error: String,
    ) {
        self.guard.reporter.record(Draft {
            at: Timestamp(self.guard.clock.now()),
            principal: Principal::clone(&self.who.principal),
            action: told.action,
            resource,
            outcome,
            posture,
            decision,
            facts: told.facts,
            missing: BTreeSet::new(),
            request: told.request,
            error,
            decided_in_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
    }
}

impl Guard {
    /// The answer when there is no room for a request, or for what is answered to it.
    pub(super) fn no_room(&self, full: Full) -> Refusal {
        self.stats.no_room.inc();
        full.into()
    }

    /// The answer when the engine does not do its part.
    pub(crate) fn engine_failed(&self, error: &EngineError, body_read: bool) -> Refused {
        self.stats.engine_errors.inc();
        tracing::warn!(%error, "a request could not be served");
        let status = if error.is_down() { 503 } else { 502 };
        let what = if error.is_down() { "start it, or see why it stopped" } else { "see the engine's log" };
        Refused { status, message: format!("Wharden: {error}. What to do: {what}."), body_read }
    }
}

/// Of many answers, each of which must be to allow, the one that is told: the first that is denied, else the first that has
/// something to tell of rules that monitor, else the first.
pub(super) fn telling<T>(answers: impl Iterator<Item = T>, decision: impl Fn(&T) -> &Decision) -> Option<T> {
    let mut told: Option<T> = None;
    for answer in answers {
        let (denied, monitored) = (decision(&answer).effect == Effect::Deny, !decision(&answer).monitor.is_empty());
        if denied {
            return Some(answer);
        }
        if told.as_ref().is_none_or(|told| monitored && decision(told).monitor.is_empty()) {
            told = Some(answer);
        }
    }
    told
}

/// Whether one of the rules that made it keeps things from being seen.
fn hides(decision: &Decision) -> bool {
    decision.rules.iter().any(|rule| rule.hides)
}

fn deny(revision: u64) -> Decision {
    Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision }
}

/// A denial by a rule that is in no policy.
fn builtin(id: &str, reason: String, revision: u64) -> Decision {
    let rule = Rule { id: id.to_owned(), reason, severity: "high".to_owned(), ..Rule::default() };
    Decision { rules: vec![rule], ..deny(revision) }
}
