//! Over real sockets: who gets in, who does not, and what a flood does.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);

struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("CA"))
    }

    fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    fn fingerprint(&self) -> [u8; 32] {
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der()).as_ref().try_into().expect("32 bytes")
    }

    fn issue(&self, usage: ExtendedKeyUsagePurpose, names: &[&str], years: (i32, i32)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![usage];
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("key");
        let cert = params.signed_by(&key, &self.0).expect("issued");
        Identity::new(&[cert.der().to_vec(), self.der()], &key.serialize_der())
    }

    fn server(&self) -> Identity {
        self.issue(ExtendedKeyUsagePurpose::ServerAuth, &["localhost", "127.0.0.1"], (2020, 2100))
    }

    fn client(&self, years: (i32, i32)) -> Identity {
        self.issue(ExtendedKeyUsagePurpose::ClientAuth, &[], years)
    }
}

/// A server that answers with one byte: `0` for no client certificate, `1` for one.
struct Server {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    config: watch::Sender<Arc<ServerConfig>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(identity: &Identity, auth: ClientAuth, limits: HandshakeLimits) -> Server {
    let tcp = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
    let address = tcp.local_addr().expect("address");
    let (config, held) = watch::channel(server_config(identity, &auth, &[HTTP1]).expect("config"));
    let mut listener = TlsListener::with(tcp, held, limits);
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await;
            assert!(listener.handshakes() <= limits.concurrent);
            tokio::spawn(async move {
                let answer = if peer_certificate(&stream).is_some() { b"1" } else { b"0" };
                drop(stream.write_all(answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
    Server { address, task, config }
}

async fn dial(server: &Server, config: Arc<ClientConfig>) -> Result<u8, String> {
    let connector = Connector::new(config);
    let mut stream = connector.connect("127.0.0.1", server.address.port()).await.map_err(|e| e.to_string())?;
    timeout(SOON, stream.read_u8()).await.expect("an answer or an end").map_err(|e| e.to_string())
}

fn with(ca: &Ca, identity: Option<&Identity>) -> Arc<ClientConfig> {
    client_config(&[ca.der()], identity, &[HTTP1]).expect("config")
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_ca_are_let_in() {
    let (ca, foreign) = (Ca::new("ours"), Ca::new("ours"));
    let required = serve(&ca.server(), ClientAuth::Required(vec![ca.der()]), HandshakeLimits::default()).await;
    assert_eq!(dial(&required, with(&ca, Some(&ca.client((2020, 2100))))).await, Ok(b'1'));
    assert!(dial(&required, with(&ca, None)).await.is_err());
    assert!(dial(&required, with(&ca, Some(&foreign.client((2020, 2100))))).await.is_err());
    assert!(dial(&required, with(&ca, Some(&ca.server()))).await.is_err(), "a server's certificate is not a client's");
    assert!(dial(&required, with(&ca, Some(&ca.client((2090, 2100))))).await.is_err(), "not valid yet");

    let optional = serve(&ca.server(), ClientAuth::Optional(vec![ca.der()]), HandshakeLimits::default()).await;
    assert_eq!(dial(&optional, with(&ca, None)).await, Ok(b'0'));
    assert_eq!(dial(&optional, with(&ca, Some(&ca.client((2020, 2100))))).await, Ok(b'1'));
    assert!(dial(&optional, with(&ca, Some(&foreign.client((2020, 2100))))).await.is_err());
}

#[tokio::test]
async fn an_ended_client_certificate_passes_and_is_seen_but_not_one_of_another_ca() {
    let (ca, foreign) = (Ca::new("ours"), Ca::new("ours"));
    let server = serve(&ca.server(), ClientAuth::Required(vec![ca.der()]), HandshakeLimits::default()).await;
    assert_eq!(dial(&server, with(&ca, Some(&ca.client((2020, 2021))))).await, Ok(b'1'));
    assert!(dial(&server, with(&ca, Some(&foreign.client((2020, 2021))))).await.is_err());
}

#[tokio::test]
async fn a_server_of_another_ca_or_name_or_that_has_ended_is_refused() {
    let (ca, foreign) = (Ca::new("ours"), Ca::new("ours"));
    let server = |identity| async move { serve(&identity, ClientAuth::None, HandshakeLimits::default()).await };
    let good = server(ca.server()).await;
    assert_eq!(dial(&good, with(&ca, None)).await, Ok(b'0'));
    assert!(dial(&good, with(&foreign, None)).await.expect_err("foreign").contains("do not trust"));
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    let elsewhere = server(ca.issue(usage.clone(), &["elsewhere.example"], (2020, 2100))).await;
    assert!(dial(&elsewhere, with(&ca, None)).await.is_err());
    let ended = server(ca.issue(usage, &["127.0.0.1"], (2020, 2021))).await;
    assert!(dial(&ended, with(&ca, None)).await.is_err());
}

#[tokio::test]
async fn first_contact_trusts_the_fingerprint_the_name_and_nothing_else() {
    let (ca, foreign) = (Ca::new("ours"), Ca::new("ours"));
    let pinned = |ca: &Ca| client_config_pinned(ca.fingerprint(), &[HTTP1]).expect("config");
    let good = serve(&ca.server(), ClientAuth::None, HandshakeLimits::default()).await;
    assert_eq!(dial(&good, pinned(&ca)).await, Ok(b'0'));
    assert!(dial(&good, pinned(&foreign)).await.is_err());

    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    let elsewhere = ca.issue(usage.clone(), &["elsewhere.example"], (2020, 2100));
    let elsewhere = serve(&elsewhere, ClientAuth::None, HandshakeLimits::default()).await;
    assert!(dial(&elsewhere, pinned(&ca)).await.is_err());

    // A liar sends the pinned CA, which everyone may have, beside a leaf of its own.
    let mut liar = foreign.server();
    liar.chain[1] = ca.der().into();
    let liar = serve(&liar, ClientAuth::None, HandshakeLimits::default()).await;
    assert!(dial(&liar, pinned(&ca)).await.is_err());

    // The pinned certificate itself must be a CA: a leaf's fingerprint is not enough.
    let leaf = ca.server();
    let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf.chain[0]);
    let config = client_config_pinned(print.as_ref().try_into().expect("32 bytes"), &[HTTP1]).expect("config");
    let leaf = serve(&leaf, ClientAuth::None, HandshakeLimits::default()).await;
    assert!(dial(&leaf, config).await.is_err());
}

#[tokio::test]
async fn a_flood_of_stuck_handshakes_is_bounded_and_times_out() {
    let ca = Ca::new("ours");
    let limits = HandshakeLimits { concurrent: 4, per_source: 4, timeout: Duration::from_millis(300) };
    let server = serve(&ca.server(), ClientAuth::None, limits).await;
    let mut stuck = Vec::new();
    for _ in 0..32 {
        stuck.push(TcpStream::connect(server.address).await.expect("connects"));
    }
    // Those beyond the fourth were closed at once; it gets in when these have been thrown out.
    let gets_in = async {
        while dial(&server, with(&ca, None)).await != Ok(b'0') {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, gets_in).await.expect("gets through");
    let mut end = [0; 16];
    let read = timeout(SOON, stuck[0].read(&mut end)).await.expect("closed");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn one_address_does_not_take_the_room_of_the_others() {
    let ca = Ca::new("ours");
    // Stuck handshakes stay for longer than this test takes.
    let limits = HandshakeLimits { concurrent: 8, per_source: 4, timeout: SOON * 3 };
    let server = serve(&ca.server(), ClientAuth::None, limits).await;
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 9], 0))).expect("an address of this machine");
    let mut stuck = vec![socket.connect(server.address).await.expect("connects")];
    for _ in 0..16 {
        stuck.push(TcpStream::connect(server.address).await.expect("connects"));
    }
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 9], 0))).expect("an address of this machine");
    let tcp = socket.connect(server.address).await.expect("connects");
    let connector = tokio_rustls::TlsConnector::from(with(&ca, None));
    let name = rustls_pki_types::ServerName::try_from("127.0.0.1").expect("name");
    let mut stream = timeout(SOON, connector.connect(name, tcp)).await.expect("in time").expect("gets in");
    assert_eq!(stream.read_u8().await.expect("served"), b'0');
    let refused = stuck.last_mut().expect("some").read_u8().await;
    assert!(refused.is_err(), "closed at once");
}

