use super::{
    cgroup::Residence,
    names::UserNames,
    process::{PeerError, Process, read_proc, same_namespace},
    remote::Unwelcome,
};
use crate::{
    inventory::{Engine, EngineError},
    limits::{WORKLOAD_LABELS_BYTES_MAX, WORKLOAD_LABELS_MAX},
};
use serde_json::Value;
use wharden_docker::{ContainerView, label_bytes};
use wharden_model::Principal;

/// Why a caller is nobody.
#[derive(Debug, thiserror::Error)]
pub enum Unidentified {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("the name of uid {uid} cannot be looked up: {error}")]
    Name { uid: u32, error: String },
    #[error("the caller is in a process namespace of its own, but in no container that this agent can name")]
    Sandbox,
    #[error("the caller's control groups name more than one container")]
    Contradiction,
    #[error("the caller is in container {0}, which this engine does not run")]
    ForeignContainer(String),
    #[error("the caller's control group has the name of container {0}, but is not that container's")]
    Impostor(String),
    #[error(
        "the caller is container {0}, which has more labels than the {WORKLOAD_LABELS_MAX}, or longer ones than the \
         {WORKLOAD_LABELS_BYTES_MAX} bytes, that a caller may have"
    )]
    Labels(String),
    #[error(transparent)]
    Unwelcome(#[from] Unwelcome),
    #[error("the caller's container cannot be looked up: {0}")]
    Engine(#[from] EngineError),
}

/// Tells who is at the other end: a container's processes are that container, whatever their uid; all others are the OS
/// user of their real uid.
///
/// # Errors
/// [`Unidentified`].
pub async fn identify(peer: &Process, engine: &Engine, names: &UserNames) -> Result<Principal, Unidentified> {
    let own = read_proc("/proc/self/cgroup")?;
    let (home, sandboxed) = peer.inspect(|pid| {
        let home = Residence::parse(&read_proc(format!("/proc/{pid}/cgroup"))?, &own);
        // With a user namespace of its own it still has the uid of whoever made it; without one, its uid could be
        // that of another system's user.
        let sandboxed = home.ids().is_empty() && !same_namespace(pid, "pid")? && same_namespace(pid, "user")?;
        Ok((home, sandboxed))
    })?;
    let ids = home.ids();
    let Some(id) = ids.first() else {
        if sandboxed {
            return Err(Unidentified::Sandbox);
        }
        let name = names.of(peer.uid).await.map_err(|error| Unidentified::Name { uid: peer.uid, error })?;
        return Ok(Principal::User { name });
    };
    if ids.len() > 1 {
        return Err(Unidentified::Contradiction);
    }
    let container = match engine.get_within(&format!("/containers/{id}/json"), &engine.allowance()).await {
        Ok(json) => json,
        Err(EngineError::Status { status: 404, .. }) => return Err(Unidentified::ForeignContainer((*id).to_owned())),
        Err(error) => return Err(error.into()),
    };
    // Whoever may make control groups can give one the name of a container: it has to be where the container's first
    // process lives.
    let init = container.pointer("/State/Pid").and_then(Value::as_u64).filter(|pid| *pid > 0);
    let lives = init.and_then(|pid| read_proc(format!("/proc/{pid}/cgroup")).ok());
    if lives.is_none_or(|text| Residence::parse(&text, &own) != home) {
        return Err(Unidentified::Impostor((*id).to_owned()));
    }
    let view = ContainerView::from_inspect(&container)
        .filter(|view| view.id == **id)
        .ok_or_else(|| Unidentified::ForeignContainer((*id).to_owned()))?;
    if view.labels.len() > WORKLOAD_LABELS_MAX || label_bytes(&view.labels) > WORKLOAD_LABELS_BYTES_MAX {
        return Err(Unidentified::Labels(view.name));
    }
    Ok(Principal::Workload { container_id: view.id, name: view.name, image: view.image, labels: view.labels })
}
