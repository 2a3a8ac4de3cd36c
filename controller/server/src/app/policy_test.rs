//! What would be decided about a request, without asking any engine: things that it refers to are taken to exist.

use super::{App, AppError, Caller, judgement::Judge};
use crate::{
    limits::{DRAFTS_BYTES_MAX, DRAFTS_EFFORT_MAX, DRAFTS_MAX, OWNER_MAX},
    policy_set,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use wharden_docker::{
    AccountView, ApiVersion, Asker, Canonical, ContainerView, ExecView, Head, HostPathView, IMAGE_LABEL, ImageView,
    Judged, Lookup, Making, NetworkView, OWNER_LABEL, ObjectView, TaskView, View, VolumeView,
};
use wharden_model::{
    Action, AdminAction, BundlePolicy, Decision, DecisionEvent, Effect, FactValue, HostId, Principal, Resource,
    UserName,
    api::{DockerRequest, PolicyVersionDraft, TestRequest, TestResult},
    decision::NO_NEW_PRIVILEGES,
};
use wharden_policy::Query;
use wharden_state::State;

/// Where the guard usually listens.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

impl App {
    pub async fn test_policy(&self, caller: &Caller, test: TestRequest) -> Result<TestResult, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        let state = self.state();
        bounded(&test.drafts)?;
        let cluster = self.keys.cluster_id.clone();
        let asker = match (test.user, test.service_account) {
            (Some(user), None) => Some(Principal::User { name: user.to_string() }),
            (None, Some(account)) => Some(Principal::ServiceAccount { name: account.to_string() }),
            (None, None) => None,
            (Some(_), Some(_)) => {
                return Err(AppError::invalid("service_account", "give a user or a service account, not both"));
            }
        };
        let asked = match (test.event, asker, test.request) {
            (Some(id), None, None) if test.host.is_none() && test.owner.is_none() => {
                self.may(caller, AdminAction::EventRead, &self.cluster()).await?;
                Asked::Event(Box::new(self.event_named(&id).await?))
            }
            (None, Some(asker), Some(request)) => {
                let owner = owner(test.owner, &asker)?;
                let host = match &test.host {
                    None => HostId::new("h-0000000000000000").map_err(AppError::internal)?,
                    Some(text) => self.find_host(&state, text)?,
                };
                Asked::Request(Box::new(Supposed { asker, owner, host, request }))
            }
            _ => {
                return Err(AppError::invalid(
                    "request",
                    "give either an event, or a user or service account and a request, on a host or on none",
                ));
            }
        };
        let work = move || {
            let policies = with_drafts(&state, &test.drafts)?;
            match asked {
                Asked::Event(event) => {
                    let judge = Judge::new(&cluster, &state, policies, &event.host_id)?;
                    let (facts, decision, advice) = judge.again(&event)?.ok_or_else(|| {
                        AppError::invalid(
                            "event",
                            "not all facts of this event were kept, so that it cannot be decided again",
                        )
                    })?;
                    let DecisionEvent { principal, action, resource, .. } = *event;
                    Ok(TestResult { principal, action, resource, facts, decision, advice, assumed: Vec::new() })
                }
                Asked::Request(supposed) => {
                    let judge = Judge::new(&cluster, &state, policies, &supposed.host)?;
                    let mut result = tested(&judge, &supposed)?;
                    result.assumed.extend(stranger(&state, &supposed.asker));
                    Ok(result)
                }
            }
        };
        self.workbench.run(&caller.user, work).await
    }
}

enum Asked {
    Event(Box<DecisionEvent>),
    Request(Box<Supposed>),
}

/// A request as it would be made.
struct Supposed {
    asker: Principal,
    /// Whose the named things are.
    owner: String,
    host: HostId,
    request: DockerRequest,
}

/// Whose the named things are.
fn owner(asked: Option<String>, asker: &Principal) -> Result<String, AppError> {
    let owner = asked.unwrap_or_else(|| asker.as_owner().into_owned());
    if owner.len() > OWNER_MAX {
        return Err(AppError::invalid(
            "owner",
            format!("{} bytes are too long; {OWNER_MAX} are the most", owner.len()),
        ));
    }
    Ok(owner)
}

