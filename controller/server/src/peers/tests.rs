//! Two ends over real TLS: who is let in, who is believed, and what a removed one hears.

use super::*;
use futures::future::BoxFuture;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;
use wharden_model::{ClusterId, Timestamp};
use wharden_pki::{Ca, KeyPair};
use wharden_proto::v1::{JoinRequest, JoinResponse, PeerFrame, peer_client::PeerClient};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    shutdown::Shutdown,
    tls::{self, ClientAuth, HTTP2, TlsListener},
};
use wharden_state::State;

const LIMIT: Duration = Duration::from_secs(20);

fn ca(cluster: u8) -> Ca {
    let id = ClusterId::new(format!("c-{cluster:016x}")).expect("id");
    Ca::generate(&id, Timestamp(SystemClock.now())).expect("CA")
}

fn identity(ca: &Ca, number: u64) -> PeerIdentity {
    let key = KeyPair::generate().expect("key");
    let csr = key.csr_der().expect("request");
    let now = Timestamp(SystemClock.now());
    let issued = ca.issue_controller(&csr, &["127.0.0.1".to_owned()], number, now).expect("issued");
    PeerIdentity::of(vec![issued.der, ca.cert_der().to_vec()], &key).expect("identity")
}

/// Says who asked.
struct Echo;

impl Inbound for Echo {
    fn receive(&self, from: u64, _request: Request) -> BoxFuture<'_, Reply> {
        Box::pin(async move { Reply::Failed(format!("you are {from}")) })
    }
}

struct Closed;

impl Door for Closed {
    fn join(&self, _request: JoinRequest) -> BoxFuture<'_, Result<JoinResponse, JoinRefusal>> {
        Box::pin(async { Err(JoinRefusal::No("nobody joins".to_owned())) })
    }
}

/// Controller 1 on a port of its own.
struct One {
    address: SocketAddr,
    serial: String,
    _state: watch::Sender<Arc<State>>,
    shutdown: Shutdown,
}

fn start(ca: &Ca, state: State) -> One {
    tls::install_provider();
    let own = identity(ca, 1);
    let (sender, state) = watch::channel(Arc::new(state));
    let server = Server {
        roster: Roster::new(1, state, Vec::new()),
        cluster: own.cluster.clone(),
        inbound: Arc::new(Echo),
        refused: prometheus_client::metrics::counter::Counter::default(),
        door: Arc::new(Closed),
    };
    let tcp = tls::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("port");
    let address = tcp.local_addr().expect("address");
    let config = tls::server_config(&own.tls(), &ClientAuth::Optional(vec![own.ca()]), &[HTTP2]).expect("TLS");
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    drop(shutdown.spawn("peers", async move { server.serve(TlsListener::new(tcp, config), &stop).await }));
    One { address, serial: own.serial, _state: sender, shutdown }
}

impl One {
    /// A caller who believes that controller `number` is here, with this certificate.
    fn client(&self, who: &PeerIdentity, number: u64, serial: &str) -> Client {
        let known = Known { number, peer: self.address.to_string(), serial: serial.to_owned() };
        let (sender, state) = watch::channel(Arc::new(State::default()));
        let client = Client::new(Roster::new(who.number, state, vec![known]));
        client.identify(who).expect("identity");
        // The roster goes on with the last state.
        drop(sender);
        client
    }
}

#[tokio::test]
async fn both_ends_know_who_the_other_is() {
    let ca = ca(1);
    let one = start(&ca, State::default());
    let two = identity(&ca, 2);
    let reply = one.client(&two, 1, &one.serial).call(1, Request::Status, LIMIT).await;
    assert!(matches!(&reply, Ok(Reply::Failed(said)) if said == "you are 2"), "{reply:?}");
    one.shutdown.finish(LIMIT).await.expect("ends");
}

#[tokio::test]
async fn whoever_is_not_the_one_that_was_called_is_not_told_anything() {
    let ours = ca(1);
    let one = start(&ours, State::default());
    let two = identity(&ours, 2);
    let unreachable = |reply: Result<Reply, CallError>, word: &str| {
        let Err(CallError::Unreachable { why, .. }) = &reply else { panic!("{reply:?}") };
        assert!(why.contains(word), "{why}");
    };
    // Controller 1 answers where 3 should be; then 1 with another certificate than the known one.
    unreachable(one.client(&two, 3, &one.serial).call(3, Request::Status, LIMIT).await, "certificate");
    unreachable(one.client(&two, 1, "00").call(1, Request::Status, LIMIT).await, "is not the one");
    // One of another cluster trusts another CA.
    let foreign = identity(&ca(2), 2);
    unreachable(one.client(&foreign, 1, &one.serial).call(1, Request::Status, LIMIT).await, "certificate");
    one.shutdown.finish(LIMIT).await.expect("ends");
}

