//! One host's policies, ready to decide.
//!
//! A decision goes: class of the principal → candidates for the class and the action (kept) → what facts and
//! memberships alone can answer → the rest, by Cedar (kept ready) → [`Tally`](crate::tally::Tally).

use crate::{
    condition::{Condition, Known, Verdict},
    directory::Directory,
    enforceable::{self, Enforceable},
    error::CompileError,
    fact::{FactId, FactView, Wanted},
    head::{PrincipalKind, ResourceHead},
    index::{Class, Index},
    kept::Kept,
    lever::Literals,
    limits::{CANDIDATES_KEPT, EVALUATIONS_KEPT},
    probe::{Place, Probe, request},
    query::Query,
    reading::{self, Reads},
    tally::Tally,
};
use std::sync::Arc;
use wharden_model::{
    Action, Bundle, Decision, Effect, Facts, HostId, Principal, Resource, ResourceKind, Revision,
    bundle::BUNDLE_FORMAT, decision::Rule,
};

/// The policies of one bundle, compiled. Cheap to clone and shared by all requests.
#[derive(Clone, Debug)]
pub struct Compiled(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    revision: Revision,
    rules: Vec<Enforceable>,
    /// Of each rule; `None` when its head alone decides.
    conditions: Vec<Option<Condition>>,
    directory: Directory,
    place: Place,
    index: Index,
    candidates: Kept<(Class, Action), Candidates>,
    probes: Kept<Vec<usize>, Probe>,
}

/// The rules that can concern a class and an action on this host.
#[derive(Debug)]
struct Candidates {
    rules: Vec<(usize, Reach)>,
    /// Facts that their conditions read.
    facts: Wanted,
}

/// What is left of a resource head once host, labels and kind are known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    Every,
    Host(String),
    Thing(String),
}

impl Compiled {
    /// Compiles a bundle; `revision` is what its decisions will name.
    ///
    /// # Errors
    /// [`CompileError`] when any part of the bundle cannot be enforced.
    pub fn new(bundle: &Bundle, revision: Revision) -> Result<Self, CompileError> {
        if bundle.format != BUNDLE_FORMAT {
            return Err(CompileError::Format { found: bundle.format, known: BUNDLE_FORMAT });
        }
        let place = Place::new(&bundle.scope.labels);
        let mut rules = enforceable::all(&bundle.policies)?;
        rules.retain(|rule| rule.source.heads.concerns_hosts() && is_here(&rule.source.heads.resource, bundle));
        let conditions = rules.iter().map(|rule| reading::condition(&rule.source.tree, &place.groups)).collect();
        let directory = Directory::new(&bundle.users);
        let index = Index::new(&rules, &directory);
        Ok(Self(Arc::new(Inner {
            revision,
            rules,
            conditions,
            directory,
            place,
            index,
            candidates: Kept::new(CANDIDATES_KEPT),
            probes: Kept::new(EVALUATIONS_KEPT),
        })))
    }

    /// Decides.
    pub fn decide(&self, q: &Query<'_>) -> Decision {
        self.0.decide(q)
    }

    /// True when the answer is a denial whatever the facts of these names will be, so that nobody has to wait for them. The
    /// query has the other facts.
    pub fn denies_whatever(&self, q: &Query<'_>, to_come: &[&str]) -> bool {
        self.0.denies_whatever(q, to_come)
    }

    /// The denial of whoever may do this to nothing there is, whatever the facts are; `None` when something may be allowed. It
    /// says nothing that depends on a thing.
    pub fn denies_outright(&self, principal: &Principal, action: Action, host: &HostId) -> Option<Decision> {
        self.0.denies_outright(principal, action, host)
    }

    /// True when somebody may do this to everything there is, whatever the facts are; false also where that cannot be told without
    /// looking at things.
    pub fn allows_everything(&self, principal: &Principal, action: Action, host: &HostId) -> bool {
        self.0.allows_everything(principal, action, host)
    }

    /// What the rules that can concern a query look at.
    pub(crate) fn readers(&self, q: &Query<'_>) -> Readers<'_> {
        let class = self.0.index.class(PrincipalKind::of(q.principal), q.principal.id());
        let rules = self.0.index.rules(class, q.action).into_iter();
        Readers(rules.map(|index| (&self.0.rules[index].source.reads, self.0.conditions[index].as_ref())).collect())
    }

    /// Rules that can take part in decisions, built-in ones included.
    pub fn rule_count(&self) -> usize {
        self.0.rules.len()
    }
}

/// Rules by what they look at and the condition that they have, as far as it is known.
pub(crate) struct Readers<'a>(Vec<(&'a Reads, Option<&'a Condition>)>);

impl Readers<'_> {
    /// True when some rule may look at the fact.
    pub fn read(&self, fact: &str) -> bool {
        self.0.iter().any(|(reads, _)| reads.whole_context || reads.facts.contains(fact))
    }

