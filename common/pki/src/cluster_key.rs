//! The cluster key, and sealing of secrets at rest under it.
//!
//! The key itself is never in the replicated state. Two keys are derived from it, so that no key serves two purposes:
//! one seals (XChaCha20-Poly1305), one makes keyed hashes of short secrets.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const SEAL_VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const FILE_PREFIX: &str = "wharden-cluster-key-1:";

/// Why the text of a key file was refused. The text itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterKeyError {
    #[error("not a cluster key file: it must begin with \"wharden-cluster-key-1:\"")]
    Prefix,
    #[error("the cluster key file is damaged: what follows the prefix is not 32 bytes in base64")]
    Content,
}

/// Why a sealed value was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the sealed value is cut short")]
    Short,
    #[error("the sealed value has version {0}; this program knows version 1: run a newer one")]
    Version(u8),
    #[error("the sealed value does not open: it was changed, belongs to another record, or to another cluster key")]
    Refused,
}

/// 32 random bytes from which everything sealed in one cluster hangs.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ClusterKey([u8; 32]);

impl ClusterKey {
    /// A new one.
    pub fn generate() -> Self {
        let mut key = [0; 32];
        rand::fill(&mut key);
        Self(key)
    }

    /// One that exists.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The text of the key file: one line.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(STANDARD.encode(self.0));
        Zeroizing::new(format!("{FILE_PREFIX}{}\n", *encoded))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`ClusterKeyError`]; it never shows the text.
    pub fn from_file_text(text: &str) -> Result<Self, ClusterKeyError> {
        let encoded = text.trim_end_matches(['\r', '\n']).strip_prefix(FILE_PREFIX).ok_or(ClusterKeyError::Prefix)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| ClusterKeyError::Content)?);
        <[u8; 32]>::try_from(bytes.as_slice()).map(Self).map_err(|_| ClusterKeyError::Content)
    }

    /// Seals a secret for the record `record_id`: it opens only under this id and this key.
    ///
    /// Form: version byte, 24 bytes of nonce, ciphertext and tag.
    pub fn seal(&self, record_id: &str, secret: &[u8]) -> Vec<u8> {
        let mut out = vec![SEAL_VERSION];
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce);
        out.extend_from_slice(&nonce);
        let payload = Payload { msg: secret, aad: record_id.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("XChaCha20-Poly1305 fails only above 256 GiB, which no secret has");
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what [`ClusterKey::seal`] made for the same record.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, record_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (&version, rest) = sealed.split_first().ok_or(OpenError::Short)?;
        if version != SEAL_VERSION {
            return Err(OpenError::Version(version));
        }
        let (nonce, msg) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Short)?;
        if msg.len() < TAG_LEN {
            return Err(OpenError::Short);
        }
        let payload = Payload { msg, aad: record_id.as_bytes() };
        let secret = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenError::Refused)?;
        Ok(Zeroizing::new(secret))
    }

    /// A hash that only holders of the cluster key can compute: for secrets too short to be safe under a plain hash
    /// when the state leaks, such as recovery codes.
    pub fn keyed_hash(&self, record_id: &str, secret: &[u8]) -> [u8; 32] {
        let key = self.derive(b"keyed-hash");
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*key));
        context.update(&(record_id.len() as u64).to_be_bytes());
        context.update(record_id.as_bytes());
        context.update(secret);
        to_array(&context.sign())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.derive(b"seal")).into())
    }

    fn derive(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), purpose);
        Zeroizing::new(to_array(&tag))
    }
}

fn to_array(tag: &hmac::Tag) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sealed_opens_only_unchanged_under_its_record_and_key() {
        let key = ClusterKey::generate();
        let sealed = key.seal("user/alice/totp", b"secret");
        assert_eq!(key.open("user/alice/totp", &sealed).expect("opens").as_slice(), b"secret");
        assert_eq!(key.open("user/bob/totp", &sealed).err(), Some(OpenError::Refused));
        assert_eq!(ClusterKey::generate().open("user/alice/totp", &sealed).err(), Some(OpenError::Refused));
        for at in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[at] ^= 1;
            let error = key.open("user/alice/totp", &tampered).expect_err("tampered");
            assert_eq!(error, if at == 0 { OpenError::Version(0) } else { OpenError::Refused });
        }
        for len in 0..sealed.len() {
            let error = key.open("user/alice/totp", &sealed[..len]).expect_err("cut");
            assert_eq!(error, if len < 41 { OpenError::Short } else { OpenError::Refused });
        }
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let key = ClusterKey::generate();
        assert_ne!(key.seal("a", b"x"), key.seal("a", b"x"));
    }

    #[test]
    fn key_files_round_trip_and_bad_ones_are_not_shown() {
        let key = ClusterKey::generate();
        let text = key.to_file_text();
        assert_eq!(ClusterKey::from_file_text(&text).expect("reads").0, key.0);
        assert_eq!(ClusterKey::from_file_text("c2VjcmV0").err(), Some(ClusterKeyError::Prefix));
        let cut = &text[..text.len() - 6];
        let error = ClusterKey::from_file_text(cut).err().expect("cut");
        assert_eq!(error, ClusterKeyError::Content);
        assert!(!error.to_string().contains(&cut[FILE_PREFIX.len()..]));
    }

    /// What is on disk must open for ever: changing a derivation or the form breaks this.
    #[test]
    fn the_sealed_form_is_frozen() {
        let key = ClusterKey::from_bytes([7; 32]);
        let sealed = data_encoding::HEXLOWER.decode(GOLDEN.as_bytes()).expect("hex");
        assert_eq!(key.open("golden", &sealed).expect("opens").as_slice(), b"wharden");
        assert_eq!(data_encoding::HEXLOWER.encode(&key.keyed_hash("golden", b"wharden")), GOLDEN_HASH);
    }
    const GOLDEN: &str =
        "01ac0894d2d55abc376a0220078b11800bbb3444baa63e7632a329c4d8fb30d7197b0f781b62aa6bbb4b42f889b53215";
    const GOLDEN_HASH: &str = "046505405dfb951a2a908276e3bf44412d6b64b5df0d79e5da1af5a5663268b0";

    proptest! {
        #[test]
        fn any_secret_comes_back(secret in prop::collection::vec(any::<u8>(), 0..200), id in ".{0,40}") {
            let key = ClusterKey::from_bytes([1; 32]);
            let opened = key.open(&id, &key.seal(&id, &secret)).expect("opens");
            prop_assert_eq!(opened.as_slice(), secret.as_slice());
        }

        #[test]
        fn rubbish_never_opens_nor_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            prop_assert!(ClusterKey::from_bytes([1; 32]).open("x", &bytes).is_err());
            prop_assert!(ClusterKey::from_file_text(&text).is_err());
        }
    }
}
