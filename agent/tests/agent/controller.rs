//! A controller that enrols, renews and pushes what a test tells it to.

use crate::world::{bundle, cluster_id};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};
use wharden_model::{Bundle, HostId, Posture, Timestamp};
use wharden_pki::{BundleSigner, Ca, bundle_statement, peer_of, token::JoinToken};
use wharden_proto::v1::{
    AgentMessage, BundlePush, ControllerMessage, EnrollRequest, EnrollResponse, EventsAck, HeartbeatAck, Hello,
    NoticeAck, RenewRequest, RenewResponse, Welcome,
    agent_message::Body as Said,
    agent_server::{Agent, AgentServer},
    controller_message::Body,
};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    shutdown::Shutdown,
    tls::{self, ClientAuth, HTTP2, Identity, TlsListener, server_config},
};

pub fn now() -> Timestamp {
    Timestamp(SystemClock.now())
}

/// What an agent said about a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ack(u64),
    Nack(String),
}

pub struct Book {
    pub ca: Ca,
    pub signer: BundleSigner,
    pub token: JoinToken,
    pub posture: Posture,
    /// Life of the certificates that are issued.
    pub lifetime: Mutex<Duration>,
    pub uses_left: Mutex<u32>,
    pub enrolled: Mutex<BTreeMap<String, HostId>>,
    pub renewals: AtomicU64,
    pub revoked: AtomicBool,
    /// Lose the answer of the next enrolment.
    pub lose_answer: AtomicBool,
    /// Say nothing to events.
    pub deaf: AtomicBool,
    pub hellos: Mutex<Vec<Hello>>,
    pub answers: Mutex<Vec<Verdict>>,
    pub events: Mutex<BTreeSet<(String, u64)>>,
    /// Every event that came, repeated ones too, in order.
    pub arrivals: Mutex<Vec<(String, u64)>>,
    pub heartbeats: AtomicU64,
    /// Seconds between heartbeats that the welcome says, and milliseconds that the answers to them say; 0 for no answer, as
    /// from controllers that know of none.
    pub beat: Mutex<(u32, u32)>,
    pub sessions: AtomicU64,
    push: watch::Sender<Option<BundlePush>>,
    kick: watch::Sender<u64>,
}

#[derive(Clone)]
pub struct Controller {
    pub book: Arc<Book>,
    pub address: String,
    shutdown: Shutdown,
}

impl Controller {
    pub async fn start() -> Self {
        let ca = Ca::generate(&cluster_id(), now()).expect("CA");
        Self::with(ca, BundleSigner::generate().expect("key"), 0).await
    }

    /// The same controller again, on the same port.
    pub async fn again(&self) -> Self {
        let ca = Ca::from_parts(self.book.ca.cert_der(), &self.book.ca.key_pkcs8()).expect("CA");
        let signer = BundleSigner::from_pkcs8(self.book.signer.pkcs8()).expect("key");
        let port = self.address.rsplit(':').next().expect("port").parse().expect("port");
        Self::with(ca, signer, port).await
    }

