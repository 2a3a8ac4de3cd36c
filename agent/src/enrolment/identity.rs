use super::data_dir::{DataDir, DataDirError};
use crate::bundle::Owner;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use wharden_model::{ClusterId, HostId, Posture, Timestamp};
use wharden_pki::{CertError, KeyError, KeyPair, PeerCert, peer_of, pem};
use wharden_runtime::tls;
use zeroize::Zeroizing;

pub(super) const HOST_FILE: &str = "host.json";
pub(super) const KEY_FILE: &str = "host.key";
pub(super) const CHAIN_FILE: &str = "host.pem";
pub(super) const BUNDLE_KEYS_FILE: &str = "bundle.keys";
pub(super) const KEY_LABEL: &str = pem::PRIVATE_KEY;
pub(super) const CHAIN_LABEL: &str = pem::CERTIFICATE;

const FORMAT: u32 = 1;

/// `host.json`: what enrolment settled for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFile {
    pub format: u32,
    pub host_id: HostId,
    pub cluster_id: ClusterId,
    /// Name that the host enrolled with.
    pub hostname: String,
    /// Controllers, `host:port` each.
    pub controllers: Vec<String>,
    /// Posture until the first bundle.
    pub posture: Posture,
    pub enrolled_at: Timestamp,
}

impl HostFile {
    /// The present form.
    pub const fn format() -> u32 {
        FORMAT
    }
}

/// Why the enrolment on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(
        "this host is not enrolled: {0} is not there. Run wharden-agent enroll --controller HOST:7441 --token-file FILE"
    )]
    NotEnrolled(PathBuf),
    #[error("{path} is damaged ({what}): enroll this host again with --force")]
    Damaged { path: PathBuf, what: String },
    #[error("{path} is of format {found}, this build knows {FORMAT}: update the agent")]
    Format { path: PathBuf, found: u32 },
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] CertError),
    #[error("the key cannot be used: {0}")]
    Key(#[from] KeyError),
    #[error("the certificate in {0} is not for this host's key, id and cluster: enroll this host again with --force")]
    Mismatch(PathBuf),
}

/// The host as it proves itself to controllers.
#[derive(Clone)]
pub struct HostIdentity {
    pub host: HostFile,
    /// The host's certificate, then the CA's. DER.
    pub chain: Vec<Vec<u8>>,
    /// Ed25519 public keys of bundles.
    pub bundle_keys: Vec<[u8; 32]>,
    /// What the certificate says.
    pub cert: PeerCert,
    key_pkcs8: Zeroizing<Vec<u8>>,
}

impl HostIdentity {
    /// Puts together what came from a controller, and checks that it belongs together.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`] and those of certificates.
    pub fn new(
        host: HostFile,
        chain: Vec<Vec<u8>>,
        bundle_keys: Vec<[u8; 32]>,
        key: &KeyPair,
    ) -> Result<Self, IdentityError> {
        let mismatch = || IdentityError::Mismatch(CHAIN_FILE.into());
        let (Some(leaf), Some(_ca)) = (chain.first(), chain.get(1)) else { return Err(mismatch()) };
        let cert = peer_of(leaf)?;
        if cert.host_id != host.host_id || cert.cluster_id != host.cluster_id || !key.matches(leaf) {
            return Err(mismatch());
        }
        Ok(Self { host, cert, bundle_keys, key_pkcs8: key.pkcs8_der(), chain })
    }

    /// Reads the enrolment of a folder.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn load(dir: &DataDir) -> Result<Self, IdentityError> {
        let host_path = dir.file(HOST_FILE);
        let Some(host) = dir.read(HOST_FILE)? else { return Err(IdentityError::NotEnrolled(host_path)) };
        let format: Format = parse(&host_path, &host)?;
        if format.format != FORMAT {
            return Err(IdentityError::Format { path: host_path, found: format.format });
        }
        let host: HostFile = parse(&host_path, &host)?;
        let chain = blocks(dir, CHAIN_FILE, CHAIN_LABEL)?;
        let key = Zeroizing::new(blocks(dir, KEY_FILE, KEY_LABEL)?.pop().unwrap_or_default());
        let keys = text(dir, BUNDLE_KEYS_FILE)?;
        let keys: Option<Vec<[u8; 32]>> =
            keys.lines().map(|line| HEXLOWER.decode(line.as_bytes()).ok()?.try_into().ok()).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| IdentityError::Damaged {
            path: dir.file(BUNDLE_KEYS_FILE),
            what: "it is not a list of keys".to_owned(),
        })?;
        Self::new(host, chain, keys, &KeyPair::from_pkcs8(&key)?)
    }

    /// Writes everything but the key; `host.json` last, since its presence says that the rest is there.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn store(&self, dir: &DataDir) -> Result<(), DataDirError> {
        dir.write(BUNDLE_KEYS_FILE, keys_text(&self.bundle_keys).as_bytes())?;
        dir.write(CHAIN_FILE, pem::encode(CHAIN_LABEL, self.chain.iter().map(Vec::as_slice)).as_bytes())?;
        // A plain struct always serialises.
        dir.write(HOST_FILE, &serde_json::to_vec_pretty(&self.host).unwrap_or_default())
    }

    /// Writes the key.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn store_key(dir: &DataDir, name: &str, key: &KeyPair) -> Result<(), DataDirError> {
        let der = key.pkcs8_der();
        dir.write(name, Zeroizing::new(pem::encode(KEY_LABEL, [der.as_slice()])).as_bytes())
    }

    /// The key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key(&self) -> Result<KeyPair, KeyError> {
        KeyPair::from_pkcs8(&self.key_pkcs8)
    }

    /// For TLS.
    pub fn tls(&self) -> tls::Identity {
        // The server has the CA's certificate.
        tls::Identity::new(self.chain.get(..1).unwrap_or_default(), &self.key_pkcs8)
    }

    /// The cluster's CA. DER.
    pub fn ca(&self) -> &[u8] {
        self.chain.get(1).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whose bundles are good here.
    pub fn owner(&self) -> Owner {
        Owner {
            host_id: self.host.host_id.clone(),
            cluster_id: self.host.cluster_id.clone(),
            keys: self.bundle_keys.clone(),
        }
    }
}

impl std::fmt::Debug for HostIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostIdentity").field("host", &self.host).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn parse<T: serde::de::DeserializeOwned>(path: &std::path::Path, bytes: &[u8]) -> Result<T, IdentityError> {
    serde_json::from_slice(bytes)
        .map_err(|error| IdentityError::Damaged { path: path.to_owned(), what: error.to_string() })
}

fn text(dir: &DataDir, name: &str) -> Result<Zeroizing<String>, IdentityError> {
    let damaged = |what: &str| IdentityError::Damaged { path: dir.file(name), what: what.to_owned() };
    let bytes = Zeroizing::new(dir.read(name)?.ok_or_else(|| damaged("it is not there"))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

pub(super) fn blocks(dir: &DataDir, name: &str, label: &str) -> Result<Vec<Vec<u8>>, IdentityError> {
    pem::decode(label, &text(dir, name)?)
        .ok_or_else(|| IdentityError::Damaged { path: dir.file(name), what: format!("it is no {label} in PEM") })
}

pub(super) fn keys_text(keys: &[[u8; 32]]) -> String {
    keys.iter().map(|key| HEXLOWER.encode(key) + "\n").collect()
}
