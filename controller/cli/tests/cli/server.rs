//! A controller of canned answers, with a CA of its own.

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer, version::TLS13},
    server::TlsStream,
};

/// One request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET /v1/users?x=y`.
    pub route: String,
    pub bearer: Option<String>,
    /// The code of the second factor that came with it.
    pub totp: Option<String>,
    /// The recovery code likewise.
    pub recovery: Option<String>,
    pub body: Value,
}

/// Answers of one route, the last one for ever.
type Script = BTreeMap<String, Vec<(u16, Value)>>;

/// The controller.
pub struct Server {
    pub address: SocketAddr,
    /// Holds `ca.pem`, and the credentials of whoever runs against it.
    pub dir: tempfile::TempDir,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// One whose certificate is for 127.0.0.1.
    pub async fn start() -> Self {
        Self::with_name("127.0.0.1").await
    }

    /// One whose certificate is for this name.
    pub async fn with_name(name: &str) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone(), ca.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (script, seen) = (Arc::<Mutex<Script>>::default(), Arc::<Mutex<Vec<Seen>>>::default());
        let app = {
            let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
            Router::new().fallback(move |request: Request| answer(Arc::clone(&script), Arc::clone(&seen), request))
        };
        let listener = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, dir, script, seen }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Answers a route; the answers of many calls come one after another, the last one for ever.
    pub fn on(&self, route: &str, status: u16, body: Value) -> &Self {
        self.script.lock().unwrap().entry(route.to_owned()).or_default().push((status, body));
        self
    }

    /// Everything that came in so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Everything that came in so far, as `GET /v1/users`.
    pub fn routes(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.route).collect()
    }
}

async fn answer(script: Arc<Mutex<Script>>, seen: Arc<Mutex<Vec<Seen>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 1 << 20).await.unwrap();
    let route = format!("{} {}", parts.method, parts.uri.path_and_query().unwrap());
    let bearer = parts.headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap().to_owned());
    let totp = parts.headers.get("wharden-totp").map(|v| v.to_str().unwrap().to_owned());
    let recovery = parts.headers.get("wharden-recovery-code").map(|v| v.to_str().unwrap().to_owned());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    seen.lock().unwrap().push(Seen { route: route.clone(), bearer, totp, recovery, body });
    let scripted = {
        let mut script = script.lock().unwrap();
        let answers = script.get_mut(&route);
        answers.and_then(|list| if list.len() > 1 { Some(list.remove(0)) } else { list.first().cloned() })
    };
    let (status, body) = scripted.unwrap_or_else(|| {
        (404, json!({"code": "not_found", "message": format!("the script has no {route}"), "request_id": ""}))
    });
    let status = StatusCode::from_u16(status).unwrap();
    match body {
        Value::Null => status.into_response(),
        Value::String(text) => (status, text).into_response(),
        body => (status, axum::Json(body)).into_response(),
    }
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
