use super::{Guard, exchange::framed, explain, link::Link};
use crate::{
    caller::{Peer, Unidentified, identify},
    inventory::{EngineError, LookupError, look_up},
    report::Draft,
    wire::{self, BodyError, BodyFraming},
};
use std::time::Instant;
use tokio::{io::AsyncWriteExt, time::timeout};
use wharden_docker::{ApiVersion, Asker, Canonical, Framing, Head, Judged, Refusal, Request, begin};
use wharden_model::{
    Action, Decision, Effect, Facts, Outcome, Posture, Principal, Resource, ResourceKind, Timestamp, decision::Rule,
};
use wharden_policy::Query;

/// The rule that refuses nobody's requests. The name `builtin` is taken by no policy.
const UNKNOWN_CALLER: &str = "builtin/unknown-caller";

/// The end of a request's way through the guard, up to the engine.
#[derive(Debug)]
pub enum Verdict {
    Forward(Box<Admitted>),
    Refuse(Refused),
}

/// A request that may go to the engine, in the form that was judged.
#[derive(Debug)]
pub struct Admitted {
    pub judged: Judged,
    /// The client still waits for `100 Continue`.
    pub continue_first: bool,
    /// The client wants the connection closed after the answer.
    pub closes: bool,
}

/// A request that may not.
#[derive(Debug)]
pub struct Refused {
    pub status: u16,
    pub message: String,
    /// The client's body, if any, has been read: the connection can go on.
    pub body_read: bool,
}

/// The client is gone: nobody is left to answer.
#[derive(Debug)]
pub struct Lost;

/// The caller of a connection. Asked once; asked again while the answer was an error.
#[derive(Debug)]
pub struct Caller {
    peer: Peer,
    known: Option<Principal>,
}

impl Caller {
    /// Not yet identified.
    pub fn new(peer: Peer) -> Self {
        Self { peer, known: None }
    }

    async fn principal(&mut self, guard: &Guard) -> Result<Principal, Unidentified> {
        let process = match &self.peer {
            Peer::Remote(remote) => {
                let now = Timestamp(guard.clock.now());
                return Ok(remote.principal(&guard.bundles.current(), now)?);
            }
            Peer::Process(process) => process,
        };
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let principal = identify(process, &guard.engine, &guard.names).await?;
        self.known = Some(principal.clone());
        Ok(principal)
    }
}

/// What is known of a request while it is on its way.
struct Case<'a> {
    guard: &'a Guard,
    started: Instant,
    head: &'a Head,
    principal: Principal,
    /// Why the principal is nobody.
    nobody: Option<String>,
    body_read: bool,
}

impl Guard {
    /// Takes a request from its head to the decision.
    pub(super) async fn admit(
        &self,
        client: &mut Link,
        caller: &mut Caller,
        head: &Head,
        api: ApiVersion,
    ) -> Result<Verdict, Lost> {
        let started = Instant::now();
        let (principal, nobody) = match caller.principal(self).await {
            Ok(principal) => (principal, None),
            Err(Unidentified::Engine(error)) => return Ok(Verdict::Refuse(self.engine_failed(&error, false))),
            Err(Unidentified::Unwelcome(why)) => {
                let message = format!("Wharden: {}", super::remote::refusal(&why));
                return Ok(Verdict::Refuse(Refused { status: 401, message, body_read: false }));
            }
            Err(error) => (Principal::User { name: caller.peer.name() }, Some(error.to_string())),
        };
        let mut case = Case { guard: self, started, head, principal, nobody, body_read: false };
        let request = match begin(head, api) {
            Ok(request) => request,
            Err(refusal) => return Ok(case.invalid(Action::Unknown, refusal)),
        };
        case.body_read = request.framing() == Framing::None;
        let (closes, action) = (request.closes(), request.endpoint().action);
        let mut continue_first = request.expects_continue();
        let body = match request.buffers_body() {
            None => None,
            Some(limit) => match self.read_body(client, &request, limit).await? {
                Ok(body) => {
                    case.body_read = true;
                    continue_first = false;
                    Some(body)
                }
                Err(refusal) => return Ok(case.invalid(action, refusal)),
            },
        };
        let canonical = match request.finish(body.as_deref()) {
            Ok(canonical) => canonical,
            Err(refusal) => return Ok(case.invalid(action, refusal)),
        };
        drop(body);
        let judged = match case.judge(&canonical).await {
            Ok(judged) => judged,
            Err(verdict) => return Ok(verdict),
        };
        let decided = case.decide(&judged);
        Ok(match case.conclude(&canonical, &judged, decided) {
            Some(refused) => Verdict::Refuse(refused),
            None => Verdict::Forward(Box::new(Admitted { judged, continue_first, closes })),
        })
    }

