use super::{Allowance, Engine, EngineError, ImageOwners, Reply, resolve_host_path};
use crate::limits::{ANSWER_HELD_MAX, HOST_PATH_TIMEOUT, LOOKUP_POOL, LOOKUPS_MAX};
use futures::{StreamExt, stream};
use nix::unistd::{Gid, User, getgrouplist};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CString,
};
use tokio::{task::spawn_blocking, time::timeout};
use wharden_docker::{
    AccountView, Canonical, ContainerView, ExecView, HostPathView, ImageView, Lookup, NetworkView, ObjectView,
    ServiceVolumes, TaskView, View, VolumeView, images_of, names_of,
};
use wharden_model::{Action, ResourceKind};

/// Why something that a request refers to could not be looked up. Not that it does not exist: that is an answer.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the Docker Engine's description of {0} cannot be understood")]
    Answer(String),
    #[error("{0}")]
    Reference(String),
    #[error("the host path {0} cannot be resolved in time")]
    HostPath(String),
    #[error("the host does not say in time who the account {0} is")]
    Account(String),
    #[error("the request refers to more than {LOOKUPS_MAX} things")]
    TooMany,
}

enum Found {
    Nothing,
    Container(ContainerView),
    Image(ImageView),
    Volume(VolumeView),
    Network(NetworkView),
    Exec(ExecView),
    Object(ObjectView),
    Task(TaskView),
    HostPath(HostPathView),
    Account(AccountView),
    Repository(Vec<String>),
    VolumeUsers,
    ServiceVolumes(BTreeMap<String, BTreeSet<String>>),
}

/// Where a decision looks things up.
#[derive(Clone, Copy)]
pub struct Lookups<'l> {
    pub engine: &'l Engine,
    pub owners: &'l ImageOwners,
    pub allowance: &'l Allowance,
    /// Whose what comes into being will be.
    pub owner: &'l str,
}

/// Looks up everything that the request refers to, and everything that those things refer to.
///
/// # Errors
/// [`LookupError`]: the request must not be judged on half of what there is.
pub async fn look_up(at: Lookups<'_>, request: &Canonical) -> Result<View, LookupError> {
    look_up_from(at, request.lookups(), |view| request.follow_ups(view, at.owner)).await
}

/// Looks up these things.
///
/// # Errors
/// As [`look_up`].
pub async fn look_up_all(at: Lookups<'_>, todo: Vec<Lookup>) -> Result<View, LookupError> {
    look_up_from(at, todo, |_| Vec::new()).await
}

/// The image that a name or an id means now; nobody's, since who made it is what is to be found out.
///
/// # Errors
/// As [`look_up`].
pub async fn look_up_image(engine: &Engine, name: &str) -> Result<Option<ImageView>, LookupError> {
    Ok(match find(engine, &engine.allowance(), &Lookup::Image(name.to_owned())).await? {
        Found::Image(image) => Some(image),
        _ => None,
    })
}

async fn look_up_from(
    at: Lookups<'_>,
    mut todo: Vec<Lookup>,
    follow_ups: impl Fn(&View) -> Vec<Lookup>,
) -> Result<View, LookupError> {
    let Lookups { engine, owners, allowance, .. } = at;
    let mut view = View::default();
    let mut tried = BTreeSet::new();
    loop {
        todo.retain(|lookup| !tried.contains(lookup));
        if todo.is_empty() {
            return Ok(view);
        }
        tried.extend(todo.iter().cloned());
        if tried.len() > LOOKUPS_MAX {
            return Err(LookupError::TooMany);
        }
        if let [one] = todo.as_slice() {
            let found = find(engine, allowance, one).await?;
            insert(&mut view, owners, one, found);
        } else {
            let mut answers = stream::iter(todo)
                .map(|lookup| async { (find(engine, allowance, &lookup).await, lookup) })
                .buffer_unordered(LOOKUP_POOL);
            while let Some((found, lookup)) = answers.next().await {
                insert(&mut view, owners, &lookup, found?);
            }
        }
        todo = follow_ups(&view);
    }
}

/// The view to judge a request by that asks for the description of one thing, and the engine's answer to it, unless that is
/// large. `None` when the engine answers anything else: then the request takes the way of all others.
///
/// # Errors
/// [`LookupError`].
pub async fn look_up_answer(
    at: Lookups<'_>,
    path: &str,
    lookup: &Lookup,
) -> Result<Option<(Option<Reply>, View)>, LookupError> {
    let reply = at.engine.ask(path, at.allowance).await?;
    if reply.status != 200 {
        return Ok(None);
    }
    let found = match lookup {
        Lookup::Container(_) => ContainerView::to_look_at(&reply.body).map(Found::Container),
        _ => serde_json::from_slice(&reply.body).ok().and_then(|json| described(lookup, &json)),
    };
    let found = whole(at.engine, at.allowance, lookup, found).await?;
    let mut view = View::default();
    insert(&mut view, at.owners, lookup, found);
    Ok(Some(((reply.body.len() <= ANSWER_HELD_MAX).then_some(reply), view)))
}