#[tokio::test]
async fn a_client_that_speaks_plain_http_is_closed_and_disturbs_no_one() {
    let ca = Ca::new("ours");
    let server = serve(&ca.server(), ClientAuth::None, HandshakeLimits::default()).await;
    let mut plain = TcpStream::connect(server.address).await.expect("connects");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    // A TLS alert at most, then the end.
    drop(timeout(SOON, plain.read_to_end(&mut answer)).await.expect("closed"));
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert_eq!(dial(&server, with(&ca, None)).await, Ok(b'0'));
}

#[tokio::test]
async fn a_new_configuration_serves_new_connections() {
    let (old, new) = (Ca::new("old"), Ca::new("new"));
    let server = serve(&old.server(), ClientAuth::None, HandshakeLimits::default()).await;
    assert!(dial(&server, with(&new, None)).await.is_err());
    let config = server_config(&new.server(), &ClientAuth::None, &[HTTP1]).expect("config");
    server.config.send(config).expect("listening");
    assert_eq!(dial(&server, with(&new, None)).await, Ok(b'0'));
}

#[tokio::test]
async fn who_dials_another_name_is_shown_what_is_for_visitors() {
    let (ca, elsewhere) = (Ca::new("ours"), Ca::new("elsewhere"));
    let own = ca.issue(ExtendedKeyUsagePurpose::ServerAuth, &["1.example", "localhost", "127.0.0.1"], (2020, 2100));
    let server = serve(&own, ClientAuth::None, HandshakeLimits::default()).await;
    let visitors = Visitors::default();
    let config = server_config_by_name(("1.example", &own), &visitors, &ClientAuth::None, &[HTTP1]).expect("config");
    server.config.send(config).expect("listening");
    let dialled = async |name: &str, ca: &Ca| {
        let connector = Connector::new(with(ca, None));
        let dialled = connector.connect_as(name, "127.0.0.1", server.address.port()).await;
        let mut stream = dialled.map_err(|e| e.to_string())?;
        timeout(SOON, stream.read_u8()).await.expect("an answer or an end").map_err(|e| e.to_string())
    };
    for name in ["1.example", "localhost", "127.0.0.1"] {
        assert_eq!(dialled(name, &ca).await, Ok(b'0'), "{name}: nothing is set for visitors");
    }
    visitors.show(&elsewhere.server()).expect("an identity");
    for (name, ca, other) in
        [("1.example", &ca, &elsewhere), ("localhost", &elsewhere, &ca), ("127.0.0.1", &elsewhere, &ca)]
    {
        assert_eq!(dialled(name, ca).await, Ok(b'0'), "{name}");
        assert!(dialled(name, other).await.is_err(), "{name}: only one is shown");
    }
    visitors.show(&ca.server()).expect("an identity");
    assert_eq!(dialled("localhost", &elsewhere).await, Ok(b'0'), "what was set first stays");
}

