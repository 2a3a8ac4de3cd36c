//! The certificate and key that this controller shows to others, and the files that they are kept in.

use crate::data_dir::{PEER_CHAIN, PEER_KEY};
use anyhow::{Context, ensure};
use std::{fs, io, path::Path};
use wharden_model::{ClusterId, Timestamp};
use wharden_pki::{Ca, KeyPair, controller_of, pem};
use wharden_runtime::{fsync::write_atomic, tls::Identity};
use zeroize::Zeroizing;

/// Who this controller is among controllers.
pub struct PeerIdentity {
    /// Its certificate, then the CA's.
    pub chain: Vec<Vec<u8>>,
    key_pkcs8: Zeroizing<Vec<u8>>,
    pub cluster: ClusterId,
    pub number: u64,
    /// Serial number of the certificate, hex.
    pub serial: String,
}

impl PeerIdentity {
    /// Reads it from the data folder; `None` when there is none yet. The key alone is of a join that has not ended.
    ///
    /// # Errors
    /// When a file cannot be read or they do not belong together.
    pub fn load(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = data_dir.join(PEER_CHAIN);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let chain = pem::decode(pem::CERTIFICATE, &text)
            .with_context(|| format!("{}: it does not hold certificates", path.display()))?;
        let key = load_key(data_dir)?.with_context(|| format!("{} is missing", data_dir.join(PEER_KEY).display()))?;
        Self::of(chain, &key).map(Some)
    }

    /// Takes a chain for a key.
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn of(chain: Vec<Vec<u8>>, key: &KeyPair) -> anyhow::Result<Self> {
        let leaf = chain.first().context("there is no certificate")?;
        ensure!(key.matches(leaf), "the certificate of this controller is for another key");
        let cert = controller_of(leaf)?;
        let ca = chain.get(1).context("the CA's certificate is missing")?;
        ensure!(
            wharden_pki::ca_cluster(ca)? == cert.cluster_id,
            "the certificate of this controller and the CA are of different clusters"
        );
        let (cluster, number, serial) = (cert.cluster_id, cert.number, cert.serial);
        Ok(Self { key_pkcs8: key.pkcs8_der(), cluster, number, serial, chain })
    }

    /// Makes one with the CA's own key, for the controller that founds the cluster, and keeps it.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn make(data_dir: &Path, ca: &Ca, number: u64, names: &[String], now: Timestamp) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let issued = ca.issue_controller(&key.csr_der()?, names, number, now)?;
        let made = Self::of(vec![issued.der, ca.cert_der().to_vec()], &key)?;
        store_key(data_dir, &key)?;
        made.store(data_dir)?;
        Ok(made)
    }

    /// Writes the certificates; the key is there already.
    ///
    /// # Errors
    /// What the system says.
    pub fn store(&self, data_dir: &Path) -> io::Result<()> {
        let text = pem::encode(pem::CERTIFICATE, self.chain.iter().map(Vec::as_slice));
        write_atomic(&data_dir.join(PEER_CHAIN), text.as_bytes(), 0o600)
    }

    /// For TLS.
    pub fn tls(&self) -> Identity {
        Identity::new(&self.chain, &self.key_pkcs8)
    }

    /// The CA's certificate.
    pub fn ca(&self) -> Vec<u8> {
        self.chain.get(1).cloned().unwrap_or_default()
    }
}

/// The key in a data folder, if there is one.
///
/// # Errors
/// When it cannot be read or is no key.
pub fn load_key(data_dir: &Path) -> anyhow::Result<Option<KeyPair>> {
    let path = data_dir.join(PEER_KEY);
    match fs::read(&path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            KeyPair::from_pkcs8(&bytes).map(Some).with_context(|| path.display().to_string())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Writes the key.
///
/// # Errors
/// What the system says.
pub fn store_key(data_dir: &Path, key: &KeyPair) -> io::Result<()> {
    write_atomic(&data_dir.join(PEER_KEY), &key.pkcs8_der(), 0o600)
}

/// Removes the key of a join that came to nothing.
pub fn forget_key(data_dir: &Path) {
    // What is not there cannot be removed.
    let _ = fs::remove_file(data_dir.join(PEER_KEY));
}
