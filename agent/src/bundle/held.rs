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
use wharden_model::{Action, Decision, Effect, HostId, Posture, Principal, Revision, SessionId, UserName};
use wharden_policy::{Compiled, Query, no_bundle};
use wharden_proto::difference::{self, DifferenceError};
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
    #[error("it was sent as a difference from revision {from}, and this host holds {held}")]
    OtherBase { from: Revision, held: Revision },
    #[error("it was sent as a difference that cannot be applied: {0}")]
    Difference(#[from] DifferenceError),
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

    /// The denial of whoever may do this to nothing there is; see [`Compiled::denies_outright`].
    pub fn denies_outright(&self, principal: &Principal, action: Action, host: &HostId) -> Option<Decision> {
        self.compiled.as_ref().map_or_else(
            || Some(no_bundle(action)).filter(|decision| decision.effect == Effect::Deny),
            |compiled| compiled.denies_outright(principal, action, host),
        )
    }

    /// True when somebody may do this to everything here; see [`Compiled::allows_everything`].
    pub fn allows_everything(&self, principal: &Principal, action: Action, host: &HostId) -> bool {
        self.compiled.as_ref().is_some_and(|compiled| compiled.allows_everything(principal, action, host))
    }

    /// True when the bundle denies whatever the facts of these names will be, so that nobody has to wait for them.
    pub fn denies_whatever(&self, query: &Query<'_>, to_come: &[&str]) -> bool {
        self.compiled.as_ref().is_none_or(|compiled| compiled.denies_whatever(query, to_come))
    }

    /// Whether somebody may see what a list tells of a thing. Posture `observe` hides nothing.
    pub fn shows(&self, principal: &Principal, host: &HostId, reading: &Reading) -> bool {
        let decide = || {
            let Reading { action, resource, facts } = reading;
            self.decide(&Query { principal, action: *action, resource, host, facts }).effect == Effect::Allow
        };
        self.posture == Posture::Observe || self.readings.may(principal, reading, decide)
    }

    /// True for a user that is refused everything here.
    pub fn bars(&self, user: &str) -> bool {
        self.posture == Posture::Enforce && self.directory.is_disabled(user)
    }

    /// Whether somebody who comes from elsewhere with a certificate of this session may be served.
    ///
    /// # Errors
    /// [`Barred`]; whom the bundle does not know is not let in.
    pub fn admits(&self, user: &UserName, session: &SessionId) -> Result<(), Barred> {
        if self.has_bundle() { self.directory.admits(user, session) } else { Err(Barred::NoBundle) }
    }

    /// The same for a service account.
    ///
    /// # Errors
    /// [`Barred`].
    pub fn admits_service_account(&self, account: &UserName, session: &SessionId) -> Result<(), Barred> {
        if self.has_bundle() { self.directory.admits_service_account(account, session) } else { Err(Barred::NoBundle) }
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
        if !offer.payload.is_empty() {
            return self.take_whole(offer, &mut floor);
        }
        if self.current.load().digest != Some(offer.digest) {
            return Err(BundleError::NotHeld);
        }
        self.take_whole(&Offer { payload: &self.content()?, ..offer.clone() }, &mut floor)
    }

    /// The same for a bundle whose payload is its difference from the one that is held.
    ///
    /// # Errors
    /// [`BundleError`]; nothing has changed.
    pub fn take_difference(&self, offer: &Offer<'_>, from: Revision) -> Result<(), BundleError> {
        let mut floor = self.floor.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.current.load().revision;
        if held != from {
            return Err(BundleError::OtherBase { from, held });
        }
        let whole = difference::apply(&self.content()?, offer.payload)?;
        self.take_whole(&Offer { payload: &whole, ..offer.clone() }, &mut floor)
    }

    fn take_whole(&self, whole: &Offer<'_>, floor: &mut Floor) -> Result<(), BundleError> {
        let (bundle, compiled) = verify(whole, &self.owner.load(), floor.revision)?;
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
        self.write(&self.bundle_path, &file::encode(whole))?;
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

    /// The content that is held, for an offer that leaves it out or says what is different.
    fn content(&self) -> Result<Vec<u8>, BundleError> {
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
mod tests;
