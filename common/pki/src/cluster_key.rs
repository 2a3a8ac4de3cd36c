//! One cluster key, and sealing of secrets at rest under it.
//!
//! The key itself is never in the replicated state. Keys for each purpose are derived from it, so that no key serves two:
//! one seals (XChaCha20-Poly1305), one makes keyed hashes of short secrets, one makes the name.
//!
//! What a key seals names it, so that values of two keys can stand beside each other. The first key of a cluster that was
//! made before there were names does not, and goes on so: whatever names no key is of that one.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use wharden_model::key_id::{KeyId, NAME_LEN, NAMED};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// First byte of what does not name its key.
pub(crate) const NAMELESS: u8 = 1;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const NAMELESS_PREFIX: &str = "wharden-cluster-key-1:";
const NAMED_PREFIX: &str = "wharden-cluster-key-2:";

/// Why the text of a key file was refused. The text itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterKeyError {
    #[error("not a cluster key file: each line must begin with \"wharden-cluster-key-\" and a version that is known")]
    Prefix,
    #[error("the cluster key file is damaged: what follows the prefix is not 32 bytes in base64")]
    Content,
    #[error("the cluster key file is damaged: it holds no key, or two that name themselves the same")]
    Keys,
}

/// Why a sealed value was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the sealed value is cut short")]
    Short,
    #[error("the sealed value has version {0}; this program knows versions 1 and 2: run a newer one")]
    Version(u8),
    #[error("the sealed value does not open: it was changed, belongs to another record, or to another cluster key")]
    Refused,
    #[error("it was sealed with cluster key {0}, which is not there")]
    NoKey(KeyId),
}

/// 32 random bytes from which everything hangs that was sealed with it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ClusterKey {
    bytes: [u8; 32],
    #[zeroize(skip)]
    id: KeyId,
    /// What it seals names it.
    named: bool,
}

impl ClusterKey {
    /// A new one.
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes);
        Self::of(bytes, true)
    }

    fn of(bytes: [u8; 32], named: bool) -> Self {
        let mut id = [0; NAME_LEN];
        id.copy_from_slice(&derive(&bytes, b"id")[..NAME_LEN]);
        Self { bytes, id: KeyId::from_bytes(id), named }
    }

    /// Names it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// False for the first key of a cluster of before there were names.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Its line in a key file.
    pub fn to_line(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(STANDARD.encode(self.bytes));
        let prefix = if self.named { NAMED_PREFIX } else { NAMELESS_PREFIX };
        Zeroizing::new(format!("{prefix}{}\n", *encoded))
    }

    /// Reads its line.
    ///
    /// # Errors
    /// [`ClusterKeyError`]; it never shows the text.
    pub fn from_line(line: &str) -> Result<Self, ClusterKeyError> {
        let line = line.trim_end_matches(['\r', '\n']);
        let (named, encoded) = match (line.strip_prefix(NAMED_PREFIX), line.strip_prefix(NAMELESS_PREFIX)) {
            (Some(encoded), _) => (true, encoded),
            (None, Some(encoded)) => (false, encoded),
            (None, None) => return Err(ClusterKeyError::Prefix),
        };
        Ok(Self::of(*read_32(encoded)?, named))
    }

    /// Seals a secret for the record `record_id`: it opens only under this id and this key.
    ///
    /// Form: version byte, the key's name (8 bytes, not in version 1), 24 bytes of nonce, ciphertext and tag.
    pub fn seal(&self, record_id: &str, secret: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + NAME_LEN + NONCE_LEN + secret.len() + TAG_LEN);
        if self.named {
            out.push(NAMED);
            out.extend_from_slice(self.id.bytes());
        } else {
            out.push(NAMELESS);
        }
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
        let rest = match version {
            NAMELESS if !self.named => rest,
            NAMELESS => return Err(OpenError::Refused),
            NAMED => {
                let (name, rest) = rest.split_first_chunk::<NAME_LEN>().ok_or(OpenError::Short)?;
                let name = KeyId::from_bytes(*name);
                if name != self.id {
                    return Err(OpenError::NoKey(name));
                }
                rest
            }
            other => return Err(OpenError::Version(other)),
        };
        let (nonce, msg) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Short)?;
        if msg.len() < TAG_LEN {
            return Err(OpenError::Short);
        }
        let payload = Payload { msg, aad: record_id.as_bytes() };
        let secret = self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenError::Refused)?;
        Ok(Zeroizing::new(secret))
    }

    /// What makes its keyed hashes. It outlives the key: nothing that was sealed opens with it.
    pub(crate) fn hash_key(&self) -> HashKey {
        HashKey { id: self.id, named: self.named, bytes: derive(&self.bytes, b"keyed-hash") }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*derive(&self.bytes, b"seal")).into())
    }
}