    async fn with(ca: Ca, signer: BundleSigner, port: u16) -> Self {
        tls::install_provider();
        let server = ca.issue_server(&["127.0.0.1".into()], 1, now(), Duration::from_secs(3600)).expect("server");
        let identity = Identity::new(&server.chain, &server.key_pkcs8);
        let auth = ClientAuth::Optional(vec![ca.cert_der().to_vec()]);
        let config = server_config(&identity, &auth, &[HTTP2]).expect("config");
        let mut tcp = TcpListener::bind(("127.0.0.1", port)).await;
        for _ in 0..100 {
            if tcp.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            tcp = TcpListener::bind(("127.0.0.1", port)).await;
        }
        let tcp = tcp.expect("bind");
        let address = tcp.local_addr().expect("address").to_string();
        let book = Arc::new(Book {
            token: JoinToken::generate(ca.fingerprint()),
            ca,
            signer,
            posture: Posture::Enforce,
            lifetime: Mutex::new(Duration::from_secs(24 * 3600)),
            uses_left: Mutex::new(1),
            enrolled: Mutex::default(),
            renewals: AtomicU64::new(0),
            revoked: AtomicBool::new(false),
            lose_answer: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            hellos: Mutex::default(),
            answers: Mutex::default(),
            events: Mutex::default(),
            arrivals: Mutex::default(),
            heartbeats: AtomicU64::new(0),
            beat: Mutex::new((1, 0)),
            sessions: AtomicU64::new(0),
            push: watch::channel(None).0,
            kick: watch::channel(0).0,
        });
        let shutdown = Shutdown::new();
        let service = AgentServer::new(Service(Arc::clone(&book)));
        let incoming = TlsListener::new(tcp, config).incoming();
        shutdown.spawn_until_stopped("controller", async move {
            Server::builder().serve_with_incoming(service, incoming).await.expect("serve");
        });
        Self { book, address, shutdown }
    }

    pub fn token(&self) -> String {
        self.book.token.text().reveal().to_owned()
    }

    /// Ends the listener and every session.
    pub fn stop(&self) {
        self.shutdown.stop();
        self.kick();
    }

    /// Ends every session.
    pub fn kick(&self) {
        self.book.kick.send_modify(|n| *n += 1);
    }

    pub fn push(&self, policy: &str, posture: Posture, revision: u64) {
        self.push_bundle(&bundle(policy, posture), revision);
    }

    pub fn push_bundle(&self, bundle: &Bundle, revision: u64) {
        let payload = serde_json::to_vec(bundle).expect("json");
        let digest = Sha256::digest(&payload).into();
        let signature = self.book.signer.sign(&bundle_statement(&cluster_id(), revision, &digest));
        self.push_raw(BundlePush {
            nonce: revision,
            revision,
            from: 0,
            digest: digest.to_vec().into(),
            payload: payload.into(),
            signature: signature.to_vec().into(),
        });
    }

    pub fn push_raw(&self, push: BundlePush) {
        self.book.push.send_replace(Some(push));
    }

    pub fn answers(&self) -> Vec<Verdict> {
        self.book.answers.lock().expect("lock").clone()
    }
}

struct Service(Arc<Book>);

impl Book {
    fn certificate(&self, csr: &[u8], host: &HostId) -> Vec<bytes::Bytes> {
        let life = *self.lifetime.lock().expect("lock");
        let issued = self.ca.issue_host(csr, host, now(), life).expect("issued");
        vec![issued.der.into(), self.ca.cert_der().to_vec().into()]
    }

    fn keys(&self) -> Vec<bytes::Bytes> {
        vec![self.signer.public_key().to_vec().into()]
    }
}

fn peer<T>(request: &Request<T>) -> Result<(HostId, Timestamp), Status> {
    let certs = request.peer_certs().ok_or_else(|| Status::unauthenticated("no certificate"))?;
    let cert = peer_of(certs.first().expect("leaf")).expect("ours");
    Ok((cert.host_id, cert.not_after))
}