#[tokio::test]
async fn dialling_fails_with_a_reason() {
    let ca = Ca::new("ours");
    let free = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound").local_addr().expect("address");
    let connector = Connector::new(with(&ca, None));
    assert!(matches!(connector.connect("127.0.0.1", free.port()).await, Err(DialError::Connect { .. })));
    assert!(matches!(connector.connect("a b", 1).await, Err(DialError::Name(_))));
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let (ca, other) = (Ca::new("ours"), Ca::new("other"));
    let mut mixed = ca.server();
    mixed.key = other.server().key;
    assert!(matches!(server_config(&mixed, &ClientAuth::None, &[]), Err(TlsError::Identity(_))));
    let empty = Identity::new(&[], b"");
    assert_eq!(server_config(&empty, &ClientAuth::None, &[]).err(), Some(TlsError::EmptyChain));
    assert_eq!(client_config(&[ca.der()], Some(&empty), &[]).err(), Some(TlsError::EmptyChain));
    assert_eq!(client_config(&[], None, &[]).err(), Some(TlsError::NoRoots));
    assert!(matches!(client_config(&[b"rubbish".to_vec()], None, &[]), Err(TlsError::Root(_))));
    assert_eq!(server_config(&ca.server(), &ClientAuth::Required(vec![]), &[]).err(), Some(TlsError::NoRoots));
    assert_eq!(format!("{:?}", ca.server()), "Identity");
}