    async fn read_body(
        &self,
        client: &mut Link,
        request: &Request,
        limit: usize,
    ) -> Result<Result<Vec<u8>, Refusal>, Lost> {
        let framing = framed(request.framing());
        let size = match framing {
            BodyFraming::None => 0,
            BodyFraming::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            BodyFraming::Chunked | BodyFraming::UntilClose => limit,
        };
        if size > limit {
            return Ok(Err(too_large(limit)));
        }
        let read = async {
            // Waits for room rather than grow: the client's own socket holds its bytes meanwhile.
            let room = self.buffered.acquire_many(u32::try_from(size).unwrap_or(u32::MAX)).await;
            let _room = room.map_err(|_| BodyError::Cut)?;
            if request.expects_continue() {
                let go_on = client.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                go_on.await.map_err(BodyError::Write)?;
            }
            wire::read_body(framing, limit, &mut client.inbox, &mut client.stream).await
        };
        Ok(match timeout(self.limits.body_timeout(), read).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(BodyError::TooLarge(limit))) => Err(too_large(limit)),
            Ok(Err(BodyError::Chunk(error))) => Err(Refusal::bad(format!("the request's body: {error}"))),
            Ok(Err(BodyError::Cut)) => Err(Refusal::bad("the request ends in the middle of its body")),
            Ok(Err(BodyError::Read(_) | BodyError::Write(_))) => return Err(Lost),
            Err(_) => Err(Refusal::with(
                408,
                format!("the request's body did not arrive within {} s", self.limits.body_timeout_s),
            )),
        })
    }

    /// The answer when the engine does not do its part.
    pub(super) fn engine_failed(&self, error: &EngineError, body_read: bool) -> Refused {
        self.stats.engine_errors.inc();
        tracing::warn!(%error, "a request could not be served");
        let status = if error.is_down() { 503 } else { 502 };
        let what = if error.is_down() { "start it, or see why it stopped" } else { "see the engine's log" };
        Refused { status, message: format!("Wharden: {error}. What to do: {what}."), body_read }
    }
}

