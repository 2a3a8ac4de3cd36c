//! People elsewhere: who gets in over TCP, as whom, and until when.

use crate::{
    client::{Client, PATIENCE, ask, eventually, get, post},
    controller::now,
    world::{NO_PRIVILEGED, OPEN, World, bundle, cluster_id, host_id},
};
use std::{net::SocketAddr, sync::Arc, sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{sleep, timeout},
};
use wharden_agent::{
    guard::RemoteListener,
    limits::{HANGUP_CHECK, Limits},
};
use wharden_model::{Bundle, ClusterId, Posture, Principal, SessionId, Timestamp, UserName, decision::KnownUser};
use wharden_pki::{Ca, GuardCa, KeyPair};
use wharden_runtime::tls::{self, ClientAuth, Connector, HTTP1, Identity, client_config, server_config};

/// A guard on TCP, the CA of its cluster, and its own.
struct Port {
    world: World,
    address: SocketAddr,
    cluster: Ca,
    own: GuardCa,
}

fn session(n: u8) -> SessionId {
    SessionId::new(format!("s-{n:032x}")).expect("id")
}

fn user(name: &str) -> UserName {
    UserName::new(name).expect("name")
}

/// Knows ann, and dan who is disabled.
fn known(policy: &str, posture: Posture, ended: &[SessionId]) -> Bundle {
    let known = |name: &str, disabled| KnownUser { name: user(name), groups: vec![], disabled };
    Bundle {
        users: vec![known("ann", false), known("dan", true)],
        ended_sessions: ended.to_vec(),
        service_accounts: vec![],
        ..bundle(policy, posture)
    }
}

impl Port {
    fn open(posture: Posture) -> Self {
        Self::with(posture, Limits::default())
    }

    fn with(posture: Posture, limits: Limits) -> Self {
        tls::install_provider();
        let world = World::with(None, posture, limits);
        let (cluster, own) =
            (Ca::generate(&cluster_id(), now()).expect("CA"), GuardCa::generate(&host_id(), now()).expect("CA"));
        let server = own.issue(&["127.0.0.1".into()], now()).expect("issued");
        let identity = Identity::new(&server.chain, &server.key_pkcs8);
        let clients = ClientAuth::Required(vec![cluster.cert_der().to_vec()]);
        let config = server_config(&identity, &clients, &[HTTP1]).expect("config");
        let tcp = tls::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("bound");
        let address = tcp.local_addr().expect("address");
        let listener = RemoteListener::new(tcp, watch::channel(config).1);
        drop(world.shutdown.spawn("remote", listener.run(Arc::clone(&world.guard), world.shutdown.clone())));
        Self { world, address, cluster, own }
    }

    fn certificate(&self, ca: &Ca, name: &str, n: u8, at: Timestamp) -> Identity {
        let key = KeyPair::generate().expect("key");
        let csr = key.csr_der().expect("request");
        let hour = Duration::from_secs(3600);
        let issued = ca.issue_user(&csr, &user(name), &session(n), at, hour).expect("issued");
        Identity::new(&[issued.der], &key.pkcs8_der())
    }

    async fn connect(&self, identity: Option<&Identity>) -> Client<impl AsyncRead + AsyncWrite + Unpin + use<>> {
        let config = client_config(&[self.own.cert_der().to_vec()], identity, &[HTTP1]).expect("config");
        let stream =
            Connector::new(config).connect("127.0.0.1", self.address.port()).await.expect("the server is known");
        Client::over(stream)
    }

    async fn as_ann(&self) -> Client<impl AsyncRead + AsyncWrite + Unpin + use<>> {
        self.connect(Some(&self.certificate(&self.cluster, "ann", 1, now()))).await
    }