async fn find(engine: &Engine, allowance: &Allowance, lookup: &Lookup) -> Result<Found, LookupError> {
    let (before, name, after) = match lookup {
        Lookup::Container(name) => ("/containers/", name, "/json"),
        Lookup::Image(name) => ("/images/", name, "/json"),
        Lookup::Volume(name) => ("/volumes/", name, ""),
        Lookup::Network(name) => ("/networks/", name, ""),
        Lookup::Exec(id) => ("/exec/", id, "/json"),
        Lookup::Object(ResourceKind::Service, name) => ("/services/", name, ""),
        Lookup::Object(ResourceKind::Secret, name) => ("/secrets/", name, ""),
        Lookup::Object(ResourceKind::Config, name) => ("/configs/", name, ""),
        Lookup::Object(ResourceKind::Plugin, name) => ("/plugins/", name, "/json"),
        Lookup::Object(_, name) => ("/nodes/", name, ""),
        Lookup::Task(id) => ("/tasks/", id, ""),
        Lookup::HostPath(path) => return follow(path).await,
        Lookup::Account(name) => return account(name).await,
        Lookup::Repository(name) => {
            let Some(path) = images_of(name) else { return Ok(Found::Nothing) };
            let images = engine.get_within(&path, allowance).await?;
            let names = names_of(name, &images).ok_or_else(|| LookupError::Answer(format!("{lookup:?}")))?;
            return Ok(Found::Repository(names));
        }
        Lookup::VolumeUsers(name) => {
            let used = engine.get_within(&users_of_volume(name), allowance).await?;
            let none = used.as_array().map(Vec::is_empty).ok_or_else(|| LookupError::Answer(format!("{lookup:?}")))?;
            return Ok(if none { Found::Nothing } else { Found::VolumeUsers });
        }
        Lookup::ServiceVolumes => {
            let volumes = service_volumes(engine).await?;
            return Ok(Found::ServiceVolumes(volumes.named()));
        }
    };
    let Some(json) = inspect(engine, allowance, before, name, after).await? else { return Ok(Found::Nothing) };
    whole(engine, allowance, lookup, described(lookup, &json)).await
}

/// What the engine has described, with what its description does not tell; an error when it is none.
async fn whole(
    engine: &Engine,
    allowance: &Allowance,
    lookup: &Lookup,
    found: Option<Found>,
) -> Result<Found, LookupError> {
    let mut found = found.ok_or_else(|| LookupError::Answer(format!("{lookup:?}")))?;
    if let Found::Container(container) = &mut found {
        container.service_owner = service_owner(engine, allowance, container).await?;
    }
    Ok(found)
}

/// Whose a container is by its service. `None` where it is no task of one, or the engine does not know the task, as on workers, or before
/// a task has told of its start, and once its service is gone: any image may say that its containers are tasks.
async fn service_owner(
    engine: &Engine,
    allowance: &Allowance,
    container: &ContainerView,
) -> Result<Option<String>, LookupError> {
    let Some(id) = container.task() else { return Ok(None) };
    let task = inspect(engine, allowance, "/tasks/", id, "").await?;
    let task = task.as_ref().and_then(TaskView::from_inspect);
    let Some(task) = task.filter(|task| task.container == container.id && !task.service.is_empty()) else {
        return Ok(None);
    };
    let service = inspect(engine, allowance, "/services/", &task.service, "").await?;
    Ok(service.as_ref().and_then(ObjectView::from_inspect).map(|service| service.owner()))
}

/// What the engine's description says; `None` when it is none.
fn described(lookup: &Lookup, json: &Value) -> Option<Found> {
    match lookup {
        Lookup::Container(_) => ContainerView::from_inspect(json).map(Found::Container),
        Lookup::Image(_) => ImageView::from_inspect(json).map(Found::Image),
        Lookup::Volume(_) => VolumeView::from_inspect(json).map(Found::Volume),
        Lookup::Network(_) => NetworkView::from_inspect(json).map(Found::Network),
        Lookup::Exec(_) => ExecView::from_inspect(json).map(Found::Exec),
        Lookup::Object(..) => ObjectView::from_inspect(json).map(Found::Object),
        Lookup::Task(_) => TaskView::from_inspect(json).map(Found::Task),
        Lookup::HostPath(_)
        | Lookup::Account(_)
        | Lookup::Repository(_)
        | Lookup::VolumeUsers(_)
        | Lookup::ServiceVolumes => None,
    }
}

async fn follow(path: &str) -> Result<Found, LookupError> {
    let wanted = path.to_owned();
    let resolved = of_host(move || resolve_host_path(&wanted)).await;
    let resolved = resolved.ok_or_else(|| LookupError::HostPath(path.to_owned()))?;
    Ok(resolved.map_or(Found::Nothing, Found::HostPath))
}

