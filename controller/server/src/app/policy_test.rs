//! What would be decided about a request, without asking any engine: things that it refers to are taken to exist.

use super::{App, AppError, Caller};
use crate::policy_set;
use wharden_docker::{
    ApiVersion, Asker, ContainerView, ExecView, Head, HostPathView, ImageView, Lookup, Making, NetworkView, SwarmView,
    View, VolumeView,
};
use wharden_model::{
    AdminAction, BundlePolicy, Effect, HostId, Labels, Posture, Principal,
    api::{DockerRequest, PolicyVersionDraft, TestRequest, TestResult},
};
use wharden_policy::{Compiled, Planner, Query};
use wharden_state::State;

/// Where the guard usually listens.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

impl App {
    pub async fn test_policy(&self, caller: &Caller, test: TestRequest) -> Result<TestResult, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        let state = self.state();
        let (host, labels) = match &test.host {
            None => (HostId::new("h-0000000000000000").map_err(AppError::internal)?, Labels::none()),
            Some(text) => {
                let id = self.find_host(&state, text)?;
                let labels = state.hosts.get(&id).map(|host| host.labels.clone()).unwrap_or_default();
                (id, labels)
            }
        };
        let policies = with_drafts(&state, &test.drafts)?;
        let planner = Planner::new(self.keys.cluster_id.clone(), policies, policy_set::users(&state))
            .map_err(|e| AppError::invalid("drafts", e.to_string()))?;
        let bundle = planner.bundle(&planner.scope(&host, &labels, Posture::Enforce));
        let compiled = Compiled::new(&bundle, state.policy_revision).map_err(AppError::internal)?;

        let judged = judge(&test.request, test.user.as_str(), &host)?;
        let principal = Principal::User { name: test.user.to_string() };
        let mut decided = judged.resources.into_iter().map(|resource| {
            let query = Query {
                principal: &principal,
                action: judged.action,
                resource: &resource,
                host: &host,
                facts: &judged.facts,
            };
            let decision = compiled.decide(&query);
            (resource, decision)
        });
        let first = decided.next().ok_or_else(|| AppError::internal("a request about nothing"))?;
        let (resource, decision) =
            std::iter::once(first.clone()).chain(decided).find(|(_, d)| d.effect == Effect::Deny).unwrap_or(first);
        Ok(TestResult { principal, action: judged.action, resource, facts: judged.facts, decision })
    }
}

/// The stored documents, with drafts in place of those of the same name.
pub(super) fn with_drafts(state: &State, drafts: &[PolicyVersionDraft]) -> Result<Vec<BundlePolicy>, AppError> {
    let mut policies = policy_set::policies(state);
    for draft in drafts {
        super::policies::checked(&draft.text)?;
        policies.retain(|policy| policy.name != draft.name);
        policies.push(BundlePolicy { name: draft.name.clone(), mode: draft.mode, text: draft.text.clone() });
    }
    Ok(policies)
}

fn judge(request: &DockerRequest, owner: &str, host: &HostId) -> Result<wharden_docker::Judged, AppError> {
    let refused = |refusal: wharden_docker::Refusal| AppError::invalid("request", refusal.message);
    let body = match &request.body {
        serde_json::Value::Null => None,
        body => Some(serde_json::to_vec(body).map_err(AppError::internal)?),
    };
    let mut headers = vec![("host".to_owned(), b"docker".to_vec())];
    if let Some(body) = &body {
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        headers.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let head = Head { method: request.method.clone(), target: request.path.clone(), headers };
    let begun = wharden_docker::begin(&head, ApiVersion::NEWEST).map_err(refused)?;
    let buffered = begun.buffers_body().and(body.as_deref());
    let canonical = begun.finish(buffered).map_err(refused)?;
    let mut view = View::default();
    for lookup in canonical.lookups() {
        assume(&mut view, lookup);
    }
    for lookup in canonical.follow_ups(&view) {
        assume(&mut view, lookup);
    }
    let sockets = SOCKETS.map(str::to_owned);
    canonical.judge(&view, &Asker { owner, host_id: host, private: &sockets }).map_err(refused)
}

/// Takes a thing to exist as it is called, and nothing to be special about it.
fn assume(view: &mut View, lookup: Lookup) {
    match lookup {
        Lookup::Container(name) => {
            let made = Making::new(serde_json::json!({"User": "1000"}));
            let found = ContainerView { id: name.clone(), name: name.clone(), made, ..ContainerView::default() };
            view.containers.insert(name, found);
        }
        Lookup::Image(name) => {
            let found = ImageView { id: name.clone(), tags: vec![name.clone()], ..ImageView::default() };
            view.images.insert(name, found);
        }
        Lookup::Volume(name) => {
            let found = VolumeView { name: name.clone(), driver: "local".to_owned(), ..VolumeView::default() };
            view.volumes.insert(name, found);
        }
        Lookup::Network(name) => {
            let found = NetworkView { id: name.clone(), name: name.clone(), ..NetworkView::default() };
            view.networks.insert(name, found);
        }
        Lookup::Exec(name) => {
            view.execs.insert(name.clone(), ExecView { id: name, ..ExecView::default() });
        }
        Lookup::Swarm(kind, name) => {
            let found = SwarmView { id: name.clone(), name: name.clone(), ..SwarmView::default() };
            view.swarm.insert((kind, name), found);
        }
        Lookup::HostPath(path) => {
            view.host_paths.insert(path.clone(), HostPathView { real: path, replaceable: false });
        }
    }
}