/// That nobody is known by the asker's name, if so.
fn stranger(state: &State, asker: &Principal) -> Option<String> {
    let name = UserName::new(asker.id()).ok();
    let known = match asker {
        Principal::User { .. } => name.is_some_and(|name| state.users.contains_key(&name)),
        Principal::ServiceAccount { .. } => name.is_some_and(|name| state.service_accounts.contains_key(&name)),
        Principal::Workload { .. } => true,
    };
    (!known).then(|| format!("{asker} is not in the directory: in no group, as an account of a host may be"))
}

/// Of a request about several things, the first that is refused is told.
fn tested(judge: &Judge<'_>, supposed: &Supposed) -> Result<TestResult, AppError> {
    let Supposed { asker, owner, host, request } = supposed;
    let asking = Asking::read(request, asker, owner, host)?;
    let mut judged = asking.judge(&asking.canonical)?;
    let (mut resource, mut decision) = decided(judge, asker, &judged, host)?;
    // As the guard does.
    if decision.is_mended_by(NO_NEW_PRIVILEGES)
        && let Some(mended) = asking.canonical.without_new_privileges()
    {
        judged = asking.judge(&mended)?;
        (resource, decision) = decided(judge, asker, &judged, host)?;
    }
    let advice = judge.advice(&query(asker, &judged, &resource, host))?;
    let (principal, action, mut assumed) = (asker.clone(), judged.action, asking.assumed);
    assumed.extend(builder(&judged));
    Ok(TestResult { principal, action, resource, facts: judged.facts, decision, advice, assumed })
}

/// Which builder a build was taken to ask for, when it is not the one that `docker build` of today asks for.
fn builder(judged: &Judged) -> Option<String> {
    let classic = match judged.facts.get("builder_version") {
        Some(FactValue::String(version)) => ["", "1"].contains(&version.as_str()),
        _ => false,
    };
    (judged.action == Action::ImageBuild && classic).then(|| {
        "it asks for the classic builder, as DOCKER_BUILDKIT=0 does; Docker 23 and later ask for BuildKit, which \
         --path '/build?version=2' tries"
            .to_owned()
    })
}

fn decided(
    judge: &Judge<'_>,
    principal: &Principal,
    judged: &Judged,
    host: &HostId,
) -> Result<(Resource, Decision), AppError> {
    let ask = |resource: &Resource| judge.decide(&query(principal, judged, resource, host));
    let mut decided = judged.resources.iter().map(|resource| (resource.clone(), ask(resource)));
    let first = decided.next().ok_or_else(|| AppError::internal("a request about nothing"))?;
    Ok(std::iter::once(first.clone()).chain(decided).find(|(_, d)| d.effect == Effect::Deny).unwrap_or(first))
}

fn query<'a>(principal: &'a Principal, judged: &'a Judged, resource: &'a Resource, host: &'a HostId) -> Query<'a> {
    Query { principal, action: judged.action, resource, host, facts: &judged.facts }
}

/// Refuses more drafts than one request may have.
pub(super) fn bounded(drafts: &[PolicyVersionDraft]) -> Result<(), AppError> {
    let bytes: usize = drafts.iter().map(|draft| draft.text.len()).sum();
    if drafts.len() > DRAFTS_MAX || bytes > DRAFTS_BYTES_MAX {
        return Err(AppError::TooLarge(format!(
            "there are {} drafts with {bytes} bytes; {DRAFTS_MAX} with {DRAFTS_BYTES_MAX} are the most at a time",
            drafts.len()
        )));
    }
    Ok(())
}

/// The stored documents, with drafts in place of those of the same name.
pub(super) fn with_drafts(state: &State, drafts: &[PolicyVersionDraft]) -> Result<Vec<BundlePolicy>, AppError> {
    let mut policies = policy_set::policies(state);
    let mut effort = 0;
    for draft in drafts {
        effort += super::policies::parsed(&draft.text)?.effort;
        if effort > DRAFTS_EFFORT_MAX {
            return Err(AppError::TooLarge(
                "the drafts take too long to check together: send fewer at a time".to_owned(),
            ));
        }
        policies.retain(|policy| policy.name != draft.name);
        policies.push(BundlePolicy { name: draft.name.clone(), mode: draft.mode, text: draft.text.clone() });
    }
    Ok(policies)
}

/// A request, and what it is taken to find.
struct Asking<'a> {
    canonical: Canonical,
    view: View,
    asker: Cow<'a, str>,
    host: &'a HostId,
    /// What it is taken to find, in words.
    assumed: Vec<String>,
}

