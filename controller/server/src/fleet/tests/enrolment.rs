use super::{
    Code,
    cluster::{Agent, Cluster, code, request},
};
use crate::raft::new_request_id;
use wharden_pki::{KeyPair, peer_of, token::JoinToken};
use wharden_proto::v1::EnrollRequest;

#[tokio::test]
async fn hosts_of_one_name_become_two_hosts_with_what_their_token_says() {
    let cluster = Cluster::start().await;
    let token = cluster.token(2);
    let (one, two) = (cluster.enrol(&token, "web").await, cluster.enrol(&token, "web").await);
    assert_ne!(one.id, two.id);
    let state = cluster.state();
    for agent in [&one, &two] {
        let host = &state.hosts[&agent.id];
        let peer = peer_of(&agent.chain[0]).expect("a host's certificate");
        assert_eq!((host.name.as_str(), host.labels.to_string().as_str()), ("web", "env=dev"));
        assert_eq!((&peer.host_id, &peer.serial), (&agent.id, &host.serial));
        assert!(agent.key.matches(&agent.chain[0]));
        assert_eq!(agent.chain[1], cluster.keys.ca.cert_der());
    }
    assert_eq!(state.tokens[&token.id].uses_left, 0);
}

#[tokio::test]
async fn a_retry_gets_the_same_host_and_takes_no_second_use() {
    let cluster = Cluster::start().await;
    let (token, id) = (cluster.token(1), new_request_id());
    let mut hosts = Vec::new();
    for _ in 0..3 {
        // A new key each time: the agent may have lost that too.
        let key = KeyPair::generate().expect("key");
        let answer = cluster.try_enrol(request(&token, "web", &key, &id)).await.expect("enrolled");
        let agent = Agent::of(&answer, key);
        drop(agent.open(&cluster, (0, &[])).await);
        hosts.push(agent.id);
    }
    assert!(hosts.iter().all(|host| *host == hosts[0]));
    assert_eq!(cluster.state().hosts.len(), 1);
    let key = KeyPair::generate().expect("key");
    let other = cluster.try_enrol(request(&token, "web", &key, &new_request_id())).await;
    assert_eq!(code(other), Code::PermissionDenied, "used up");
    assert_eq!(cluster.state().hosts.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_said_and_changes_nothing() {
    let cluster = Cluster::start().await;
    let key = KeyPair::generate().expect("key");
    let token = cluster.token(5);
    let good = || request(&token, "web", &key, &new_request_id());
    let mut wrong_secret = token.clone();
    wrong_secret.secret = JoinToken::generate([0; 32]).secret;
    let foreign = JoinToken { ca_fingerprint: [7; 32], ..token.clone() };
    let unknown = JoinToken::generate(cluster.keys.ca.fingerprint());
    let cases: Vec<(&str, EnrollRequest, Code)> = vec![
        ("wrong secret", request(&wrong_secret, "web", &key, &new_request_id()), Code::PermissionDenied),
        ("of another cluster", request(&foreign, "web", &key, &new_request_id()), Code::PermissionDenied),
        ("unknown", request(&unknown, "web", &key, &new_request_id()), Code::PermissionDenied),
        ("no token", EnrollRequest { token: "wjt_".to_owned(), ..good() }, Code::InvalidArgument),
        ("no name", EnrollRequest { hostname: String::new(), ..good() }, Code::InvalidArgument),
        ("long name", EnrollRequest { hostname: "x".repeat(254), ..good() }, Code::InvalidArgument),
        ("no request", EnrollRequest { csr: bytes::Bytes::from_static(b"x"), ..good() }, Code::InvalidArgument),
        ("no id", EnrollRequest { request_id: "1".to_owned(), ..good() }, Code::InvalidArgument),
    ];
    for (what, wrong, expected) in cases {
        let secret = token.secret.reveal();
        let status = cluster.try_enrol(wrong).await.expect_err(what);
        assert_eq!(status.code(), expected, "{what}: {status}");
        assert!(!status.message().contains(secret), "{what}");
    }
    assert!(cluster.state().hosts.is_empty());
    assert_eq!(cluster.state().tokens[&token.id].uses_left, 5);
}

#[tokio::test]
async fn what_was_made_at_another_controller_a_moment_ago_is_not_refused_here() {
    let cluster = Cluster::start().await;
    let before = cluster.state();
    let token = cluster.token(1);
    cluster.ledger.fall_behind(before.clone());
    let agent = cluster.enrol(&token, "web").await;
    cluster.ledger.fall_behind(before.clone());
    drop(agent.open(&cluster, (0, &[])).await);
    cluster.ledger.fall_behind(before);
    let unknown = JoinToken::generate(cluster.keys.ca.fingerprint());
    let other = cluster.try_enrol(request(&unknown, "web", &agent.key, &new_request_id())).await;
    assert_eq!(code(other), Code::PermissionDenied);
}
