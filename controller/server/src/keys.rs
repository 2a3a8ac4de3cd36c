//! The cluster's keys, opened once at start and held in memory only.

use sha2::{Digest, Sha256};
use std::{path::Path, sync::Arc};
use wharden_model::{ClusterId, SessionId, Timestamp};
use wharden_pki::{BundleSigner, Ca, ClusterKeys, MissingKey, token::SecretKind};
use wharden_state::{ClusterCommand, Hex, LEVEL, SealedKeys, State};

use crate::{
    auth::{
        access_token::AccessKeys,
        keyring::{self, Held, Keyring, KeyringError},
    },
    sealing::Holder,
};
use wharden_model::api::Secret;

/// Associated data of each sealed key.
pub const CA_RECORD: &str = "cluster/ca";
pub const BUNDLE_RECORD: &str = "cluster/bundle";

/// Everything that signs or unseals.
pub struct Keys {
    pub cluster_id: ClusterId,
    pub ca: Ca,
    pub bundles: BundleSigner,
    access: Held,
    /// The cluster keys.
    pub holder: Holder,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the cluster is not initialised: run `wharden-controller init` first")]
    NotInitialised,
    #[error("{path}: {error}; restore the file from where you keep it, the data cannot be read without it")]
    ClusterKeyFile { path: String, error: String },
    #[error("the {what} cannot be opened: is cluster.key the one of this cluster? ({error})")]
    Sealed { what: &'static str, error: String },
    #[error("{0}: is cluster.key the one of this cluster, and of this time?")]
    Missing(#[from] MissingKey),
    #[error("keys could not be made: {0}")]
    Generate(String),
}

/// Reads the cluster keys.
///
/// # Errors
/// [`KeysError::ClusterKeyFile`] when the file is missing or is not a cluster key.
pub fn read_cluster_key(path: &Path) -> Result<ClusterKeys, KeysError> {
    let fail = |error: String| KeysError::ClusterKeyFile { path: path.display().to_string(), error };
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?);
    ClusterKeys::from_file_text(&text).map_err(|e| fail(e.to_string()))
}

/// Makes the keys of a new cluster: the command that stores them sealed, and the bootstrap token.
///
/// # Errors
/// [`KeysError::Generate`].
pub fn new_cluster(sealing: &ClusterKeys, now: Timestamp) -> Result<(ClusterCommand, Ca, Secret), KeysError> {
    let fail = |e: &dyn std::fmt::Display| KeysError::Generate(e.to_string());
    let id = ClusterId::new(format!("c-{:016x}", rand::random::<u64>())).map_err(|e| fail(&e))?;
    let ca = Ca::generate(&id, now).map_err(|e| fail(&e))?;
    let bundles = BundleSigner::generate().map_err(|e| fail(&e))?;
    let access = AccessKeys::generate(&id).map_err(|e| fail(&e))?;
    let bootstrap = SecretKind::Bootstrap.generate();
    let command = ClusterCommand::Initialise {
        id,
        ca_certificate: Hex(ca.cert_der().to_vec()),
        bundle_key: bundles.public_key().into(),
        keys: SealedKeys {
            ca: Hex(sealing.seal(CA_RECORD, &ca.key_pkcs8())),
            bundle: Hex(sealing.seal(BUNDLE_RECORD, bundles.pkcs8())),
            token: Hex(sealing.seal(keyring::RECORD, access.pkcs8())),
        },
        bootstrap_hash: wharden_pki::token::hash_secret(bootstrap.reveal()).into(),
        level: LEVEL,
        sealing: Some(sealing.current()),
    };
    Ok((command, ca, bootstrap))
}

impl Keys {
    /// Opens the keys that the state holds sealed.
    ///
    /// # Errors
    /// [`KeysError`] when the cluster is not initialised or the cluster key is another one.
    pub fn open(state: &State, sealing: impl Into<Holder>) -> Result<Self, KeysError> {
        let cluster = state.cluster.as_ref().ok_or(KeysError::NotInitialised)?;
        let holder = sealing.into();
        holder.follow(state)?;
        let sealing = holder.now();
        let unseal = |what, record: &str, sealed: &Hex| {
            sealing.open(record, &sealed.0).map_err(|e| KeysError::Sealed { what, error: e.to_string() })
        };
        let fail = |what| move |e: &dyn std::fmt::Display| KeysError::Sealed { what, error: e.to_string() };
        let ca = unseal("CA key", CA_RECORD, &cluster.keys.ca)?;
        let ca = Ca::from_parts(&cluster.ca_certificate.0, &ca).map_err(|e| fail("CA key")(&e))?;
        let bundles = unseal("bundle key", BUNDLE_RECORD, &cluster.keys.bundle)?;
        let bundles = BundleSigner::from_pkcs8(&bundles).map_err(|e| fail("bundle key")(&e))?;
        let access = Held::default();
        access.of(cluster, &sealing).map_err(|e| fail("token key")(&e))?;
        Ok(Self { cluster_id: cluster.id.clone(), ca, bundles, access, holder })
    }

    /// What every refresh token of a session carries, and nothing else shows: only who once had one of its tokens can make
    /// it look as if one came back. By a key that stays, so that it stays the same.
    pub fn family(&self, session: &SessionId) -> String {
        let signature = self.bundles.sign(format!("wharden refresh 1\n{}\n{session}", self.cluster_id).as_bytes());
        Hex(Sha256::digest(signature)[..16].to_vec()).to_string()
    }

    /// The cluster keys of now.
    pub fn sealing(&self) -> Arc<ClusterKeys> {
        self.holder.now()
    }

    /// The keys of access tokens, as this state has them.
    ///
    /// # Errors
    /// [`KeysError`] when the cluster key does not open them.
    pub fn access(&self, state: &State) -> Result<Arc<Keyring>, KeysError> {
        let cluster = state.cluster.as_ref().ok_or(KeysError::NotInitialised)?;
        let fail = |e: KeyringError| KeysError::Sealed { what: "token key", error: e.to_string() };
        self.access.of(cluster, &self.sealing()).map_err(fail)
    }
}