fn refused(refusal: wharden_docker::Refusal) -> AppError {
    AppError::invalid("request", refusal.message)
}

impl<'a> Asking<'a> {
    fn read(request: &DockerRequest, asker: &'a Principal, owner: &str, host: &'a HostId) -> Result<Self, AppError> {
        let asker = asker.as_owner();
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
        let (mut view, mut assumed) = (View::default(), Vec::new());
        for lookup in canonical.lookups() {
            assumed.extend(assume(&mut view, lookup, owner));
        }
        for lookup in canonical.follow_ups(&view, &asker) {
            assumed.extend(assume(&mut view, lookup, owner));
        }
        Ok(Self { canonical, view, asker, host, assumed })
    }

    fn judge(&self, canonical: &Canonical) -> Result<Judged, AppError> {
        let private = SOCKETS.map(str::to_owned);
        let asker = Asker { owner: &self.asker, host_id: self.host, private: &private };
        canonical.judge(&self.view, &asker).map_err(refused)
    }
}

/// Takes a thing to exist as it is called, to be the owner's, and nothing to be special about it. Says so.
fn assume(view: &mut View, lookup: Lookup, owner: &str) -> Option<String> {
    let labels = || BTreeMap::from([(OWNER_LABEL.to_owned(), owner.to_owned())]);
    let whose = if owner.is_empty() { "nobody's".to_owned() } else { format!("{owner}'s") };
    Some(match lookup {
        Lookup::Container(name) => {
            let told = format!("container {name} is there, {whose}, runs as user 1000, and has no file of the host");
            let made = Making::new(serde_json::json!({"User": "1000"}));
            let found = ContainerView {
                id: name.clone(),
                name: name.clone(),
                user: "1000".to_owned(),
                // Made through the guard, of an image that is called as it is.
                image_id: name.clone(),
                labels: labels().into_iter().chain([(IMAGE_LABEL.to_owned(), name.clone())]).collect(),
                made,
                ..ContainerView::default()
            };
            view.containers.insert(name, found);
            told
        }
        Lookup::Image(name) => {
            let told = format!(
                "image {name} is there, {whose}, and names no user: its containers are root's unless the request says"
            );
            let found = ImageView {
                id: name.clone(),
                tags: vec![name.clone()],
                owner: owner.to_owned(),
                ..ImageView::default()
            };
            view.images.insert(name, found);
            told
        }
        Lookup::Volume(name) => {
            let told = format!("volume {name} is there, {whose}, local and without options");
            let found = VolumeView {
                name: name.clone(),
                driver: "local".to_owned(),
                labels: labels(),
                ..VolumeView::default()
            };
            view.volumes.insert(name, found);
            told
        }
        Lookup::Network(name) => {
            let told = format!("network {name} is there, {whose}");
            let found =
                NetworkView { id: name.clone(), name: name.clone(), labels: labels(), ..NetworkView::default() };
            view.networks.insert(name, found);
            told
        }
        Lookup::Exec(name) => {
            let told = format!("exec {name} is there, in a container of which nothing is known");
            view.execs.insert(name.clone(), ExecView { id: name, ..ExecView::default() });
            told
        }
        Lookup::Object(kind, name) => {
            let told = format!("{} {name} is there, {whose}", kind.name().to_lowercase());
            let found = ObjectView { id: name.clone(), name: name.clone(), labels: labels() };
            view.objects.insert((kind, name), found);
            told
        }
        Lookup::Task(id) => {
            let told = format!("task {id} is there, of a service of which nothing is known");
            let found = TaskView { id: id.clone(), service: id.clone(), ..TaskView::default() };
            view.tasks.insert(id, found);
            told
        }
        Lookup::HostPath(path) => {
            let told =
                format!("{path} is there on the host, no link, everybody may come to it, and only root may replace it");
            view.host_paths.insert(path.clone(), HostPathView { real: path, ..HostPathView::default() });
            told
        }
        Lookup::Repository(_) | Lookup::VolumeUsers(_) | Lookup::ServiceVolumes => return None,
        Lookup::Account(name) => {
            let told = format!("{name} has an account on the host, user 1000 and group 1000");
            view.accounts.insert(name, AccountView { uid: 1000, groups: BTreeSet::from([1000]) });
            told
        }
    })
}
