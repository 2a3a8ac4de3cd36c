use super::{
    directory::{Barred, Directory},
    file::{self, FileError, Floor},
    readings::Readings,
    verify::{Offer, Owner, VerifyError, verify},
};
use arc_swap::ArcSwap;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use wharden_docker::Reading;
use wharden_model::{Decision, Effect, HostId, Posture, Principal, Revision, SessionId, UserName};
use wharden_policy::{Compiled, Query, no_bundle};
use wharden_runtime::fsync::write_atomic;

/// Name of the bundle's file in the data directory.
const BUNDLE_FILE: &str = "bundle";
/// Name of the floor's file.
const FLOOR_FILE: &str = "floor.json";

/// Why an offered bundle was not taken. The one held stays in force.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("only the revision was sent, but the content is not the one that this host holds")]
    NotHeld,
    #[error("it was sent as a difference, which this agent does not know how to apply")]
    Difference,
    #[error("it cannot be written to {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("the bundle in {path} cannot be used: {source}")]
    File { path: PathBuf, source: FileError },
}

/// What is enforced now.
#[derive(Debug)]
pub struct Held {
    /// 0 when there is no bundle.
    pub revision: Revision,
    /// Empty content has none.
    pub digest: Option<[u8; 32]>,
    pub posture: Posture,
    /// Why the bundle on disk is not in force; `None` when it is, or when there never was one.
    pub problem: Option<String>,
    compiled: Option<Compiled>,
    directory: Directory,
    readings: Readings,
}

impl Held {
    /// Decides by the bundle. Without one everything but ping and version is denied.
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        self.compiled.as_ref().map_or_else(|| no_bundle(query.action), |compiled| compiled.decide(query))
    }

    /// Whether somebody may see what a list tells of a thing. Posture `observe` hides nothing.
    pub fn shows(&self, principal: &Principal, host: &HostId, reading: &Reading) -> bool {
        let decide = || {
            let Reading { action, resource, facts } = reading;
            self.decide(&Query { principal, action: *action, resource, host, facts }).effect == Effect::Allow
        };
        self.posture == Posture::Observe || self.readings.may(principal, reading, decide)
    }

    /// Whether somebody who comes from elsewhere with a certificate of this session may be served.
    ///
    /// # Errors
    /// [`Barred`]; whom the bundle does not know is not let in.
    pub fn admits(&self, user: &UserName, session: &SessionId) -> Result<(), Barred> {
        if self.has_bundle() { self.directory.admits(user, session) } else { Err(Barred::NoBundle) }
    }

    /// True when there is a bundle.
    pub fn has_bundle(&self) -> bool {
        self.compiled.is_some()
    }

    /// Rules in force, the built-in ones included.
    pub fn rules(&self) -> usize {
        self.compiled.as_ref().map_or(0, Compiled::rule_count)
    }
}

/// The bundle on disk and in force.
#[derive(Debug)]
pub struct Bundles {
    bundle_path: PathBuf,
    floor_path: PathBuf,
    owner: ArcSwap<Owner>,
    current: ArcSwap<Held>,
    changed: watch::Sender<Revision>,
    /// Held while a bundle is taken, so that two never race to the disk.
    floor: Mutex<Floor>,
}

impl Bundles {
    /// Loads what is on disk and verifies it again. A bundle that does not verify is not used, and the posture is the
    /// last one known, `enforce` where that cannot be read: a damaged file must not open a host. `enrolled` is the
    /// posture before the first bundle.
    pub fn load(data_dir: &Path, owner: Owner, enrolled: Posture) -> Self {
        let (bundle_path, floor_path) = (data_dir.join(BUNDLE_FILE), data_dir.join(FLOOR_FILE));
        let mut floor = match file::read_floor(&floor_path) {
            Ok(floor) => floor.unwrap_or(Floor { revision: 0, posture: enrolled }),
            Err(error) => {
                tracing::error!(%error, path = %floor_path.display(), "the last posture is not known: enforcing");
                Floor { revision: 0, posture: Posture::Enforce }
            }
        };
        let held = match Self::restore(&bundle_path, &owner, floor.revision) {
            Ok(Some(held)) => held,
            Ok(None) if floor.revision == 0 => empty(floor.posture, None),
            Ok(None) => empty(floor.posture, Some(format!("the file {} is gone", bundle_path.display()))),
            Err(error) => {
                let error = error.to_string();
                tracing::error!(%error, path = %bundle_path.display(), "the stored bundle is not enforced");
                empty(floor.posture, Some(error))
            }
        };
        if held.has_bundle() {
            floor = Floor { revision: held.revision.max(floor.revision), posture: held.posture };
        }
        Self {
            bundle_path,
            floor_path,
            owner: ArcSwap::from_pointee(owner),
            changed: watch::channel(held.revision).0,
            current: ArcSwap::from_pointee(held),
            floor: Mutex::new(floor),
        }
    }