    /// The refusal that a certificate gets.
    async fn refusal(&self, identity: &Identity) -> String {
        let mut client = self.connect(Some(identity)).await;
        let answer = client.send(get("/v1.41/containers/json")).await.answer().await;
        assert_eq!(answer.status, 401, "{answer:?}");
        answer.message()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_elsewhere_is_judged_by_name_and_reported() {
    let mut port = Port::open(Posture::Enforce);
    port.world.take(7, &known(NO_PRIVILEGED, Posture::Enforce, &[]));
    let mut client = port.as_ann().await;
    assert_eq!(client.send(get("/v1.41/containers/web/json")).await.answer().await.status, 200);
    let mut client = port.as_ann().await;
    client.send("DELETE /v1.41/containers/web HTTP/1.1\r\nHost: d\r\n\r\n").await;
    let answer = client.answer().await;
    assert!(answer.status == 403 && answer.message().contains("for user ann: rule test/keep"), "{answer:?}");
    let events = port.world.events().await;
    assert_eq!(events.len(), 2, "{events:#?}");
    assert!(events.iter().all(|event| event.principal == Principal::User { name: "ann".into() }), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_handshake_cannot_know_gets_no_answer() {
    let port = Port::open(Posture::Observe);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    let foreign = Ca::generate(&cluster_id(), now()).expect("CA");
    let server = port.own.issue(&["127.0.0.1".into()], now()).expect("issued");
    let controller =
        port.cluster.issue_server(&["localhost".into()], 1, now(), Duration::from_secs(60)).expect("issued");
    for identity in [
        None,
        Some(port.certificate(&foreign, "ann", 1, now())),
        Some(Identity::new(&server.chain, &server.key_pkcs8)),
        Some(Identity::new(&controller.chain, &controller.key_pkcs8)),
    ] {
        let mut client = port.connect(identity.as_ref()).await;
        let mut answer = Vec::new();
        // The server's refusal comes after the client's half of the handshake: sending may work, reading does not.
        let _ = client.stream.write_all(get("/version").as_bytes()).await;
        let read = timeout(PATIENCE, client.stream.read_to_end(&mut answer)).await.expect("in time");
        assert!(read.is_err() && answer.is_empty(), "{read:?} {answer:?}");
    }
    assert_eq!(port.world.engine.lines(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_certificate_session_or_account_is_no_good_is_told_why_in_any_posture() {
    let port = Port::open(Posture::Observe);
    let ago = |secs: u64| Timestamp(now().0 - secs * 1000);
    // Not made a moment ago: nobody is waited for.
    let ann = port.certificate(&port.cluster, "ann", 1, ago(400));
    assert!(port.refusal(&ann).await.contains("no policies yet"), "without a bundle nobody is known");
    port.world.take(7, &known(OPEN, Posture::Observe, &[session(2)]));
    let identity = |name: &str, n, at| port.certificate(&port.cluster, name, n, at);
    for (identity, why) in [
        (identity("ann", 2, now()), "session of user ann has ended"),
        (identity("bob", 1, ago(400)), "does not know user bob"),
        (identity("dan", 1, now()), "user dan is disabled"),
        (identity("ann", 1, ago(3700)), "the certificate ended at"),
    ] {
        let said = port.refusal(&identity).await;
        assert!(said.contains(why) && said.contains("wharden docker login"), "{said}");
    }
    let key = KeyPair::generate().expect("key");
    let csr = key.csr_der().expect("request");
    let issued = port.cluster.issue_host(&csr, &host_id(), now(), Duration::from_secs(3600)).expect("issued");
    let said = port.refusal(&Identity::new(&[issued.der], &key.pkcs8_der())).await;
    assert!(said.contains("names no Wharden user"), "{said}");
    assert_eq!(port.world.engine.lines(), Vec::<String>::new());
    let mut client = port.connect(Some(&ann)).await;
    assert_eq!(client.send(get("/v1.41/containers/json")).await.head().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_whose_certificate_is_new_is_waited_for_and_is_no_user() {
    let port = Port::open(Posture::Observe);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    let key = KeyPair::generate().expect("key");
    let csr = key.csr_der().expect("request");
    let hour = Duration::from_secs(3600);
    // A user of the same name is known, and is somebody else.
    let issued = port.cluster.issue_service_account(&csr, &user("ann"), &session(9), now(), hour).expect("issued");
    let identity = Identity::new(&[issued.der], &key.pkcs8_der());
    let mut client = port.connect(Some(&identity)).await;
    client.send(get("/v1.41/containers/json")).await;
    let mut bundle = known(OPEN, Posture::Observe, &[]);
    bundle.service_accounts.push(user("ann"));
    port.world.take(8, &bundle);
    assert_eq!(client.head().await.0, 200);
    // With its key it is out, also on this connection.
    bundle.ended_sessions.push(session(9));
    port.world.take(9, &bundle);
    assert!(port.refusal(&identity).await.contains("the key of service account ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_of_the_same_ca_is_foreign() {
    // Cannot happen by a CA of ours; a certificate is still held against the cluster's id.
    let port = Port::open(Posture::Observe);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    let elsewhere = Ca::generate(&ClusterId::new("c-00000000000000ff").expect("id"), now()).expect("CA");
    let mut client = port.connect(Some(&port.certificate(&elsewhere, "ann", 1, now()))).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, client.stream.read_to_end(&mut answer)).await.expect("in time");
    assert!(read.is_err() && answer.is_empty(), "{read:?} {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_longer_welcome_is_cut_off_in_the_middle_of_a_stream() {
    let gone = |bundle: Bundle| Bundle { users: vec![], ..bundle };
    let disabled = |mut bundle: Bundle| {
        bundle.users[0].disabled = true;
        bundle
    };
    let good = || known(OPEN, Posture::Observe, &[]);
    for (n, next) in [known(OPEN, Posture::Observe, &[session(1)]), disabled(good()), gone(good())].iter().enumerate() {
        let port = Port::open(Posture::Observe);
        port.world.take(7, &good());
        let (mut idle, mut stream, mut tunnel) = (port.as_ann().await, port.as_ann().await, port.as_ann().await);
        assert_eq!(idle.send(get("/v1.41/containers/web/json")).await.answer().await.status, 200);
        stream.send(get("/v1.41/containers/web/logs?stdout=1&follow=1")).await;
        assert_eq!(stream.head().await.0, 200);
        assert_eq!(stream.take(11).await, b"6\r\nhello\n\r\n");
        let attach = "POST /v1.41/containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\n\
                      Upgrade: tcp\r\n\r\n";
        assert_eq!(tunnel.send(attach).await.head().await.0, 101);
        assert_eq!(tunnel.take(3).await, b"hi\n");
        // Another bundle in which nothing changes for her.
        port.world.take(8, &known(NO_PRIVILEGED, Posture::Observe, &[session(9)]));
        assert_eq!(tunnel.send("still here").await.take(10).await, b"still here");

        port.world.take(9, next);
        for client in [&mut idle, &mut stream, &mut tunnel] {
            assert_eq!(client.rest().await, b"", "{n}");
        }
        eventually("the engine's ends close", || port.world.engine.memory.streams_closed.load(SeqCst) >= 2).await;
        eventually("no connection is left", || port.world.guard.connections.count() == 0).await;
    }
}

/// What the engine was asked for by somebody who is cut off, it does all the same: nothing that has to wait for that may come meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_keeps_the_turn_until_the_engine_has_answered() {
    let create = post("/v1.41/containers/create", r#"{"Image":"busybox"}"#);
    for by_the_end_of_the_session in [true, false] {
        let port = Port::open(Posture::Observe);
        port.world.take(7, &known(OPEN, Posture::Observe, &[]));
        let again = || port.certificate(&port.cluster, "ann", 2, now());
        assert_eq!(port.as_ann().await.send(get("/v1.41/info")).await.answer().await.status, 200);
        let made = || port.world.engine.lines().iter().filter(|line| line.starts_with("POST")).count();
        port.world.engine.memory.busy.store(true, SeqCst);
        let mut first = port.as_ann().await;
        first.send(&create).await;
        eventually("the engine makes a container", || made() == 1).await;
        if by_the_end_of_the_session {
            port.world.take(8, &known(OPEN, Posture::Observe, &[session(1)]));
        } else {
            let valve = &port.world.guard.valve;
            assert!(valve.holders().iter().map(|holder| valve.cut(holder)).sum::<usize>() > 0);
        }
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, first.stream.read_to_end(&mut rest)).await.expect("cut off");
        assert_eq!(rest, b"");
        eventually("no connection is left", || port.world.guard.connections.count() == 0).await;
        let mut second = port.connect(Some(&again())).await;
        second.send(&create).await;
        let reached = timeout(2 * HANGUP_CHECK, async {
            while made() == 1 {
                sleep(HANGUP_CHECK / 20).await;
            }
        });
        assert!(reached.await.is_err(), "the engine still makes the first one");
        port.world.engine.memory.busy.store(false, SeqCst);
        assert_eq!(second.head().await.0, 201);
        assert_eq!(made(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_takes_its_stream_with_it() {
    let port = Port::open(Posture::Observe);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    // An hour, of which two seconds are left.
    let brief = port.certificate(&port.cluster, "ann", 1, Timestamp(now().0 - 3_598_000));
    let mut stream = port.connect(Some(&brief)).await;
    stream.send(get("/v1.41/containers/web/logs?stdout=1&follow=1")).await;
    assert_eq!(stream.head().await.0, 200);
    assert_eq!(stream.rest().await, b"6\r\nhello\n\r\n");
    assert!(port.refusal(&brief).await.contains("the certificate ended at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_and_a_half_closed_tunnel_goes_on() {
    let port = Port::open(Posture::Observe);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut client = port.as_ann().await;
    let head = format!(
        "POST /v1.41/images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    let answer = client.send(head).await.send(&content).await.answer().await;
    assert_eq!((answer.status, answer.message().as_str()), (200, "3000000 bytes"));
    client.send(get("/v1.41/images/get?names=busybox")).await;
    assert_eq!(client.head().await.0, 200);
    client.take(16 * 1024 * 1024).await;
    drop(client);
    eventually("the engine's end closes", || port.world.engine.memory.streams_closed.load(SeqCst) >= 1).await;

    let mut tunnel = port.as_ann().await;
    let attach = "POST /v1.41/containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    assert_eq!(tunnel.send(attach).await.head().await.0, 101);
    tunnel.send("last words").await;
    tunnel.stream.shutdown().await.expect("half closed");
    assert_eq!(tunnel.rest().await, b"hi\nlast wordsbye\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_the_socket_hold_on_tcp_too() {
    let limits = Limits { connections_per_user: 2, head_timeout_s: 1, idle_timeout_s: 2, ..Limits::default() };
    let port = Port::with(Posture::Observe, limits);
    port.world.take(7, &known(OPEN, Posture::Observe, &[]));
    let (mut slow, mut idle) = (port.as_ann().await, port.as_ann().await);
    slow.send("GET /v1.41/cont").await;
    idle.send(get("/v1.41/containers/web/json")).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut third = port.as_ann().await;
    let answer = third.send(get("/version")).await.answer().await;
    assert!(answer.status == 503 && answer.message().contains("connections_per_user"), "{answer:?}");
    let answer = slow.answer().await;
    assert!(answer.status == 408 && answer.message().contains("within 1 s"), "{answer:?}");
    assert_eq!(idle.rest().await, b"", "closed when nothing more was asked");
    // Whoever is not on the unix socket is counted apart from those who are.
    assert_eq!(ask(&port.world.socket, get("/v1.41/containers/web/json")).await.status, 200);
}
