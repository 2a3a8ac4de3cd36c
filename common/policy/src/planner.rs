//! What each host gets of the cluster's policies and users: no more than can concern it.

use crate::{
    CompileError, builtin,
    head::{PrincipalHead, PrincipalKind, ResourceHead},
    source::{self, Source},
};
use std::{collections::BTreeSet, sync::Arc};
use wharden_model::{
    Bundle, BundlePolicy, ClusterId, HostId, Labels, Mode, Posture, ResourceKind, Scope, SessionId, UserName,
    bundle::BUNDLE_FORMAT, decision::KnownUser,
};

/// What the controller publishes. Built once for each revision; cheap to clone.
#[derive(Clone, Debug)]
pub struct Planner {
    cluster: ClusterId,
    documents: Arc<[Planned]>,
    users: Arc<[KnownUser]>,
    /// Hosts that some rule names: each of them is a scope of its own.
    hosts: Arc<BTreeSet<String>>,
    remote: Arc<Remote>,
}

/// Those who use Docker from elsewhere, by certificates that name user and login session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Users with a certificate that is good: every bundle names them, since hosts refuse whom they do not know.
    pub users: BTreeSet<UserName>,
    /// Service accounts with one: the same.
    pub service_accounts: BTreeSet<UserName>,
    /// Sessions that are over while certificates of theirs have not ended.
    pub ended: BTreeSet<SessionId>,
}

#[derive(Clone, Debug)]
struct Planned {
    policy: BundlePolicy,
    rules: Vec<PlannedRule>,
}

#[derive(Clone, Debug)]
struct PlannedRule {
    source: Arc<Source>,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

impl Planner {
    /// Takes every policy and user of the cluster. Disabled policies are left out, valid or not.
    ///
    /// # Errors
    /// [`CompileError`] when a document cannot be enforced.
    pub fn new(cluster: ClusterId, policies: Vec<BundlePolicy>, users: Vec<KnownUser>) -> Result<Self, CompileError> {
        let mut documents = Vec::new();
        for policy in policies.into_iter().filter(|policy| policy.mode != Mode::Disabled) {
            if policy.name.as_str() == builtin::NAME {
                return Err(CompileError::Reserved(policy.name));
            }
            let rules = source::read(&policy)?.iter().map(|rule| PlannedRule::new(Arc::clone(rule))).collect();
            documents.push(Planned { policy, rules });
        }
        documents.sort_by(|a, b| a.policy.name.cmp(&b.policy.name));
        if let Some(pair) = documents.windows(2).find(|pair| pair[0].policy.name == pair[1].policy.name) {
            return Err(CompileError::Duplicate(pair[0].policy.name.clone()));
        }
        let mut users = users;
        users.sort_by(|a, b| a.name.cmp(&b.name));
        let rules =
            documents.iter().flat_map(|document| &document.rules).filter(|rule| rule.source.heads.concerns_hosts());
        let hosts = Arc::new(rules.flat_map(|rule| rule.hosts.iter().cloned()).collect());
        Ok(Self { cluster, documents: documents.into(), users: users.into(), hosts, remote: Arc::default() })
    }

    /// The same policies and users, with these who come from elsewhere. Costs nothing.
    #[must_use]
    pub fn with_remote(&self, remote: Remote) -> Self {
        Self { remote: Arc::new(remote), ..self.clone() }
    }

    /// The scope of a host. Hosts with one scope get one bundle.
    pub fn scope(&self, host: &HostId, labels: &Labels, posture: Posture) -> Scope {
        let host = self.hosts.contains(host.as_str()).then(|| host.clone());
        Scope { labels: labels.clone(), posture, host }
    }

    /// The bundle of a scope.
    pub fn bundle(&self, scope: &Scope) -> Bundle {
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let mut policies = Vec::new();
        for document in self.documents.iter() {
            let here: Vec<_> = document.rules.iter().filter(|rule| rule.concerns(scope)).collect();
            for rule in &here {
                users.extend(&rule.users);
                groups.extend(&rule.groups);
            }
            if !here.is_empty() {
                let text = document.text(&here);
                policies.push(BundlePolicy { name: document.policy.name.clone(), mode: document.policy.mode, text });
            }
        }
        let users = self.users.iter().filter_map(|user| {
            let mut known = KnownUser { name: user.name.clone(), groups: user.groups.clone(), disabled: user.disabled };
            // Groups that no rule names cannot make a difference, and would tell hosts more than they need.
            known.groups.retain(|group| groups.contains(&group.as_str().to_owned()));
            known.groups.sort_unstable();
            let wanted = known.disabled
                || !known.groups.is_empty()
                || users.contains(&user.name.as_str().to_owned())
                || self.remote.users.contains(&user.name);
            wanted.then_some(known)
        });
        Bundle {
            format: BUNDLE_FORMAT,
            cluster_id: self.cluster.clone(),
            scope: scope.clone(),
            users: users.collect(),
            policies,
            ended_sessions: self.remote.ended.iter().cloned().collect(),
            service_accounts: self.remote.service_accounts.iter().cloned().collect(),
        }
    }
}

impl Planned {
    /// The text of some of its rules. The whole text when it is all of them; else each rule gets its number as its
    /// `@id` where it has none, so that it is called the same on every host.
    fn text(&self, rules: &[&PlannedRule]) -> String {
        if rules.len() == self.rules.len() {
            return self.policy.text.clone();
        }
        let mut text = String::new();
        for rule in rules {
            let own = self.policy.text.get(rule.source.info.span.clone()).unwrap_or("");
            if !rule.source.info.named {
                text.push_str(&format!("@id(\"{}\")\n", rule.source.info.id));
            }
            text.push_str(own);
            text.push_str("\n\n");
        }
        text
    }
}

impl PlannedRule {
    fn new(source: Arc<Source>) -> Self {
        let (mut users, mut groups, mut hosts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (ty, id) in &source.reads.named {
            match ty.as_str() {
                "User" => users.insert(id.clone()),
                "Group" => groups.insert(id.clone()),
                "Host" | "Docker::Engine" => hosts.insert(id.clone()),
                _ => false,
            };
        }
        match &source.heads.principal {
            PrincipalHead::Named(PrincipalKind::User, name) => users.insert(name.clone()),
            PrincipalHead::Member(group) => groups.insert(group.clone()),
            _ => false,
        };
        if let ResourceHead::Host(_, id) | ResourceHead::Thing(ResourceKind::Engine, id) = &source.heads.resource {
            hosts.insert(id.clone());
        }
        Self { source, users, groups, hosts }
    }

    fn concerns(&self, scope: &Scope) -> bool {
        self.source.heads.concerns_hosts()
            && match &self.source.heads.resource {
                ResourceHead::HostGroup(_, group) => scope.labels.groups().any(|label| label == *group),
                ResourceHead::Host(_, id) | ResourceHead::Thing(ResourceKind::Engine, id) => {
                    scope.host.as_ref().is_some_and(|host| host.as_str() == id)
                }
                ResourceHead::Any | ResourceHead::Kind(_) | ResourceHead::Thing(..) => true,
                ResourceHead::Never => false,
            }
    }
}