    /// The values that rules compare the fact with.
    pub fn literals(&self, fact: &str) -> Literals {
        let mut literals = Literals::default();
        if let Some(id) = FactId::named(fact) {
            for condition in self.0.iter().filter_map(|(_, condition)| *condition) {
                condition.literals(id, &mut literals);
            }
        }
        literals
    }
}

/// False for rules whose head names another host or a host group that this one is not in.
fn is_here(head: &ResourceHead, bundle: &Bundle) -> bool {
    match head {
        ResourceHead::HostGroup(_, group) => bundle.scope.labels.groups().any(|label| label == *group),
        ResourceHead::Host(_, id) | ResourceHead::Thing(ResourceKind::Engine, id) => {
            bundle.scope.host.as_ref().is_none_or(|host| host.as_str() == id)
        }
        ResourceHead::Any | ResourceHead::Kind(_) | ResourceHead::Thing(..) => true,
        ResourceHead::Never => false,
    }
}

impl Inner {
    fn decide(&self, q: &Query<'_>) -> Decision {
        if q.resource.kind != q.action.resource() {
            return self.misfit(q);
        }
        let mut tally = Tally::default();
        let mut open = Vec::new();
        self.answered(q, |index, verdict| match verdict {
            Verdict::Yes => tally.satisfied.push(index),
            Verdict::No => {}
            Verdict::Open | Verdict::Unsafe => open.push(index),
        });
        if !open.is_empty() {
            let probe = self.probes.get(&open).unwrap_or_else(|| {
                let probe = Probe::new(&self.rules, &open, false);
                self.probes.put(open, probe)
            });
            probe.run(request(q, probe.reads(), &self.directory, &self.place), &mut tally);
        }
        tally.decision(&self.rules, self.revision)
    }

    fn denies_whatever(&self, q: &Query<'_>, to_come: &[&str]) -> bool {
        if q.resource.kind != q.action.resource() {
            return true;
        }
        let (mut may_permit, mut forbids) = (false, false);
        self.answered(q, |index, verdict| {
            let rule = &self.rules[index];
            let reads = &rule.source.reads;
            let waits = reads.whole_context || to_come.iter().any(|fact| reads.facts.contains(*fact));
            match (rule.effect, if waits { Verdict::Unsafe } else { verdict }) {
                _ if !rule.enforced => {}
                (Effect::Allow, Verdict::No) => {}
                (Effect::Allow, _) => may_permit = true,
                (Effect::Deny, verdict) => forbids |= verdict == Verdict::Yes,
            }
        });
        forbids || !may_permit
    }

    fn denies_outright(&self, principal: &Principal, action: Action, host: &HostId) -> Option<Decision> {
        let (mut may_permit, mut forbids) = (false, Tally::default());
        self.of_whom(principal, action, host, false, |index, effect, verdict| match (effect, verdict) {
            (Effect::Allow, verdict) => may_permit |= verdict != Verdict::No,
            (Effect::Deny, Verdict::Yes) => forbids.satisfied.push(index),
            (Effect::Deny, _) => {}
        });
        (!may_permit || !forbids.satisfied.is_empty()).then(|| forbids.decision(&self.rules, self.revision))
    }

    fn allows_everything(&self, principal: &Principal, action: Action, host: &HostId) -> bool {
        let (mut permits, mut may_refuse) = (false, false);
        self.of_whom(principal, action, host, true, |_, effect, verdict| match (effect, verdict) {
            (Effect::Allow, Verdict::Yes) => permits = true,
            (_, Verdict::No) | (Effect::Allow, Verdict::Open) => {}
            // A rule that fails refuses, whichever it is.
            (Effect::Allow, Verdict::Unsafe) | (Effect::Deny, _) => may_refuse = true,
        });
        permits && !may_refuse
    }