impl Case<'_> {
    async fn judge(&self, canonical: &Canonical) -> Result<Judged, Verdict> {
        let view = match look_up(&self.guard.engine, canonical).await {
            Ok(view) => view,
            Err(LookupError::Engine(error)) => {
                return Err(Verdict::Refuse(self.guard.engine_failed(&error, self.body_read)));
            }
            Err(error @ (LookupError::Answer(_) | LookupError::HostPath(_))) => {
                return Err(Verdict::Refuse(self.refused(502, format!("Wharden: {error}"))));
            }
            Err(error @ (LookupError::Reference(_) | LookupError::TooMany)) => {
                return Err(self.invalid(canonical.action(), Refusal::bad(error.to_string())));
            }
        };
        let owner = owner(&self.principal);
        let asker = Asker { owner, host_id: &self.guard.host_id, sockets: &self.guard.sockets };
        canonical.judge(&view, &asker).map_err(|refusal| self.invalid(canonical.action(), refusal))
    }

    /// The decision, and the thing that made it: the first that is denied, else the first.
    fn decide<'j>(&self, judged: &'j Judged) -> (Option<&'j Resource>, Decision, Posture) {
        let held = self.guard.bundles.current();
        if let Some(why) = &self.nobody {
            let rule = Rule {
                id: UNKNOWN_CALLER.to_owned(),
                reason: format!("who is calling cannot be told: {why}"),
                severity: "high".to_owned(),
                cis: String::new(),
            };
            let decision = Decision { rules: vec![rule], ..deny(held.revision) };
            return (judged.resources.first(), decision, held.posture);
        }
        let mut shown = None;
        for resource in &judged.resources {
            let decision = held.decide(&Query {
                principal: &self.principal,
                action: judged.action,
                resource,
                host: &self.guard.host_id,
                facts: &judged.facts,
            });
            let denied = decision.effect == Effect::Deny;
            let more_to_tell = |(_, shown): &(&Resource, Decision)| shown.monitor.is_empty();
            if denied || shown.as_ref().is_none_or(|s| more_to_tell(s) && !decision.monitor.is_empty()) {
                shown = Some((resource, decision));
            }
            if denied {
                break;
            }
        }
        match shown {
            Some((resource, decision)) => (Some(resource), decision, held.posture),
            None => {
                let errors = vec!["the request acts on nothing that could be judged".to_owned()];
                (None, Decision { errors, ..deny(held.revision) }, held.posture)
            }
        }
    }

    /// Reports the decision, and refuses if it blocks.
    fn conclude(
        &self,
        canonical: &Canonical,
        judged: &Judged,
        (resource, decision, posture): (Option<&Resource>, Decision, Posture),
    ) -> Option<Refused> {
        let outcome = match (decision.effect, posture) {
            (Effect::Allow, _) => Outcome::Allowed,
            (Effect::Deny, Posture::Enforce) => Outcome::Denied,
            (Effect::Deny, Posture::Observe) => Outcome::WouldDeny,
        };
        let engine = self.engine();
        let resource = resource.unwrap_or(&engine);
        let refused = (outcome == Outcome::Denied).then(|| {
            let host = format!("{} ({})", self.guard.host_name, self.guard.host_id);
            let message =
                explain::refusal(&self.principal, judged.action, resource, &decision, &host, &self.guard.contact);
            self.refused(403, message)
        });
        self.guard.stats.request(outcome);
        self.guard.stats.decided_in.observe(self.started.elapsed().as_secs_f64());
        // Every command of the CLI pings first; nobody asks who was allowed to.
        if !(outcome == Outcome::Allowed && judged.action == Action::SystemPing) {
            let error = String::new();
            let request = canonical.describe();
            let facts = Some(judged.facts.sparse());
            self.report(judged.action, resource.clone(), outcome, posture, decision, facts, request, error);
        }
        refused
    }

    /// A request that has no canonical form, or refers to what is not there.
    fn invalid(&self, action: Action, refusal: Refusal) -> Verdict {
        self.guard.stats.request(Outcome::Invalid);
        // That something does not exist is an answer like any other.
        if refusal.status != 404 {
            let held = self.guard.bundles.current();
            let path = self.head.target.split('?').next().unwrap_or_default();
            let request = format!("{} {}", self.head.method, path).chars().flat_map(char::escape_debug).collect();
            let error = refusal.message.clone();
            let (engine, decision) = (self.engine(), deny(held.revision));
            self.report(action, engine, Outcome::Invalid, held.posture, decision, None, request, error);
        }
        Verdict::Refuse(self.refused(refusal.status, refusal.message))
    }

    fn refused(&self, status: u16, message: String) -> Refused {
        Refused { status, message, body_read: self.body_read }
    }

    fn engine(&self) -> Resource {
        let id = self.guard.host_id.to_string();
        Resource {
            kind: ResourceKind::Engine,
            name: id.clone(),
            id,
            image: String::new(),
            owner: String::new(),
            labels: Default::default(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one for each part of an event that differs")]
    fn report(
        &self,
        action: Action,
        resource: Resource,
        outcome: Outcome,
        posture: Posture,
        decision: Decision,
        facts: Option<Facts>,
        request: String,
        error: String,
    ) {
        self.guard.reporter.record(Draft {
            at: Timestamp(self.guard.clock.now()),
            principal: self.principal.clone(),
            action,
            resource,
            outcome,
            posture,
            decision,
            facts,
            request,
            error,
            decided_in_us: u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
    }
}

fn deny(revision: u64) -> Decision {
    Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision }
}

/// The owner of what this principal creates.
fn owner(principal: &Principal) -> &str {
    match principal {
        Principal::User { name } | Principal::ServiceAccount { name } | Principal::Workload { name, .. } => name,
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::with(413, format!("the request's body is larger than the {limit} bytes that this route may have"))
}
