//! How the guard's TCP port proves itself: a CA that the agent makes for its own host, and a certificate of that CA.
//!
//! The CA's key stays in the data directory; the certificate is made anew at every start and while the agent runs.

use super::data_dir::{DataDir, DataDirError};
use wharden_model::{HostId, Timestamp};
use wharden_pki::{CaError, GuardCa, ServerIdentity, ServerNameError, pem};
use zeroize::Zeroizing;

const CA_FILE: &str = "guard-ca.pem";
const KEY_FILE: &str = "guard-ca.key";

/// Why the guard has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum GuardIdentityError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("the guard's own CA cannot be made: {0}")]
    Ca(#[from] CaError),
    #[error("the guard's certificate cannot be made: {0}; name the host with --guard-name")]
    Name(#[from] ServerNameError),
}

/// What the guard serves TLS with.
pub struct GuardIdentity {
    pub server: ServerIdentity,
    /// The certificate of the CA, PEM, for those who connect.
    pub ca_pem: String,
    /// When to make another one.
    pub renew_at: Timestamp,
}

impl GuardIdentity {
    /// Makes a certificate for these names, and the CA too when there is none that lasts long enough.
    ///
    /// # Errors
    /// [`GuardIdentityError`].
    pub fn make(dir: &DataDir, host: &HostId, names: &[String], now: Timestamp) -> Result<Self, GuardIdentityError> {
        let ca = match load(dir)? {
            Some(ca) if !ca.ends_soon(now) => ca,
            _ => generate(dir, host, now)?,
        };
        let server = ca.issue(names, now)?;
        let renew_at = Timestamp(now.0 + server.not_after.millis_since(now) / 2);
        Ok(Self { server, ca_pem: ca.cert_pem(), renew_at })
    }
}

/// Removes what belongs to an earlier enrolment.
///
/// # Errors
/// [`DataDirError`].
pub fn clear(dir: &DataDir) -> Result<(), DataDirError> {
    dir.remove(CA_FILE)?;
    dir.remove(KEY_FILE)
}

fn load(dir: &DataDir) -> Result<Option<GuardCa>, DataDirError> {
    let (Some(cert), Some(key)) = (dir.read(CA_FILE)?, dir.read(KEY_FILE)?.map(Zeroizing::new)) else {
        return Ok(None);
    };
    let one = |label, bytes: &[u8]| pem::decode(label, std::str::from_utf8(bytes).ok()?)?.pop();
    let (cert, key) = (one(pem::CERTIFICATE, &cert), one(pem::PRIVATE_KEY, &key).map(Zeroizing::new));
    let loaded = match (cert, key) {
        (Some(cert), Some(key)) => GuardCa::from_parts(&cert, &key).map_err(|error| error.to_string()),
        _ => Err("it is not PEM".to_owned()),
    };
    // Nobody has the old key but this folder: people get to know the new CA with their next login.
    Ok(loaded.inspect_err(|error| tracing::warn!(%error, "the guard's CA is damaged; making another one")).ok())
}

fn generate(dir: &DataDir, host: &HostId, now: Timestamp) -> Result<GuardCa, GuardIdentityError> {
    let ca = GuardCa::generate(host, now)?;
    let key = Zeroizing::new(pem::encode(pem::PRIVATE_KEY, [ca.key_pkcs8().as_slice()]));
    dir.write(KEY_FILE, key.as_bytes())?;
    dir.write(CA_FILE, ca.cert_pem().as_bytes())?;
    Ok(ca)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_ca_stays_until_it_is_damaged_or_ends_and_is_for_the_agent_only() {
        let parent = tempfile::tempdir().expect("dir");
        let dir = DataDir::create(&parent.path().join("data")).expect("made");
        let host = HostId::new("h-0123456789abcdef").expect("id");
        let now = Timestamp(1_800_000_000_000);
        let make = |now| GuardIdentity::make(&dir, &host, &["web1".into()], now).expect("made");
        let (first, second) = (make(now), make(now));
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_ne!(first.server.chain[0], second.server.chain[0]);
        assert!(first.renew_at > now && first.renew_at < first.server.not_after);
        for name in [CA_FILE, KEY_FILE] {
            let mode = std::fs::metadata(dir.file(name)).expect("meta").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        dir.write(KEY_FILE, b"rubbish").expect("write");
        let third = make(now);
        assert_ne!(third.ca_pem, first.ca_pem);
        let late = now.plus_secs(wharden_pki::limits::GUARD_CA_LIFETIME.as_secs() - 60);
        assert_ne!(make(late).ca_pem, third.ca_pem, "in time before it ends");
        let named = GuardIdentity::make(&dir, &host, &["a b".into()], now).err().expect("no name").to_string();
        assert!(named.contains("a b") && named.contains("--guard-name"), "{named}");
    }
}