    fn restore(path: &Path, owner: &Owner, floor: Revision) -> Result<Option<Held>, BundleError> {
        let stored = file::read(path).map_err(|source| BundleError::File { path: path.to_owned(), source })?;
        let Some(stored) = stored else { return Ok(None) };
        let (bundle, compiled) = verify(&stored.offer(), owner, floor)?;
        Ok(Some(Held {
            revision: stored.offer().revision,
            digest: Some(stored.offer().digest),
            posture: bundle.scope.posture,
            problem: None,
            compiled: Some(compiled),
            directory: Directory::of(&bundle),
            readings: Readings::default(),
        }))
    }

    /// What is enforced now.
    pub fn current(&self) -> Arc<Held> {
        self.current.load_full()
    }

    /// Wakes whenever another bundle is in force.
    pub fn changes(&self) -> watch::Receiver<Revision> {
        self.changed.subscribe()
    }

    /// Replaces the keys that bundles may be signed with.
    pub fn set_keys(&self, keys: Vec<[u8; 32]>) {
        let owner = Owner::clone(&self.owner.load());
        self.owner.store(Arc::new(Owner { keys, ..owner }));
    }

    /// Takes a bundle: verifies, compiles, writes, and puts it in force, in this order. An empty payload with the
    /// digest that is held brings only a new revision. Compiles and waits for the disk: not for a thread that must not
    /// block.
    ///
    /// # Errors
    /// [`BundleError`]; nothing has changed.
    pub fn take(&self, offer: &Offer<'_>) -> Result<(), BundleError> {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if offer.payload.is_empty() { self.kept(offer)? } else { Vec::new() };
        let whole = Offer { payload: if kept.is_empty() { offer.payload } else { &kept }, ..offer.clone() };
        let (bundle, compiled) = verify(&whole, &self.owner.load(), floor.revision)?;
        let held = Held {
            revision: whole.revision,
            digest: Some(whole.digest),
            posture: bundle.scope.posture,
            problem: None,
            compiled: Some(compiled),
            directory: Directory::of(&bundle),
            readings: Readings::default(),
        };
        let new_floor = Floor { revision: held.revision, posture: held.posture };
        self.write(&self.bundle_path, &file::encode(&whole))?;
        if *floor != new_floor {
            // Two plain fields always serialise.
            self.write(&self.floor_path, &serde_json::to_vec(&new_floor).unwrap_or_default())?;
            *floor = new_floor;
        }
        let revision = held.revision;
        self.current.store(Arc::new(held));
        self.changed.send_replace(revision);
        Ok(())
    }

    /// The content that is held, for an offer that leaves it out.
    fn kept(&self, offer: &Offer<'_>) -> Result<Vec<u8>, BundleError> {
        if self.current.load().digest != Some(offer.digest) {
            return Err(BundleError::NotHeld);
        }
        let stored = file::read(&self.bundle_path)
            .map_err(|source| BundleError::File { path: self.bundle_path.clone(), source })?;
        stored.map(file::Stored::into_payload).ok_or(BundleError::NotHeld)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
        write_atomic(path, bytes, 0o600).map_err(|source| BundleError::Write { path: path.to_owned(), source })
    }
}

/// Removes what belongs to an earlier enrolment.
///
/// # Errors
/// Those of the disk.
pub fn clear(data_dir: &Path) -> io::Result<()> {
    for name in [BUNDLE_FILE, FLOOR_FILE] {
        match std::fs::remove_file(data_dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn empty(posture: Posture, problem: Option<String>) -> Held {
    Held {
        revision: 0,
        digest: None,
        posture,
        problem,
        compiled: None,
        directory: Directory::default(),
        readings: Readings::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};
    use wharden_model::{
        Bundle, BundlePolicy, ClusterId, HostId, Labels, Mode, PolicyName, Scope, bundle::BUNDLE_FORMAT,
    };
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
            }
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
        assert!(matches!(
            stranger.offer(&bundles, 6, &side.bundle()),
            Err(BundleError::Verify(VerifyError::Signature(_)))
        ));
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
}
