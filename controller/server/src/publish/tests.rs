//! Who shares a bundle, who gets another, and what a bad set of policies does.

use super::*;
use crate::keys::{self, Keys};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use wharden_model::{Bundle, HostId, Labels, Mode, PolicyName, Posture, RequestId, Revision, Timestamp, TokenId};
use wharden_pki::{ClusterKeys, bundle_statement, verify_bundle};
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};
use wharden_state::{Actor, Command, Entry, Hex, HostCommand, PolicyCommand, PolicyOrigin, State, TokenCommand};

const GOOD: &str = r#"permit (principal, action == Docker::Action::"container.list", resource);"#;
const OTHER: &str = r#"permit (principal, action == Docker::Action::"container.inspect", resource);"#;
const PROD: &str = r#"forbid (principal, action, resource in HostGroup::"env=prod");"#;
const BAD: &str = "permit (principal, action == Docker::Action::\"container.fly\", resource);";

struct Cluster {
    state: State,
    index: u64,
    keys: Arc<Keys>,
    revision: watch::Sender<Revision>,
    newest: watch::Sender<Arc<State>>,
    publisher: Publisher,
    shutdown: Shutdown,
}

fn host(n: u64) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("id")
}

fn apply(state: &mut State, index: &mut u64, command: Command) {
    *index += 1;
    let entry = Entry {
        request_id: RequestId::new(format!("{index:032x}")).expect("id"),
        actor: Actor::System,
        issued_at: Timestamp(*index),
        if_revision: None,
        origin: None,
        command,
    };
    state.apply(*index, &entry).0.expect("applied");
}

impl Cluster {
    fn new() -> Self {
        let (mut state, mut index) = (State::default(), 0);
        let sealing = ClusterKeys::generate();
        let (command, ..) = keys::new_cluster(&sealing, Timestamp(1)).expect("keys");
        apply(&mut state, &mut index, Command::Cluster(command));
        let keys = Arc::new(Keys::open(&state, sealing).expect("keys"));
        let token = TokenId::new("jt-000000000000").expect("id");
        let hash = Hex(vec![1; 32]);
        let create = TokenCommand::Create {
            id: token.clone(),
            hash: hash.clone(),
            expires_at: Timestamp(u64::MAX),
            uses: 10,
            labels: "env=dev".parse().expect("labels"),
            posture: Posture::Observe,
        };
        apply(&mut state, &mut index, Command::Token(create));
        for n in 1..=3 {
            let enrol = HostCommand::Enrol {
                id: host(n),
                token: token.clone(),
                token_hash: hash.clone(),
                name: "web".to_owned(),
                serial: String::new(),
                certificate_expires_at: Timestamp(0),
            };
            apply(&mut state, &mut index, Command::Host(enrol));
        }
        let (revision, seen) = watch::channel(state.policy_revision);
        let (newest, states) = watch::channel(Arc::new(state.clone()));
        let shutdown = Shutdown::new();
        let publisher =
            Publisher::follow(seen, move || states.borrow().clone(), &keys, &Metrics::new("test"), &shutdown);
        Self { state, index, keys, revision, newest, publisher, shutdown }
    }

    fn change(&mut self, command: Command) -> Revision {
        apply(&mut self.state, &mut self.index, command);
        self.newest.send_replace(Arc::new(self.state.clone()));
        self.revision.send_replace(self.state.policy_revision);
        self.state.policy_revision
    }

    fn put(&mut self, name: &str, text: &str) -> Revision {
        self.change(Command::Policy(PolicyCommand::Put {
            name: PolicyName::new(name).expect("name"),
            text: text.to_owned(),
            mode: Some(Mode::Enforce),
            rules: 1,
            if_version: None,
            origin: PolicyOrigin::Put,
        }))
    }

    fn label(&mut self, n: u64, labels: &str) -> Revision {
        let labels: Labels = labels.parse().expect("labels");
        self.change(Command::Host(HostCommand::Patch { id: host(n), labels: Some(labels), posture: None }))
    }

    async fn at(&self, revision: Revision) -> Arc<Published> {
        let mut published = self.publisher.subscribe();
        let wanted = published.wait_for(|p| p.as_ref().is_some_and(|p| p.revision() >= revision));
        let found = tokio::time::timeout(Duration::from_secs(20), wanted).await.expect("in time").expect("published");
        found.clone().expect("some")
    }

    async fn bundle(&self, published: &Published, n: u64) -> Arc<SignedBundle> {
        published.bundle(&host(n), &self.state).await.expect("bundle")
    }
}

#[tokio::test]
async fn hosts_of_one_scope_share_one_bundle_and_a_label_gives_another() {
    let mut cluster = Cluster::new();
    cluster.put("base", GOOD);
    let revision = cluster.put("prod", PROD);
    let published = cluster.at(revision).await;
    let (one, two) = tokio::join!(cluster.bundle(&published, 1), cluster.bundle(&published, 2));
    assert!(Arc::ptr_eq(&one, &two));
    assert!(published.bundle(&host(9), &cluster.state).await.is_none());
    let bundle: Bundle = serde_json::from_slice(&one.payload).expect("bundle");
    assert_eq!(bundle.scope.labels, "env=dev".parse().expect("labels"));
    let statement = bundle_statement(&cluster.keys.cluster_id, revision, &one.digest);
    assert_eq!(verify_bundle(&[cluster.keys.bundles.public_key()], &statement, &one.signature), Ok(()));

    let revision = cluster.label(1, "env=prod");
    let published = cluster.at(revision).await;
    let (labelled, kept) = (cluster.bundle(&published, 1).await, cluster.bundle(&published, 2).await);
    assert_ne!(labelled.digest, one.digest);
    assert_eq!((kept.digest, kept.revision), (one.digest, revision));
    assert_eq!(kept.payload.as_ptr(), one.payload.as_ptr(), "the same bytes, not made again");
    cluster.shutdown.finish(Duration::from_secs(5)).await.expect("ends");
}

#[tokio::test]
async fn policies_that_do_not_compile_never_reach_a_host() {
    let mut cluster = Cluster::new();
    let good = cluster.put("base", GOOD);
    let published = cluster.at(good).await;
    let before = cluster.bundle(&published, 1).await;
    cluster.put("typo", BAD);
    let waited = async {
        while cluster.publisher.problem().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect("in time");
    assert!(cluster.publisher.problem().expect("why").contains("typo"), "{:?}", cluster.publisher.problem());
    let kept = cluster.at(good).await;
    assert!(Arc::ptr_eq(&kept, &published), "the last good one stays");
    assert_eq!(cluster.bundle(&kept, 1).await.digest, before.digest);
    let mended = cluster.put("typo", OTHER);
    let published = cluster.at(mended).await;
    assert_ne!(cluster.bundle(&published, 1).await.digest, before.digest);
    assert_eq!(cluster.publisher.problem(), None);
    cluster.shutdown.finish(Duration::from_secs(5)).await.expect("ends");
}
