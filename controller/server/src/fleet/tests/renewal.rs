use super::{
    Code,
    cluster::{Agent, Cluster, code, hello, revoke},
};
use crate::raft::new_request_id;
use std::time::Duration;
use tonic::Status;
use wharden_model::Timestamp;
use wharden_pki::{KeyPair, limits::HOST_LIFETIME, peer_of};
use wharden_proto::v1::RenewRequest;
use wharden_runtime::clock::{Clock, SystemClock};
use wharden_state::{Actor, Command, HostCommand};

async fn renew(agent: &Agent, cluster: &Cluster) -> Result<Agent, Status> {
    let key = KeyPair::from_pkcs8(&agent.key.pkcs8_der()).expect("key");
    let csr = key.csr_der().expect("request").into();
    let answer = agent.client(cluster).await.renew(RenewRequest { csr }).await?.into_inner();
    assert_eq!(answer.bundle_keys, [cluster.keys.bundles.public_key().to_vec()]);
    let chain = answer.chain.iter().map(|der| der.to_vec()).collect();
    Ok(Agent { id: agent.id.clone(), key, chain })
}

/// Gives a host a certificate that was made this long ago, and makes it the one in use.
fn age(agent: &mut Agent, cluster: &Cluster, age: Duration) {
    let then = Timestamp(SystemClock.now() - age.as_millis() as u64);
    let csr = agent.key.csr_der().expect("request");
    let issued = cluster.keys.ca.issue_host(&csr, &agent.id, then, HOST_LIFETIME).expect("issued");
    agent.chain[0] = issued.der;
    let (serial, certificate_expires_at) = (issued.serial, issued.not_after);
    let renew = HostCommand::Renew { id: agent.id.clone(), serial, certificate_expires_at };
    cluster.ledger.apply(new_request_id(), Actor::System, Command::Host(renew)).expect("applied");
}

#[tokio::test]
async fn an_ended_certificate_opens_no_session_and_can_be_renewed() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.enrol(&cluster.token(1), "web").await;
    age(&mut agent, &cluster, HOST_LIFETIME * 3);
    assert_eq!(code(agent.say(&cluster, hello((0, &[]))).await), Code::Unauthenticated);
    let renewed = renew(&agent, &cluster).await.expect("renewed");
    let mut session = renewed.open(&cluster, (0, &[])).await;
    session.bundle().await;
    let serial = peer_of(&renewed.chain[0]).expect("certificate").serial;
    cluster.until("its use is recorded", |c| c.state().hosts[&agent.id].serial == serial).await;
}

#[tokio::test]
async fn the_old_certificate_counts_until_the_new_one_is_used() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.enrol(&cluster.token(1), "web").await;
    age(&mut agent, &cluster, HOST_LIFETIME / 2);
    let lost = renew(&agent, &cluster).await.expect("renewed");
    drop(agent.open(&cluster, (0, &[])).await);
    let renewed = renew(&agent, &cluster).await.expect("the first answer got lost");
    assert_ne!(lost.chain, renewed.chain);
    drop(renewed.open(&cluster, (0, &[])).await);
    let serial = peer_of(&renewed.chain[0]).expect("certificate").serial;
    cluster.until("its use is recorded", |c| c.state().hosts[&agent.id].serial == serial).await;
    assert_eq!(code(agent.say(&cluster, hello((0, &[]))).await), Code::PermissionDenied);
    assert_eq!(code(renew(&agent, &cluster).await), Code::PermissionDenied);
    drop(renewed.open(&cluster, (0, &[])).await);
}

#[tokio::test]
async fn a_renewal_right_after_the_enrolment_works() {
    let cluster = Cluster::start().await;
    let agent = cluster.enrol(&cluster.token(1), "web").await;
    let renewed = renew(&agent, &cluster).await.expect("renewed");
    drop(renewed.open(&cluster, (0, &[])).await);
}

#[tokio::test]
async fn a_session_ends_with_its_certificate() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.enrol(&cluster.token(1), "web").await;
    age(&mut agent, &cluster, HOST_LIFETIME - Duration::from_secs(2));
    let mut session = agent.open(&cluster, (0, &[])).await;
    let beating = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            session_beat(&session).await;
        }
    };
    // Beats do not keep it open.
    assert!(tokio::time::timeout(Duration::from_secs(4), beating).await.is_err());
    assert_eq!(session.end().await, Code::Unauthenticated);
}

async fn session_beat(session: &super::Open) {
    use wharden_proto::v1::{Heartbeat, agent_message::Body};
    session.try_send(Body::Heartbeat(Heartbeat { events_lost: 0 })).await;
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_refused() {
    let (ours, theirs) = (Cluster::start().await, Cluster::start().await);
    let stranger = theirs.enrol(&theirs.token(1), "web").await;
    match stranger.try_client(&ours).await {
        // The handshake of the client is over before the server's refusal arrives.
        Ok(mut client) => {
            let csr = stranger.key.csr_der().expect("request").into();
            assert!(client.renew(RenewRequest { csr }).await.is_err());
        }
        Err(error) => drop(error),
    }
    let nobody = ours.stranger().await.renew(RenewRequest { csr: bytes::Bytes::new() }).await;
    assert_eq!(code(nobody), Code::Unauthenticated);
}

#[tokio::test]
async fn a_revoked_host_is_cut_off_at_once_and_stays_out() {
    let cluster = Cluster::start().await;
    let agent = cluster.enrol(&cluster.token(1), "web").await;
    let mut session = agent.open(&cluster, (0, &[])).await;
    session.bundle().await;
    cluster.change(revoke(&agent.id));
    assert_eq!(session.end().await, Code::PermissionDenied);
    cluster.until("it is gone", |c| !c.fleet.status(&agent.id).connected).await;
    assert_eq!(code(agent.say(&cluster, hello((0, &[]))).await), Code::PermissionDenied);
    assert_eq!(code(renew(&agent, &cluster).await), Code::PermissionDenied);
}

#[tokio::test]
async fn a_users_certificate_for_docker_opens_nothing_on_the_port_of_agents() {
    let cluster = Cluster::start().await;
    let mut agent = cluster.enrol(&cluster.token(1), "web").await;
    let csr = agent.key.csr_der().expect("request");
    let (user, session) = ("root".parse().expect("name"), format!("s-{:032x}", 1).parse().expect("id"));
    let now = Timestamp(SystemClock.now());
    let issued = cluster.keys.ca.issue_user(&csr, &user, &session, now, HOST_LIFETIME).expect("issued");
    agent.chain[0] = issued.der;
    assert_eq!(code(agent.say(&cluster, hello((0, &[]))).await), Code::Unauthenticated);
    assert_eq!(code(renew(&agent, &cluster).await), Code::Unauthenticated);
}