#[tokio::test]
async fn a_caller_without_a_good_certificate_is_refused() {
    let ours = ca(1);
    let one = start(&ours, State::default());
    // It trusts our CA, and shows a certificate of another one, or none.
    let foreign = identity(&ca(2), 2);
    for shown in [Some(&foreign), None] {
        let shown = shown.map(PeerIdentity::tls);
        let config = tls::client_config(&[ours.cert_der().to_vec()], shown.as_ref(), &[HTTP2]).expect("TLS");
        let name = wharden_pki::controller_name(ours.cluster_id(), 1);
        let connector = tls::Connector::new(config);
        let stream = connector.connect_as(&name, "127.0.0.1", one.address.port()).await.expect("our side is done");
        let mut once = Some(hyper_util::rt::TokioIo::new(stream));
        let give = tower::service_fn(move |_: tonic::transport::Uri| {
            std::future::ready(once.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
        });
        let endpoint = tonic::transport::Endpoint::from_static("http://controller");
        // With TLS 1.3 the caller learns of it at its first read.
        if let Ok(channel) = endpoint.connect_with_connector(give).await {
            let frame = Request::Status.into_frame().expect("frame");
            PeerClient::new(channel).call(frame).await.expect_err("refused");
        }
    }
    one.shutdown.finish(LIMIT).await.expect("ends");
}

#[tokio::test]
async fn a_removed_controller_hears_that_it_was() {
    let ca = ca(1);
    let mut state = State::default();
    state.controllers.last_number = 2;
    let one = start(&ca, state);
    let client = one.client(&identity(&ca, 2), 1, &one.serial);
    let reply = client.call(1, Request::Status, LIMIT).await;
    assert_eq!(reply.err(), Some(CallError::Removed { number: 2 }));
    client.removed().await;
    // One with a higher number than any that is known came later, and is let in.
    let later = one.client(&identity(&ca, 3), 1, &one.serial).call(1, Request::Status, LIMIT).await;
    assert!(matches!(&later, Ok(Reply::Failed(said)) if said == "you are 3"), "{later:?}");
    one.shutdown.finish(LIMIT).await.expect("ends");
}

#[tokio::test]
async fn another_version_is_refused_with_both_named() {
    let ca = ca(1);
    let one = start(&ca, State::default());
    let two = identity(&ca, 2);
    let config = tls::client_config(&[two.ca()], Some(&two.tls()), &[HTTP2]).expect("TLS");
    let name = wharden_pki::controller_name(ca.cluster_id(), 1);
    let connector = tls::Connector::new(config);
    let stream = connector.connect_as(&name, "127.0.0.1", one.address.port()).await.expect("connected");
    let mut once = Some(hyper_util::rt::TokioIo::new(stream));
    let give = tower::service_fn(move |_: tonic::transport::Uri| {
        std::future::ready(once.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://controller");
    let channel = endpoint.connect_with_connector(give).await.expect("HTTP/2");
    let frame = PeerFrame { version: 7, ..Request::Status.into_frame().expect("frame") };
    let status = PeerClient::new(channel).call(frame).await.expect_err("refused");
    assert!(status.message().contains("version 7") && status.message().contains("version 1"), "{status}");
    one.shutdown.finish(LIMIT).await.expect("ends");
}

/// Frozen: controllers of two versions talk to each other during an upgrade.
#[test]
fn the_form_of_questions_is_frozen() {
    let at = openraft::LogId::new(openraft::CommittedLeaderId::new(3, 1), 7);
    let vote = openraft::Vote::new_committed(3, 1);
    let append = openraft::raft::AppendEntriesRequest {
        vote,
        prev_log_id: Some(at),
        entries: Vec::new(),
        leader_commit: Some(at),
    };
    let candidate = openraft::raft::VoteRequest { vote: openraft::Vote::new(4, 2), last_log_id: Some(at) };
    let questions = [
        Request::Raft(crate::raft::Call::Append(append)),
        Request::Raft(crate::raft::Call::Vote(candidate)),
        Request::Propose(Vec::new()),
        Request::ReadIndex,
        Request::Status,
        Request::Hosts { after: None },
        Request::Events(wharden_model::EventQuery::default()),
    ];
    insta::assert_json_snapshot!("questions", questions);
    let answers = [
        Reply::Proposed { index: 9, replies: vec![Ok(wharden_state::Applied::Done)] },
        Reply::NotLeader { leader: Some(2) },
        Reply::ReadIndex { index: Some(9) },
        Reply::Failed("why".into()),
        Reply::Removed,
    ];
    insta::assert_json_snapshot!("answers", answers);
}

#[tokio::test]
async fn who_can_do_less_than_the_cluster_uses_is_refused_and_told_so_on_both_sides() {
    let ca = ca(1);
    let mut newer = State::default();
    newer.level = wharden_state::LEVEL + 1;
    let one = start(&ca, newer.clone());
    let two = identity(&ca, 2);
    // This program is the old one, seen from a cluster that uses more.
    let refused = one.client(&two, 1, &one.serial).call(1, Request::Status, LIMIT).await;
    let Err(CallError::Refused(why)) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("controller 2 runs a version that is too old"), "{why}");
    one.shutdown.finish(LIMIT).await.expect("ends");
    // And the other way round: who is called can do less.
    let one = start(&ca, State::default());
    let known = Known { number: 1, peer: one.address.to_string(), serial: one.serial.clone() };
    let (_sender, state) = watch::channel(Arc::new(newer));
    let client = Client::new(Roster::new(2, state, vec![known]));
    client.identify(&two).expect("identity");
    let refused = client.call(1, Request::Status, LIMIT).await;
    let Err(CallError::Refused(why)) = &refused else { panic!("{refused:?}") };
    assert!(why.contains("controller 1 runs a version that is too old"), "{why}");
    one.shutdown.finish(LIMIT).await.expect("ends");
}