/// The account of this host that has the name.
async fn account(name: &str) -> Result<Found, LookupError> {
    let wanted = name.to_owned();
    let found = of_host(move || account_called(&wanted)).await.and_then(Result::ok);
    let found = found.ok_or_else(|| LookupError::Account(name.to_owned()))?;
    Ok(found.map_or(Found::Nothing, Found::Account))
}

/// What the host says, which may wait for disks and networks; `None` when it says nothing in time.
async fn of_host<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    timeout(HOST_PATH_TIMEOUT, spawn_blocking(ask)).await.ok()?.ok()
}

fn account_called(name: &str) -> nix::Result<Option<AccountView>> {
    let (Some(user), Ok(called)) = (User::from_name(name)?, CString::new(name)) else { return Ok(None) };
    let groups = getgrouplist(&called, user.gid)?.into_iter().map(Gid::as_raw).collect();
    Ok(Some(AccountView { uid: user.uid.as_raw(), groups }))
}

/// The engine's description of one thing; `None` when there is no such thing.
async fn inspect(
    engine: &Engine,
    allowance: &Allowance,
    before: &str,
    name: &str,
    after: &str,
) -> Result<Option<Value>, LookupError> {
    let dots = name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if dots {
        // The engine's router would clean such a path into another one.
        return Err(LookupError::Reference(format!("{name:?} is not a name of anything: it has an empty or dot part")));
    }
    match engine.get_within(&format!("{before}{}{after}", escape(name)), allowance).await {
        Ok(json) => Ok(Some(json)),
        Err(EngineError::Status { status: 404, .. }) => Ok(None),
        // The beginning of several ids names none of them. That there are some must not be told: they may be others'.
        Err(EngineError::Status { message, .. })
            if message.contains("ultiple IDs found")
                || message.contains("is ambiguous") && message.contains("matches found") =>
        {
            Ok(None)
        }
        Err(EngineError::Status { status: 400, message, .. }) => Err(LookupError::Reference(message)),
        // Something of a swarm looked up on a host that is in none, or no manager of it.
        Err(EngineError::Status { status: 503, message, .. }) if message.contains("swarm") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The volumes that services mount. There are none where the engine manages no swarm; one that cannot say so now is asked in vain.
async fn service_volumes(engine: &Engine) -> Result<ServiceVolumes, EngineError> {
    let mut volumes = ServiceVolumes::default();
    let _turn = engine.turn_to_list().await?;
    let asked = async {
        engine.list("/services", Action::ServiceList, |service| volumes.service(service)).await?;
        engine.list("/tasks", Action::TaskList, |task| volumes.task(task)).await
    };
    match asked.await {
        Err(EngineError::Status { status: 404, .. }) => Ok(volumes),
        Err(EngineError::Status { status: 503, message, .. })
            if ["not a swarm manager", "not part of a swarm"].iter().any(|none| message.contains(none)) =>
        {
            Ok(volumes)
        }
        asked => asked.map(|()| volumes),
    }
}

fn users_of_volume(name: &str) -> String {
    let filters = serde_json::json!({ "volume": [name] }).to_string();
    format!("/containers/json?all=1&filters={}", escape(&filters))
}

/// Percent-encodes everything that is not plainly part of a name.
fn escape(name: &str) -> String {
    name.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

fn insert(view: &mut View, owners: &ImageOwners, lookup: &Lookup, found: Found) {
    match (lookup, found) {
        (Lookup::Container(key), Found::Container(it)) => drop(view.containers.insert(key.clone(), it)),
        (Lookup::Image(key), Found::Image(it)) => {
            let owner = owners.of(&it.id);
            view.images.insert(key.clone(), ImageView { owner, ..it });
        }
        (Lookup::Volume(key), Found::Volume(it)) => drop(view.volumes.insert(key.clone(), it)),
        (Lookup::Network(key), Found::Network(it)) => drop(view.networks.insert(key.clone(), it)),
        (Lookup::Exec(key), Found::Exec(it)) => drop(view.execs.insert(key.clone(), it)),
        (Lookup::Object(kind, key), Found::Object(it)) => drop(view.objects.insert((*kind, key.clone()), it)),
        (Lookup::Task(key), Found::Task(it)) => drop(view.tasks.insert(key.clone(), it)),
        (Lookup::Repository(key), Found::Repository(it)) => drop(view.repositories.insert(key.clone(), it)),
        (Lookup::VolumeUsers(key), Found::VolumeUsers) => drop(view.used_volumes.insert(key.clone())),
        (Lookup::ServiceVolumes, Found::ServiceVolumes(it)) => view.service_volumes = it,
        (Lookup::Account(key), Found::Account(it)) => drop(view.accounts.insert(key.clone(), it)),
        (Lookup::HostPath(key), Found::HostPath(it)) => drop(view.host_paths.insert(key.clone(), it)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        assert_eq!(escape("reg.io:5000/a/b@sha256:0f"), "reg.io:5000/a/b@sha256:0f");
        assert_eq!(escape("a?b#c d%2e\r\n"), "a%3Fb%23c%20d%252e%0D%0A");
    }
}
