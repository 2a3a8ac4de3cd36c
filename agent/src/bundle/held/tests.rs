use super::*;
use sha2::{Digest, Sha256};
use wharden_model::{Bundle, BundlePolicy, ClusterId, HostId, Labels, Mode, PolicyName, Scope, bundle::BUNDLE_FORMAT};
use wharden_pki::{BundleSigner, bundle_statement};

struct Side {
    signer: BundleSigner,
    dir: tempfile::TempDir,
}

fn id<T: std::str::FromStr<Err = wharden_model::IdError>>(text: &str) -> T {
    text.parse().expect("id")
}

impl Side {
    fn new() -> Self {
        Self { signer: BundleSigner::generate().expect("key"), dir: tempfile::tempdir().expect("dir") }
    }

    fn owner(&self) -> Owner {
        Owner {
            host_id: id("h-0000000000000001"),
            cluster_id: id("c-0000000000000001"),
            keys: vec![self.signer.public_key()],
        }
    }

    fn load(&self) -> Bundles {
        Bundles::load(self.dir.path(), self.owner(), Posture::Observe)
    }

    fn bundle(&self) -> Bundle {
        Bundle {
            format: BUNDLE_FORMAT,
            cluster_id: id("c-0000000000000001"),
            scope: Scope { labels: Labels::none(), posture: Posture::Enforce, host: None },
            policies: vec![BundlePolicy {
                name: PolicyName::new("open").expect("name"),
                mode: Mode::Enforce,
                text: "permit(principal, action, resource);".into(),
            }],
            users: vec![],
            ended_sessions: vec![],
            service_accounts: vec![],
        }
    }

    fn signed(&self, revision: Revision, bundle: &Bundle) -> (Vec<u8>, [u8; 32], Vec<u8>) {
        let payload = serde_json::to_vec(bundle).expect("json");
        let digest = Sha256::digest(&payload).into();
        let cluster: ClusterId = id("c-0000000000000001");
        let signature = self.signer.sign(&bundle_statement(&cluster, revision, &digest)).to_vec();
        (payload, digest, signature)
    }

    fn offer(&self, bundles: &Bundles, revision: Revision, bundle: &Bundle) -> Result<(), BundleError> {
        let payload = serde_json::to_vec(bundle).expect("json");
        let digest = Sha256::digest(&payload).into();
        let cluster: ClusterId = id("c-0000000000000001");
        let signature = self.signer.sign(&bundle_statement(&cluster, revision, &digest));
        bundles.take(&Offer { revision, digest, signature: &signature, payload: &payload })
    }
}

#[test]
fn a_bundle_is_in_force_after_a_restart_and_never_goes_back() {
    let side = Side::new();
    let bundles = side.load();
    assert_eq!((bundles.current().posture, bundles.current().has_bundle()), (Posture::Observe, false));
    side.offer(&bundles, 5, &side.bundle()).expect("good");
    let held = side.load();
    assert_eq!((held.current().revision, held.current().posture), (5, Posture::Enforce));
    let error = side.offer(&held, 4, &side.bundle()).expect_err("older");
    assert!(matches!(error, BundleError::Verify(VerifyError::Older { offered: 4, held: 5 })), "{error}");

    std::fs::remove_file(side.dir.path().join(BUNDLE_FILE)).expect("remove");
    let lost = side.load();
    assert!(!lost.current().has_bundle());
    assert_eq!(lost.current().posture, Posture::Enforce, "losing the file does not open the host");
    assert!(side.offer(&lost, 4, &side.bundle()).is_err(), "nor does it let an old bundle in");
    side.offer(&lost, 5, &side.bundle()).expect("the same again");
}