#[tonic::async_trait]
impl Agent for Service {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ControllerMessage, Status>> + Send>>;

    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollResponse>, Status> {
        let request = request.into_inner();
        let token: JoinToken = request.token.parse().map_err(|_| Status::invalid_argument("damaged"))?;
        if token.secret_hash() != self.0.token.secret_hash() {
            return Err(Status::permission_denied("the join token is not known"));
        }
        let host = {
            let mut enrolled = self.0.enrolled.lock().expect("lock");
            if let Some(host) = enrolled.get(&request.request_id) {
                host.clone()
            } else {
                let mut left = self.0.uses_left.lock().expect("lock");
                if *left == 0 {
                    return Err(Status::permission_denied("the join token is used up"));
                }
                *left -= 1;
                let host = HostId::new(format!("h-{:016x}", enrolled.len() + 1)).expect("id");
                enrolled.insert(request.request_id.clone(), host.clone());
                host
            }
        };
        if self.0.lose_answer.swap(false, SeqCst) {
            return Err(Status::unavailable("no leader"));
        }
        Ok(Response::new(EnrollResponse {
            host_id: host.to_string(),
            cluster_id: cluster_id().to_string(),
            chain: self.0.certificate(&request.csr, &host),
            bundle_keys: self.0.keys(),
            posture: self.0.posture.to_string(),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let (host, _) = peer(&request)?;
        if self.0.revoked.load(SeqCst) {
            return Err(Status::permission_denied("revoked"));
        }
        self.0.renewals.fetch_add(1, SeqCst);
        let chain = self.0.certificate(&request.into_inner().csr, &host);
        Ok(Response::new(RenewResponse { chain, bundle_keys: self.0.keys() }))
    }

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (_, ends) = peer(&request)?;
        if ends < now() {
            return Err(Status::unauthenticated("ended"));
        }
        if self.0.revoked.load(SeqCst) {
            return Err(Status::permission_denied("revoked"));
        }
        let (book, (send, receive)) = (Arc::clone(&self.0), mpsc::channel(16));
        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            book.sessions.fetch_add(1, SeqCst);
            let (mut push, mut kick) = (book.push.subscribe(), book.kick.subscribe());
            kick.mark_unchanged();
            push.mark_changed();
            loop {
                let reply = tokio::select! {
                    message = inbound.message() => match message {
                        Ok(Some(message)) => book.hear(message),
                        _ => break,
                    },
                    _ = push.changed() => push.borrow_and_update().clone().map(Body::Bundle),
                    _ = kick.changed() => break,
                };
                if let Some(body) = reply
                    && send.send(Ok(ControllerMessage { body: Some(body) })).await.is_err()
                {
                    break;
                }
            }
            let _ = send.send(Err(Status::unavailable("stopping"))).await;
        });
        // The welcome must be the first message.
        let (heartbeat_seconds, _) = *self.0.beat.lock().expect("lock");
        let welcome = ControllerMessage { body: Some(Body::Welcome(Welcome { heartbeat_seconds, epoch: 0 })) };
        let stream = tokio_stream::StreamExt::chain(tokio_stream::iter([Ok(welcome)]), ReceiverStream::new(receive));
        Ok(Response::new(Box::pin(stream)))
    }
}

impl Book {
    fn hear(&self, message: AgentMessage) -> Option<Body> {
        match message.body? {
            Said::Hello(hello) => self.hellos.lock().expect("lock").push(hello),
            Said::Heartbeat(_) => {
                self.heartbeats.fetch_add(1, SeqCst);
                let (_, next_ms) = *self.beat.lock().expect("lock");
                return (next_ms > 0).then_some(Body::HeartbeatAck(HeartbeatAck { next_ms }));
            }
            Said::Ack(ack) => self.answers.lock().expect("lock").push(Verdict::Ack(ack.revision)),
            Said::Nack(nack) => self.answers.lock().expect("lock").push(Verdict::Nack(nack.reason)),
            // As a controller that knows of no inventories.
            Said::Report(_) | Said::Inventory(_) | Said::Usage(_) => {}
            Said::Notice(notice) => return Some(Body::NoticeAck(NoticeAck { id: notice.id })),
            Said::Events(events) => {
                for event in &events.events {
                    self.events.lock().expect("lock").insert((events.boot_id.clone(), event.seq));
                    self.arrivals.lock().expect("lock").push((events.boot_id.clone(), event.seq));
                }
                let seq = events.events.last().map_or(0, |event| event.seq);
                if !self.deaf.load(SeqCst) {
                    return Some(Body::EventsAck(EventsAck { boot_id: events.boot_id, seq }));
                }
            }
        }
        None
    }
}
