//! Three etcd members as processes, with their defaults: every write is fsynced by a quorum before it is answered.

use prost::Message;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};
use tonic::{
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use wharden_harness::{eventually, limits::SETTLE, ports::free_port};

/// `etcdserverpb.PutRequest`, the fields that matter here.
#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.PutResponse`, of which nothing matters.
#[derive(Clone, PartialEq, Message)]
struct PutResponse {}

/// The members; they end with this.
pub struct Etcd {
    members: Vec<Child>,
    urls: Vec<String>,
}

impl Etcd {
    /// Starts three in folders of their own under `dir` and waits until a write works.
    pub async fn start(dir: &Path) -> Self {
        let ports: Vec<(u16, u16)> = (0..3).map(|_| (free_port(), free_port())).collect();
        let cluster: Vec<String> =
            ports.iter().enumerate().map(|(n, (_, peer))| format!("m{n}=http://127.0.0.1:{peer}")).collect();
        let cluster = cluster.join(",");
        let mut members = Vec::new();
        for (n, (client, peer)) in ports.iter().enumerate() {
            let log = fs::File::create(dir.join(format!("etcd-{n}.log"))).expect("a log");
            let member = Command::new("etcd")
                .args(["--name", &format!("m{n}"), "--initial-cluster", &cluster, "--initial-cluster-state", "new"])
                .arg("--data-dir")
                .arg(dir.join(format!("etcd-{n}")))
                .args(["--listen-client-urls", &format!("http://127.0.0.1:{client}")])
                .args(["--advertise-client-urls", &format!("http://127.0.0.1:{client}")])
                .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")])
                .args(["--initial-advertise-peer-urls", &format!("http://127.0.0.1:{peer}")])
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("etcd starts");
            members.push(member);
        }
        let etcd =
            Self { members, urls: ports.iter().map(|(client, _)| format!("http://127.0.0.1:{client}")).collect() };
        let runtime = tokio::runtime::Handle::current();
        for n in 0..etcd.urls.len() {
            let channel = etcd.channel(n);
            tokio::task::block_in_place(|| {
                eventually("a write to etcd", SETTLE, || runtime.block_on(put(&channel, b"ready", b"")).ok());
            });
        }
        etcd
    }

    /// A connection of its own to a member.
    pub fn channel(&self, member: usize) -> Channel {
        Endpoint::from_shared(self.urls[member % self.urls.len()].clone()).expect("a URL").connect_lazy()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Writes one key.
pub async fn put(channel: &Channel, key: &[u8], value: &[u8]) -> Result<(), tonic::Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let request = tonic::Request::new(PutRequest { key: key.to_vec(), value: value.to_vec() });
    let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
    let codec = tonic_prost::ProstCodec::<PutRequest, PutResponse>::default();
    client.unary(request, path, codec).await.map(drop)
}