fn derive(key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), purpose);
    Zeroizing::new(to_array(&tag))
}

/// Makes keyed hashes: for secrets too short to be safe under a plain hash when the state leaks, such as recovery codes.
#[derive(Clone)]
pub(crate) struct HashKey {
    pub id: KeyId,
    pub named: bool,
    pub bytes: Zeroizing<[u8; 32]>,
}

impl HashKey {
    pub fn hash(&self, record_id: &str, secret: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.bytes));
        context.update(&(record_id.len() as u64).to_be_bytes());
        context.update(record_id.as_bytes());
        context.update(secret);
        to_array(&context.sign())
    }
}

pub(crate) fn read_32(encoded: &str) -> Result<Zeroizing<[u8; 32]>, ClusterKeyError> {
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| ClusterKeyError::Content)?);
    <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| ClusterKeyError::Content)
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

    fn key(byte: u8, named: bool) -> ClusterKey {
        ClusterKey::of([byte; 32], named)
    }

    #[test]
    fn sealed_opens_only_unchanged_under_its_record_and_key() {
        for named in [true, false] {
            let key = key(3, named);
            let name = if named { NAME_LEN } else { 0 };
            let sealed = key.seal("user/alice/totp", b"secret");
            assert_eq!(KeyId::of_sealed(&sealed), named.then(|| key.id()));
            assert_eq!(key.open("user/alice/totp", &sealed).expect("opens").as_slice(), b"secret");
            assert_eq!(key.open("user/bob/totp", &sealed).err(), Some(OpenError::Refused));
            for at in 0..sealed.len() {
                let mut tampered = sealed.clone();
                tampered[at] ^= 4;
                assert!(key.open("user/alice/totp", &tampered).is_err(), "at {at}");
            }
            for len in 0..sealed.len() {
                let error = key.open("user/alice/totp", &sealed[..len]).expect_err("cut");
                assert_eq!(error, if len < 41 + name { OpenError::Short } else { OpenError::Refused });
            }
        }
    }

    #[test]
    fn another_key_opens_nothing_and_says_which_key_it_takes() {
        let (old, new) = (key(1, false), key(2, true));
        assert_eq!(new.open("r", &old.seal("r", b"x")).err(), Some(OpenError::Refused));
        assert_eq!(old.open("r", &new.seal("r", b"x")).err(), Some(OpenError::NoKey(new.id())));
        // Nor does taking the name off help.
        let sealed = new.seal("r", b"x");
        let nameless = [&[NAMELESS][..], &sealed[1 + NAME_LEN..]].concat();
        assert_eq!(new.open("r", &nameless).err(), Some(OpenError::Refused));
        assert_eq!(new.open("r", &[9]).err(), Some(OpenError::Version(9)));
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let key = ClusterKey::generate();
        assert_ne!(key.seal("a", b"x"), key.seal("a", b"x"));
    }

    /// What is on disk must open for ever: changing a derivation or the form breaks this.
    #[test]
    fn the_sealed_forms_are_frozen() {
        for (named, golden) in [(false, NAMELESS_GOLDEN), (true, NAMED_GOLDEN)] {
            let sealed = data_encoding::HEXLOWER.decode(golden.as_bytes()).expect("hex");
            assert_eq!(key(7, named).open("golden", &sealed).expect("opens").as_slice(), b"wharden");
        }
        let hash = key(7, false).hash_key().hash("golden", b"wharden");
        assert_eq!(data_encoding::HEXLOWER.encode(&hash), GOLDEN_HASH);
    }
    const NAMELESS_GOLDEN: &str =
        "01ac0894d2d55abc376a0220078b11800bbb3444baa63e7632a329c4d8fb30d7197b0f781b62aa6bbb4b42f889b53215";
    const NAMED_GOLDEN: &str = "02ee3532246f33f6a2ac0894d2d55abc376a0220078b11800bbb3444baa63e7632a329c4d8fb30d7197b0f781b62aa6bbb4b42f889b53215";
    const GOLDEN_HASH: &str = "046505405dfb951a2a908276e3bf44412d6b64b5df0d79e5da1af5a5663268b0";

    proptest! {
        #[test]
        fn any_secret_comes_back(secret in prop::collection::vec(any::<u8>(), 0..200), id in ".{0,40}", named: bool) {
            let key = key(1, named);
            let opened = key.open(&id, &key.seal(&id, &secret)).expect("opens");
            prop_assert_eq!(opened.as_slice(), secret.as_slice());
        }

        #[test]
        fn rubbish_never_opens_nor_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            for named in [true, false] {
                prop_assert!(key(1, named).open("x", &bytes).is_err());
            }
            prop_assert!(ClusterKey::from_line(&text).is_err());
        }
    }
}
