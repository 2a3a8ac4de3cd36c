//! The route table: every route that an Engine registers, documented or not, and its one action.

use crate::version::ApiVersion;
use BodyKind::{Json, None, Stream as Streamed};
use ResponseKind::{Hijack, Plain, Stream};
use wharden_model::Action::{self, *};

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// The Engine reads none.
    None,
    /// A JSON document, read whole.
    Json,
    /// Passed on as it comes.
    Stream,
}

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// Short.
    Plain,
    /// May last or be large: pass it on as it comes.
    Stream,
    /// The Engine may take the connection over (101, or 200 with a raw stream); a tunnel opens only after it did.
    Hijack,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// HTTP method; `*` is any.
    pub method: &'static str,
    /// The pattern that the Engine registers, without the version: `{name}` is one part of the path, `{name:.+}` one
    /// or more, `{name:.*}` any number.
    pub pattern: &'static str,
    /// What it means for policies.
    pub action: Action,
    /// Its body.
    pub body: BodyKind,
    /// Its answer.
    pub response: ResponseKind,
    /// The first API version that has it.
    pub min_api: ApiVersion,
}

const fn row(
    method: &'static str,
    pattern: &'static str,
    action: Action,
    body: BodyKind,
    response: ResponseKind,
    minor: u32,
) -> Endpoint {
    Endpoint { method, pattern, action, body, response, min_api: ApiVersion { major: 1, minor } }
}

/// Whatever no route matches. Its body is never looked into, and it never becomes a tunnel.
pub static UNKNOWN: Endpoint = row("*", "/{anything:.*}", Unknown, Streamed, Stream, 24);