    /// Tells of each enforced rule that can concern somebody's action on something here what is so whatever the thing and the facts are.
    fn of_whom(
        &self,
        principal: &Principal,
        action: Action,
        host: &HostId,
        or_fails: bool,
        mut tell: impl FnMut(usize, Effect, Verdict),
    ) {
        let (resource, facts) = (Resource::bare(action.resource(), ""), Facts::default());
        let q = Query { principal, action, resource: &resource, host, facts: &facts };
        self.each(&q, |index, reach, known| {
            let condition = self.conditions[index].as_ref().map(|condition| condition.of_whom(or_fails));
            let verdict = condition.map_or(Verdict::Yes, |condition| condition.verdict(known));
            let verdict = match (reach, verdict) {
                (Reach::Thing(_), Verdict::Yes) => Verdict::Open,
                (_, verdict) => verdict,
            };
            if self.rules[index].enforced {
                tell(index, self.rules[index].effect, verdict);
            }
        });
    }

    /// Tells of each rule that can concern the query what facts and memberships alone say.
    fn answered(&self, q: &Query<'_>, mut tell: impl FnMut(usize, Verdict)) {
        self.each(q, |index, reach, known| {
            if !matches!(reach, Reach::Thing(id) if *id != q.resource.id) {
                tell(index, self.conditions[index].as_ref().map_or(Verdict::Yes, |condition| condition.verdict(known)));
            }
        });
    }

    /// Each rule that can concern the query, as far as that is about whom, which action and which host.
    fn each(&self, q: &Query<'_>, mut tell: impl FnMut(usize, &Reach, &Known<'_>)) {
        let kind = PrincipalKind::of(q.principal);
        let name = q.principal.id();
        let class = self.index.class(kind, name);
        let candidates = self
            .candidates
            .get(&(class, q.action))
            .unwrap_or_else(|| self.candidates.put((class, q.action), self.candidates(class, q.action)));
        let person = self.directory.get(if kind == PrincipalKind::User { name } else { "" });
        let facts = FactView::pick(q.facts, &candidates.facts);
        let host = q.host.as_str();
        let known = Known {
            facts: &facts,
            kind,
            name,
            groups: &person.groups,
            disabled: person.disabled,
            host,
            action: q.action,
            resource: q.resource,
            owner_groups: &|| &self.directory.get(&q.resource.owner).groups,
        };
        for (index, reach) in &candidates.rules {
            if !matches!(reach, Reach::Host(id) if id != host) {
                tell(*index, reach, &known);
            }
        }
    }

    fn candidates(&self, class: Class, action: Action) -> Candidates {
        let mut facts: Vec<&str> = Vec::new();
        let mut rules = Vec::new();
        for index in self.index.rules(class, action) {
            let rule = &self.rules[index];
            if let Some(reach) = reach(&rule.source.heads.resource, action.resource()) {
                rules.push((index, reach));
                facts.extend(rule.source.reads.facts.iter().map(String::as_str));
            }
        }
        Candidates { rules, facts: Wanted::new(action, facts) }
    }

    /// Denies what no schema allows to be asked.
    fn misfit(&self, q: &Query<'_>) -> Decision {
        let error = format!("{} acts on {}, not on {}", q.action, q.action.resource().name(), q.resource.kind.name());
        let (rules, monitor) = (Vec::new(), Vec::new());
        Decision { effect: Effect::Deny, rules, monitor, errors: vec![error], revision: self.revision }
    }
}

/// `None` when the head cannot concern things of this kind. Host groups have been looked at when the bundle was
/// compiled.
fn reach(head: &ResourceHead, kind: ResourceKind) -> Option<Reach> {
    match head {
        ResourceHead::Any => Some(Reach::Every),
        ResourceHead::Kind(of) => (*of == kind).then_some(Reach::Every),
        ResourceHead::HostGroup(of, _) => of.is_none_or(|of| of == kind).then_some(Reach::Every),
        ResourceHead::Host(of, id) => of.is_none_or(|of| of == kind).then(|| Reach::Host(id.clone())),
        ResourceHead::Thing(of, id) => (*of == kind).then(|| Reach::Thing(id.clone())),
        ResourceHead::Never => None,
    }
}

/// The decision of a host that has no bundle: ping and version, so that a client can say what is wrong, and nothing
/// else.
pub fn no_bundle(action: Action) -> Decision {
    let (effect, rule) = match action {
        Action::SystemPing | Action::SystemVersion => {
            (Effect::Allow, ("builtin/ping", "clients ask for this before anything else", ""))
        }
        _ => (
            Effect::Deny,
            ("builtin/no-bundle", "this host has no policies yet: ask an admin whether its agent is connected", "high"),
        ),
    };
    let (id, reason, severity) = rule;
    let rule = Rule { id: id.into(), reason: reason.into(), severity: severity.into(), ..Rule::default() };
    Decision { effect, rules: vec![rule], monitor: vec![], errors: vec![], revision: 0 }
}
