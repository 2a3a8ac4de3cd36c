//! A host with a few things on it, and the way of a request through this crate.

use std::collections::BTreeMap;
use wharden_docker::{
    ApiVersion, Asker, Canonical, ContainerView, ExecView, ForwardBody, Framing, HostPathView, ImageView, Judged,
    MountView, NetworkView, ObjectView, Refusal, View, VolumeView, begin, parse_head,
};
use wharden_model::{FactValue, HostId, ResourceKind};

pub const ENGINE: ApiVersion = ApiVersion { major: 1, minor: 41 };
pub const VICTIM: &str = "a112b437be4d01738ac295b88da29628293dac7df47c5eab2bbac211d7c83214";
pub const EXEC: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const NETWORK: &str = "5c2a51e0d9a0c2a5b0f6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8";
pub const IMAGE: &str = "sha256:b4255de1a1038b9e11d5bd49120551309bc3100d0ff1686ae72ca568e3f9b37d";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// What the host has, under every name that the tests use.
pub fn view() -> View {
    let mut view = View::default();
    let victim = ContainerView {
        id: VICTIM.into(),
        name: "victim".into(),
        image: "base".into(),
        image_id: IMAGE.into(),
        labels: map(&[("tenant", "b"), ("io.wharden.owner", "bob"), ("io.wharden.image", IMAGE)]),
        user: "1000".into(),
        privileged: true,
        mounts: vec![
            MountView {
                kind: "bind".into(),
                source: "/etc".into(),
                destination: "/host/etc".into(),
                writable: true,
                ..MountView::default()
            },
            MountView {
                kind: "volume".into(),
                name: "sneaky".into(),
                destination: "/v".into(),
                ..MountView::default()
            },
        ],
        networks: vec!["bridge".into()],
        ..ContainerView::default()
    };
    for name in ["victim", "build", VICTIM, &VICTIM[..12]] {
        view.containers.insert(name.into(), victim.clone());
    }
    let base = ImageView {
        id: IMAGE.into(),
        tags: vec!["base:latest".into()],
        user: String::new(),
        labels: map(&[("from", "image")]),
        ..ImageView::default()
    };
    for name in ["base", "base:latest", "docker.io/library/base", "registry.corp.example/ok", IMAGE, "b4255de1"] {
        view.images.insert(name.into(), base.clone());
    }
    view.repositories.insert("base".into(), vec!["base:latest".into()]);
    let rootless =
        ImageView { id: "sha256:1".into(), tags: vec!["rootless:1".into()], user: "1000:1000".into(), ..base };
    view.images.insert("rootless:1".into(), rootless);
    view.volumes.insert(
        "sneaky".into(),
        VolumeView {
            name: "sneaky".into(),
            driver: "local".into(),
            options: map(&[("type", "none"), ("o", "bind"), ("device", "/root")]),
            labels: map(&[("io.wharden.owner", "bob")]),
            ..VolumeView::default()
        },
    );
    view.volumes.insert(
        "csi".into(),
        VolumeView { name: "sneaky".into(), driver: "csi".into(), swarm_id: "vol1".into(), ..VolumeView::default() },
    );
    for name in ["front", NETWORK, &NETWORK[..12], "host"] {
        let real = if name == "host" { "host" } else { "front" };
        view.networks.insert(
            name.into(),
            NetworkView { id: NETWORK.into(), name: real.into(), driver: "bridge".into(), ..NetworkView::default() },
        );
    }
    let exec = ExecView {
        id: EXEC.into(),
        container: VICTIM.into(),
        privileged: true,
        user: "0".into(),
        tty: true,
        command: vec!["sh".into()],
    };
    view.execs.insert(EXEC.into(), exec);
    for (kind, name) in [
        (ResourceKind::Service, "s"),
        (ResourceKind::Secret, "s"),
        (ResourceKind::Config, "c"),
        (ResourceKind::Node, "n"),
        (ResourceKind::Plugin, "p"),
    ] {
        let labels = map(&[("io.wharden.owner", "bob")]);
        let object = ObjectView { id: format!("{}id", kind.name().to_lowercase()), name: "real".into(), labels };
        if kind == ResourceKind::Plugin {
            view.objects.insert((kind, object.name.clone()), object.clone());
        }
        view.objects.insert((kind, object.id.clone()), object.clone());
        view.objects.insert((kind, name.to_owned()), object);
    }
    view.host_paths.insert("/srv/link".into(), HostPathView { real: "/etc".into(), ..HostPathView::default() });
    view
}

/// The canonical form of the first request in `bytes`, and what follows it.
pub fn canonical(bytes: &[u8]) -> Result<(Canonical, Vec<u8>), Refusal> {
    canonical_for(bytes, ENGINE)
}

/// The same before an engine of another version.
pub fn canonical_for(bytes: &[u8], engine: ApiVersion) -> Result<(Canonical, Vec<u8>), Refusal> {
    let (head, length) = parse_head(bytes)?.ok_or_else(|| Refusal::bad("incomplete"))?;
    let request = begin(&head, engine)?;
    let rest = &bytes[length..];
    let (body, after) = match request.framing() {
        Framing::None => (Vec::new(), rest.to_vec()),
        Framing::Length(n) => {
            let n = usize::try_from(n).unwrap();
            (rest[..n].to_vec(), rest[n..].to_vec())
        }
        Framing::Chunked => dechunk(rest),
    };
    let buffered = request.buffers_body().map(|_| body.as_slice());
    Ok((request.finish(buffered)?, after))
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
        if size == 0 {
            return (body, rest.to_vec());
        }
    }
}

pub fn judge_with(bytes: &[u8], view: &View) -> Result<Judged, Refusal> {
    judge_as(&canonical(bytes)?.0, view)
}

pub fn judge_as(canonical: &Canonical, view: &View) -> Result<Judged, Refusal> {
    let host_id = HostId::new("h-0123456789abcdef").unwrap();
    let sockets = ["/srv/wharden/engine.sock".to_owned()];
    canonical.judge(view, &Asker { owner: "alice", host_id: &host_id, private: &sockets })
}

pub fn judge(bytes: &[u8]) -> Result<Judged, Refusal> {
    judge_with(bytes, &view())
}

/// A request with a JSON body.
pub fn request(method: &str, target: &str, body: &str) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: docker\r\n");
    if !body.is_empty() {
        out.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    out.push_str(body);
    out.into_bytes()
}

/// What is sent to the engine, whole.
pub fn forwarded(judged: &Judged) -> Vec<u8> {
    let mut out = judged.head.clone();
    if let ForwardBody::Bytes(bytes) = &judged.body {
        out.extend_from_slice(bytes);
    }
    out
}

pub fn fact<'a>(judged: &'a Judged, name: &str) -> &'a FactValue {
    judged.facts.get(name).unwrap_or_else(|| panic!("{name} is a fact of {}", judged.action))
}

/// Whether a fact is true, not 0, not empty; or holds a text.
pub fn shows(judged: &Judged, name: &str, wanted: &str) -> bool {
    match fact(judged, name) {
        FactValue::Bool(b) => b.to_string() == wanted,
        FactValue::Long(n) => n.to_string() == wanted,
        FactValue::String(s) => s == wanted,
        FactValue::Set(set) => set.contains(wanted),
        FactValue::LongSet(set) => set.iter().any(|n| n.to_string() == wanted),
    }
}