/// Every route, in the order in which the Engine tries them. The debug routes take any method in engines up to 26.
#[rustfmt::skip]
pub static ENDPOINTS: &[Endpoint] = &[
    row("GET", "/containers/{name:.*}/checkpoints", ContainerCheckpointList, None, Plain, 24),
    row("POST", "/containers/{name:.*}/checkpoints", ContainerCheckpointCreate, Json, Plain, 24),
    row("DELETE", "/containers/{name}/checkpoints/{checkpoint}", ContainerCheckpointDelete, None, Plain, 24),
    row("GET", "/containers/json", ContainerList, None, Plain, 24),
    row("POST", "/containers/create", ContainerCreate, Json, Plain, 24),
    row("GET", "/containers/{name:.*}/json", ContainerInspect, None, Plain, 24),
    row("GET", "/containers/{name:.*}/top", ContainerTop, None, Plain, 24),
    row("GET", "/containers/{name:.*}/logs", ContainerLogs, None, Stream, 24),
    row("GET", "/containers/{name:.*}/changes", ContainerChanges, None, Plain, 24),
    row("GET", "/containers/{name:.*}/export", ContainerExport, None, Stream, 24),
    row("GET", "/containers/{name:.*}/stats", ContainerStats, None, Stream, 24),
    row("POST", "/containers/{name:.*}/resize", ContainerResize, None, Plain, 24),
    row("POST", "/containers/{name:.*}/start", ContainerStart, None, Plain, 24),
    row("POST", "/containers/{name:.*}/stop", ContainerStop, None, Plain, 24),
    row("POST", "/containers/{name:.*}/restart", ContainerRestart, None, Plain, 24),
    row("POST", "/containers/{name:.*}/kill", ContainerKill, None, Plain, 24),
    row("POST", "/containers/{name:.*}/update", ContainerUpdate, Json, Plain, 24),
    row("POST", "/containers/{name:.*}/rename", ContainerRename, None, Plain, 24),
    row("POST", "/containers/{name:.*}/pause", ContainerPause, None, Plain, 24),
    row("POST", "/containers/{name:.*}/unpause", ContainerUnpause, None, Plain, 24),
    row("POST", "/containers/{name:.*}/attach", ContainerAttach, None, Hijack, 24),
    row("GET", "/containers/{name:.*}/attach/ws", ContainerAttach, None, Hijack, 24),
    row("POST", "/containers/{name:.*}/wait", ContainerWait, None, Stream, 24),
    row("DELETE", "/containers/{name:.*}", ContainerDelete, None, Plain, 24),
    row("GET", "/containers/{name:.*}/archive", ContainerArchiveRead, None, Stream, 24),
    row("HEAD", "/containers/{name:.*}/archive", ContainerArchiveStat, None, Plain, 24),
    row("PUT", "/containers/{name:.*}/archive", ContainerArchiveWrite, Streamed, Plain, 24),
    row("POST", "/containers/prune", ContainerPrune, None, Plain, 25),
    row("GET", "/images/json", ImageList, None, Plain, 24),
    row("POST", "/build", ImageBuild, Streamed, Stream, 24),
    row("POST", "/build/prune", BuildPrune, None, Plain, 31),
    row("POST", "/images/create", ImagePull, Streamed, Stream, 24),
    row("GET", "/images/{name:.*}/json", ImageInspect, None, Plain, 24),
    row("GET", "/images/{name:.*}/attestations", ImageAttestations, None, Plain, 55),
    row("GET", "/images/{name:.*}/history", ImageHistory, None, Plain, 24),
    row("POST", "/images/{name:.*}/push", ImagePush, Json, Stream, 24),
    row("POST", "/images/{name:.*}/tag", ImageTag, None, Plain, 24),
    row("DELETE", "/images/{name:.*}", ImageDelete, None, Plain, 24),
    row("GET", "/images/search", ImageSearch, None, Plain, 24),
    row("POST", "/images/prune", ImagePrune, None, Plain, 25),
    row("POST", "/auth", SystemAuth, Json, Plain, 24),
    row("GET", "/info", SystemInfo, None, Plain, 24),
    row("GET", "/version", SystemVersion, None, Plain, 24),
    row("GET", "/_ping", SystemPing, None, Plain, 24),
    row("HEAD", "/_ping", SystemPing, None, Plain, 24),
    row("POST", "/commit", ContainerCommit, Json, Plain, 24),
    row("GET", "/events", SystemEvents, None, Stream, 24),
    row("GET", "/system/df", SystemDf, None, Plain, 24),
    row("GET", "/images/{name:.*}/get", ImageExport, None, Stream, 24),
    row("GET", "/images/get", ImageExport, None, Stream, 24),
    row("POST", "/images/load", ImageLoad, Streamed, Stream, 24),
    row("POST", "/containers/{name:.*}/exec", ContainerExec, Json, Plain, 24),
    row("POST", "/exec/{name:.*}/start", ExecStart, Json, Hijack, 24),
    row("POST", "/exec/{name:.*}/resize", ExecResize, None, Plain, 24),
    row("GET", "/exec/{id:.*}/json", ExecInspect, None, Plain, 24),
    row("GET", "/volumes", VolumeList, None, Plain, 24),
    row("POST", "/volumes/create", VolumeCreate, Json, Plain, 24),
    row("GET", "/volumes/{name:.*}", VolumeInspect, None, Plain, 24),
    row("PUT", "/volumes/{name:.*}", VolumeUpdate, Json, Plain, 42),
    row("DELETE", "/volumes/{name:.*}", VolumeDelete, None, Plain, 24),
    row("POST", "/volumes/prune", VolumePrune, None, Plain, 25),
    row("GET", "/networks", NetworkList, None, Plain, 24),
    row("GET", "/networks/{id:.+}", NetworkInspect, None, Plain, 24),
    row("DELETE", "/networks/{id:.*}", NetworkDelete, None, Plain, 24),
    row("POST", "/networks/create", NetworkCreate, Json, Plain, 24),
    row("POST", "/networks/{id:.*}/connect", NetworkConnect, Json, Plain, 24),
    row("POST", "/networks/{id:.*}/disconnect", NetworkDisconnect, Json, Plain, 24),
    row("POST", "/networks/prune", NetworkPrune, None, Plain, 25),
    row("GET", "/plugins", PluginList, None, Plain, 24),
    row("GET", "/plugins/privileges", PluginPrivileges, None, Plain, 24),
    row("POST", "/plugins/pull", PluginPull, Json, Stream, 24),
    row("GET", "/plugins/{name:.*}/json", PluginInspect, None, Plain, 24),
    row("DELETE", "/plugins/{name:.*}", PluginDelete, None, Plain, 24),
    row("POST", "/plugins/{name:.*}/enable", PluginEnable, None, Plain, 24),
    row("POST", "/plugins/{name:.*}/disable", PluginDisable, None, Plain, 24),
    row("POST", "/plugins/{name:.*}/upgrade", PluginUpgrade, Json, Stream, 26),
    row("POST", "/plugins/create", PluginCreate, Streamed, Plain, 24),
    row("POST", "/plugins/{name:.*}/push", PluginPush, None, Stream, 24),
    row("POST", "/plugins/{name:.*}/set", PluginSet, Json, Plain, 24),
    row("GET", "/nodes", NodeList, None, Plain, 24),
    row("GET", "/nodes/{id}", NodeInspect, None, Plain, 24),
    row("DELETE", "/nodes/{id}", NodeDelete, None, Plain, 24),
    row("POST", "/nodes/{id}/update", NodeUpdate, Json, Plain, 24),
    row("GET", "/swarm", SwarmInspect, None, Plain, 24),
    row("POST", "/swarm/init", SwarmInit, Json, Plain, 24),
    row("POST", "/swarm/join", SwarmJoin, Json, Plain, 24),
    row("POST", "/swarm/leave", SwarmLeave, None, Plain, 24),
    row("POST", "/swarm/update", SwarmUpdate, Json, Plain, 24),
    row("GET", "/swarm/unlockkey", SwarmUnlockkey, None, Plain, 24),
    row("POST", "/swarm/unlock", SwarmUnlock, Json, Plain, 24),
    row("GET", "/services", ServiceList, None, Plain, 24),
    row("POST", "/services/create", ServiceCreate, Json, Plain, 24),
    row("GET", "/services/{id}", ServiceInspect, None, Plain, 24),
    row("DELETE", "/services/{id}", ServiceDelete, None, Plain, 24),
    row("POST", "/services/{id}/update", ServiceUpdate, Json, Plain, 24),
    row("GET", "/services/{id}/logs", ServiceLogs, None, Stream, 24),
    row("GET", "/tasks", TaskList, None, Plain, 24),
    row("GET", "/tasks/{id}", TaskInspect, None, Plain, 24),
    row("GET", "/tasks/{id}/logs", TaskLogs, None, Stream, 24),
    row("GET", "/secrets", SecretList, None, Plain, 25),
    row("POST", "/secrets/create", SecretCreate, Json, Plain, 25),
    row("GET", "/secrets/{id}", SecretInspect, None, Plain, 25),
    row("DELETE", "/secrets/{id}", SecretDelete, None, Plain, 25),
    row("POST", "/secrets/{id}/update", SecretUpdate, Json, Plain, 25),
    row("GET", "/configs", ConfigList, None, Plain, 30),
    row("POST", "/configs/create", ConfigCreate, Json, Plain, 30),
    row("GET", "/configs/{id}", ConfigInspect, None, Plain, 30),
    row("DELETE", "/configs/{id}", ConfigDelete, None, Plain, 30),
    row("POST", "/configs/{id}/update", ConfigUpdate, Json, Plain, 30),
    row("GET", "/distribution/{name:.*}/json", DistributionInspect, None, Plain, 30),
    row("POST", "/session", BuildSession, None, Hijack, 24),
    row("POST", "/build/cancel", BuildCancel, None, Plain, 24),
    row("*", "/debug/vars", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/cmdline", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/profile", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/symbol", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/trace", SystemDebug, None, Stream, 24),
    row("*", "/debug/pprof/{name}", SystemDebug, None, Stream, 24),
    row("POST", "/grpc", BuildGrpc, None, Hijack, 24),
    row("GET", "/networks/", NetworkList, None, Plain, 24),
    row("OPTIONS", "/{anyroute:.*}", SystemOptions, None, Plain, 24),
];