#[test]
fn a_changed_file_is_not_enforced() {
    let side = Side::new();
    side.offer(&side.load(), 5, &side.bundle()).expect("good");
    let path = side.dir.path().join(BUNDLE_FILE);
    let good = std::fs::read(&path).expect("read");
    for at in [0, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).expect("write");
        let held = side.load();
        assert!(!held.current().has_bundle(), "byte {at}");
        assert_eq!(held.current().posture, Posture::Enforce);
        assert!(held.current().problem.is_some());
    }
    std::fs::write(side.dir.path().join(FLOOR_FILE), "").expect("write");
    assert_eq!(side.load().current().posture, Posture::Enforce, "not knowing is no reason to open");
    let newer = String::from_utf8(good).expect("text").replacen("\"revision\":5", "\"revision\":9", 1);
    std::fs::write(&path, newer).expect("write");
    assert!(!side.load().current().has_bundle(), "the revision is signed too");
}

#[test]
fn foreign_bundles_are_refused_and_the_held_one_stays() {
    let side = Side::new();
    let bundles = side.load();
    side.offer(&bundles, 5, &side.bundle()).expect("good");
    let stranger = Side::new();
    assert!(matches!(stranger.offer(&bundles, 6, &side.bundle()), Err(BundleError::Verify(VerifyError::Signature(_)))));
    let mut other = side.bundle();
    other.scope.host = Some(HostId::new("h-0000000000000002").expect("id"));
    assert!(matches!(side.offer(&bundles, 6, &other), Err(BundleError::Verify(VerifyError::Host(_)))));
    let mut other = side.bundle();
    other.cluster_id = id("c-0000000000000002");
    assert!(matches!(side.offer(&bundles, 6, &other), Err(BundleError::Verify(VerifyError::Cluster { .. }))));
    let mut other = side.bundle();
    other.policies[0].text = "permit(principal, action, resource".into();
    assert!(matches!(side.offer(&bundles, 6, &other), Err(BundleError::Verify(VerifyError::Compile(_)))));
    assert_eq!(bundles.current().revision, 5);
}

#[test]
fn a_new_revision_of_the_same_content_needs_its_own_signature() {
    let side = Side::new();
    let bundles = side.load();
    side.offer(&bundles, 5, &side.bundle()).expect("good");
    let digest = bundles.current().digest.expect("held");
    let statement = |revision| bundle_statement(&id("c-0000000000000001"), revision, &digest);
    let take = |revision, signature: [u8; 64], digest| {
        bundles.take(&Offer { revision, digest, signature: &signature, payload: &[] })
    };
    assert!(take(7, side.signer.sign(&statement(6)), digest).is_err());
    assert!(matches!(take(7, side.signer.sign(&statement(7)), [0; 32]), Err(BundleError::NotHeld)));
    take(7, side.signer.sign(&statement(7)), digest).expect("good");
    assert_eq!(side.load().current().revision, 7);
}

#[test]
fn a_difference_is_from_what_is_held_and_is_verified_as_a_whole_bundle_is() {
    let side = Side::new();
    let bundles = side.load();
    side.offer(&bundles, 5, &side.bundle()).expect("good");
    let mut next = side.bundle();
    next.policies[0].text = "permit(principal, action == Docker::Action::\"container.list\", resource);".into();
    let (old, ..) = side.signed(5, &side.bundle());
    let (new, digest, signature) = side.signed(6, &next);
    let steps = difference::between(&old, &new);
    let take = |from, steps: &[u8], digest| {
        bundles.take_difference(&Offer { revision: 6, digest, signature: &signature, payload: steps }, from)
    };
    assert!(matches!(take(4, &steps, digest), Err(BundleError::OtherBase { from: 4, held: 5 })));
    assert!(matches!(take(5, b"\xff", digest), Err(BundleError::Difference(_))));
    let other = difference::between(&old, b"something else that nobody has signed");
    assert!(matches!(take(5, &other, digest), Err(BundleError::Verify(VerifyError::Digest))));
    assert!(matches!(take(5, &other, [0; 32]), Err(BundleError::Verify(_))));
    assert_eq!(bundles.current().revision, 5, "nothing has changed");
    take(5, &steps, digest).expect("good");
    for bundles in [&bundles, &side.load()] {
        assert_eq!((bundles.current().revision, bundles.current().digest), (6, Some(digest)));
    }
}
