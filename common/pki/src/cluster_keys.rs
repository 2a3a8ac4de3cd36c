//! The cluster keys that a controller holds: the one that seals, and while it is being changed the one before or after it.
//!
//! Nothing that is sealed is lost when a key goes, for it is sealed anew. A keyed hash cannot be opened, so it is hashed once
//! more under the next key; to compute it from the secret again, all links of that chain are needed. So of a key that goes
//! the key for hashes stays:
//!
//! ```text
//! secret ──first key──▶ hash ──second key──▶ hash ──key of now──▶ hash in the state
//! ```
//!
//! The text of a key file is a line for each key and one for each key for hashes.

use crate::cluster_key::{ClusterKey, ClusterKeyError, HashKey, OpenError, read_32};
use base64::{Engine, engine::general_purpose::STANDARD};
use wharden_model::key_id::{KeyId, NAMED};
use zeroize::Zeroizing;

/// A line of what is left of a key that is gone: which one, `-` or `+` for one that is named, and the key for hashes.
const HASH_PREFIX: &str = "wharden-cluster-key-hashes-1:";

/// A key that is needed is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingKey {
    #[error("cluster key {0} is needed, and is not among those that are held")]
    Key(KeyId),
    #[error("there are several cluster keys, and nothing says which of them counts")]
    Unclear,
}

/// Cluster keys. One of them seals; all of them open.
#[derive(Clone)]
pub struct ClusterKeys {
    keys: Vec<ClusterKey>,
    hash_keys: Vec<HashKey>,
    /// The one that seals.
    current: KeyId,
    /// Those that sealed before, oldest first.
    former: Vec<KeyId>,
}

impl From<ClusterKey> for ClusterKeys {
    fn from(key: ClusterKey) -> Self {
        Self { current: key.id(), keys: vec![key], hash_keys: Vec::new(), former: Vec::new() }
    }
}

impl ClusterKeys {
    /// One new key.
    pub fn generate() -> Self {
        ClusterKey::generate().into()
    }

    /// The text of the key file.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(128 * (self.keys.len() + self.hash_keys.len())));
        for key in &self.keys {
            text.push_str(&key.to_line());
        }
        for key in &self.hash_keys {
            let encoded = Zeroizing::new(STANDARD.encode(key.bytes.as_slice()));
            text.push_str(HASH_PREFIX);
            text.push_str(&key.id.to_string());
            text.push_str(if key.named { ":+:" } else { ":-:" });
            text.push_str(&encoded);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a key file. Which key counts is for [`Self::arranged`] to say; until then it is the first.
    ///
    /// # Errors
    /// [`ClusterKeyError`]; it never shows the text.
    pub fn from_file_text(text: &str) -> Result<Self, ClusterKeyError> {
        let (mut keys, mut hash_keys) = (Vec::<ClusterKey>::new(), Vec::<HashKey>::new());
        for line in text.trim_end_matches(['\r', '\n']).lines() {
            match line.strip_prefix(HASH_PREFIX) {
                Some(rest) => hash_keys.push(read_hash_key(rest)?),
                None => keys.push(ClusterKey::from_line(line)?),
            }
        }
        let current = keys.first().ok_or(ClusterKeyError::Keys)?.id();
        let ids: Vec<KeyId> = keys.iter().map(ClusterKey::id).collect();
        let twice = ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id));
        // What names no key must be of one that is known.
        if twice || keys.iter().filter(|key| !key.is_named()).count() > 1 {
            return Err(ClusterKeyError::Keys);
        }
        Ok(Self { keys, hash_keys, current, former: Vec::new() })
    }

    /// Names of the keys that are held, without those of which only the key for hashes is left.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(ClusterKey::id).collect()
    }

    /// The one that seals.
    pub fn current(&self) -> KeyId {
        self.current
    }

    /// Those that sealed before, oldest first.
    pub fn former(&self) -> &[KeyId] {
        &self.former
    }

    /// True when it is held.
    pub fn holds(&self, id: KeyId) -> bool {
        self.key(id).is_some()
    }

    /// The key of before there were names, or the only one: what seals when nothing says which.
    ///
    /// # Errors
    /// [`MissingKey::Unclear`].
    pub fn first(&self) -> Result<KeyId, MissingKey> {
        let nameless = self.keys.iter().find(|key| !key.is_named());
        match (nameless, self.keys.as_slice()) {
            (Some(key), _) => Ok(key.id()),
            (None, [only]) => Ok(only.id()),
            (None, _) => Err(MissingKey::Unclear),
        }
    }

    /// The same keys, `current` sealing and `former` those that did before, oldest first.
    ///
    /// # Errors
    /// [`MissingKey`] when `current` is not held, or nothing is left of one of `former`.
    pub fn arranged(&self, current: KeyId, former: Vec<KeyId>) -> Result<Self, MissingKey> {
        self.key(current).ok_or(MissingKey::Key(current))?;
        for id in &former {
            self.hash_key(*id).ok_or(MissingKey::Key(*id))?;
        }
        Ok(Self { current, former, ..self.clone() })
    }

    /// The same keys and this one.
    #[must_use]
    pub fn with(&self, key: ClusterKey) -> Self {
        let mut more = self.clone();
        if !more.holds(key.id()) {
            more.keys.push(key);
        }
        more
    }

    /// The same keys and the others.
    #[must_use]
    pub fn merged(&self, others: &Self) -> Self {
        let mut all = others.keys.iter().fold(self.clone(), |all, key| all.with(key.clone()));
        for key in &others.hash_keys {
            if all.hash_keys.iter().all(|held| held.id != key.id) {
                all.hash_keys.push(key.clone());
            }
        }
        all
    }

    /// The same keys without these. Of one that sealed before the key for hashes stays; the one that seals stays whole.
    #[must_use]
    pub fn without(&self, gone: &[KeyId]) -> Self {
        let mut less = self.clone();
        for id in gone.iter().filter(|id| **id != self.current) {
            let kept = self.hash_key(*id).filter(|_| self.former.contains(id));
            if let Some(kept) = kept.filter(|_| less.hash_keys.iter().all(|held| held.id != *id)) {
                less.hash_keys.push(kept);
            }
            less.keys.retain(|key| key.id() != *id);
        }
        less
    }

    /// Seals with the current key: see [`ClusterKey::seal`].
    pub fn seal(&self, record_id: &str, secret: &[u8]) -> Vec<u8> {
        self.key(self.current).expect("the current key is held: nothing takes it away").seal(record_id, secret)
    }

    /// Opens what any of the keys sealed for the same record.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, record_id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = match KeyId::of_sealed(sealed) {
            Some(id) => self.key(id).ok_or(OpenError::NoKey(id))?,
            None => self.keys.iter().find(|key| !key.is_named()).or(self.keys.first()).ok_or(OpenError::Refused)?,
        };
        key.open(record_id, sealed)
    }

    /// A hash that only holders of the cluster keys can compute, under the current one.
    pub fn keyed_hash(&self, record_id: &str, secret: &[u8]) -> Vec<u8> {
        self.keyed_hashes(record_id, secret).pop().expect("a chain has a link for the current key")
    }

    /// The hashes that a secret can have in the state: under each key in turn, the current one last.
    pub fn keyed_hashes(&self, record_id: &str, secret: &[u8]) -> Vec<Vec<u8>> {
        let mut inner = Zeroizing::new(secret.to_vec());
        let mut hashes = Vec::new();
        for link in self.chain() {
            let hash = link.hash(record_id, &inner);
            hashes.push(form(&link, &hash));
            inner = Zeroizing::new(hash.to_vec());
        }
        hashes
    }

    /// A hash of an earlier key, hashed on up to the current one. `None` when it names a key that never counted here.
    pub fn rehash(&self, record_id: &str, hash: &[u8]) -> Option<Vec<u8>> {
        let chain = self.chain();
        let at = match KeyId::of_hash(hash) {
            Some(id) => chain.iter().position(|link| link.id == id && link.named)?,
            None => chain.iter().position(|link| !link.named)?,
        };
        let mut inner = *hash.last_chunk::<32>()?;
        for link in chain.get(at + 1..)? {
            inner = link.hash(record_id, &inner);
        }
        Some(form(chain.last()?, &inner))
    }

    fn key(&self, id: KeyId) -> Option<&ClusterKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    fn hash_key(&self, id: KeyId) -> Option<HashKey> {
        let held = self.key(id).map(ClusterKey::hash_key);
        held.or_else(|| self.hash_keys.iter().find(|key| key.id == id).cloned())
    }

    fn chain(&self) -> Vec<HashKey> {
        self.former.iter().chain([&self.current]).filter_map(|id| self.hash_key(*id)).collect()
    }
}

/// As it stands in the state: with the name of its key, where that has one.
fn form(link: &HashKey, hash: &[u8; 32]) -> Vec<u8> {
    if link.named { [&[NAMED][..], link.id.bytes(), hash].concat() } else { hash.to_vec() }
}

fn read_hash_key(rest: &str) -> Result<HashKey, ClusterKeyError> {
    let (id, rest) = rest.split_once(':').ok_or(ClusterKeyError::Content)?;
    let (mark, encoded) = rest.split_once(':').ok_or(ClusterKeyError::Content)?;
    let id = id.parse().map_err(|_| ClusterKeyError::Content)?;
    let named = match mark {
        "+" => true,
        "-" => false,
        _ => return Err(ClusterKeyError::Content),
    };
    Ok(HashKey { id, named, bytes: read_32(encoded)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD_FILE: &str = "wharden-cluster-key-1:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";

    /// As a cluster of before there were names has it.
    fn nameless() -> ClusterKeys {
        ClusterKeys::from_file_text(OLD_FILE).expect("reads")
    }

    /// What a rotation to `next` does, with the old key held or gone.
    fn rotated(keys: &ClusterKeys, next: ClusterKey, gone: bool) -> ClusterKeys {
        let (old, id) = (keys.current(), next.id());
        let former = [keys.former.clone(), vec![old]].concat();
        let both = keys.with(next).arranged(id, former).expect("both are held");
        if gone { both.without(&[old]) } else { both }
    }

    #[test]
    fn both_keys_open_and_the_new_one_seals_until_the_old_one_is_gone() {
        for old in [nameless(), ClusterKeys::generate()] {
            let sealed = old.seal("r", b"secret");
            let both = rotated(&old, ClusterKey::generate(), false);
            assert_eq!(both.open("r", &sealed).expect("opens").as_slice(), b"secret");
            let anew = both.seal("r", b"secret");
            assert_eq!(KeyId::of_sealed(&anew), Some(both.current()));
            assert!(old.open("r", &anew).is_err());
            let one = both.without(&[old.current(), both.current()]);
            assert_eq!(one.ids(), [both.current()], "the one that seals stays");
            assert!(one.open("r", &sealed).is_err());
            assert_eq!(one.open("r", &anew).expect("opens").as_slice(), b"secret");
            let text = one.to_file_text();
            assert!(!text.contains(old.to_file_text().trim()));
        }
    }

    #[test]
    fn what_is_needed_and_not_there_is_named() {
        let (one, other) = (ClusterKeys::generate(), ClusterKeys::generate());
        assert_eq!(one.arranged(other.current(), vec![]).err(), Some(MissingKey::Key(other.current())));
        let former = vec![other.current()];
        assert_eq!(one.arranged(one.current(), former).err(), Some(MissingKey::Key(other.current())));
        assert_eq!(one.open("r", &other.seal("r", b"x")).err(), Some(OpenError::NoKey(other.current())));
        assert_eq!(one.merged(&other).first(), Err(MissingKey::Unclear));
        assert_eq!(one.merged(&nameless()).first(), Ok(nameless().current()));
        // One that never sealed leaves nothing.
        let less = one.merged(&other).without(&[other.current()]);
        assert_eq!(*less.to_file_text(), *one.to_file_text());
    }

    #[test]
    fn key_files_round_trip_and_bad_ones_are_not_shown() {
        let keys = rotated(&rotated(&nameless(), ClusterKey::generate(), true), ClusterKey::generate(), false);
        let text = keys.to_file_text();
        assert_eq!(text.lines().count(), 3);
        let read = ClusterKeys::from_file_text(&text).expect("reads");
        assert_eq!(*read.to_file_text(), *text);
        assert_eq!(*nameless().to_file_text(), *OLD_FILE);
        let cut = &text[..text.len() - 6];
        let error = ClusterKeys::from_file_text(cut).err().expect("cut");
        assert_eq!(error, ClusterKeyError::Content);
        assert!(!error.to_string().contains(&cut[cut.len() - 20..]));
        let twice = format!("{OLD_FILE}{OLD_FILE}");
        for (text, error) in [
            ("", ClusterKeyError::Keys),
            ("c2VjcmV0", ClusterKeyError::Prefix),
            (twice.as_str(), ClusterKeyError::Keys),
            ("wharden-cluster-key-hashes-1:00:+:", ClusterKeyError::Content),
            ("wharden-cluster-key-3:AAAA", ClusterKeyError::Prefix),
        ] {
            assert_eq!(ClusterKeys::from_file_text(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_hash_of_before_is_found_and_hashed_on() {
        let first = nameless();
        let old = first.keyed_hash("recovery/ada", b"code");
        assert_eq!(old.len(), 32, "as it always was");
        let both = rotated(&first, ClusterKey::generate(), false);
        let hashes = both.keyed_hashes("recovery/ada", b"code");
        assert_eq!(hashes[0], old);
        assert_eq!(both.rehash("recovery/ada", &old).as_ref(), Some(&hashes[1]));
        assert_eq!(KeyId::of_hash(&hashes[1]), Some(both.current()));
        // Whoever has the old key alone cannot compute what stands in the state now.
        assert!(!first.keyed_hashes("recovery/ada", b"code").contains(&hashes[1]));
        assert_eq!(both.rehash("recovery/ada", &hashes[1]).as_ref(), Some(&hashes[1]), "it is there already");
        assert_eq!(both.rehash("recovery/ada", &ClusterKeys::generate().keyed_hash("r", b"x")), None);
    }

    proptest! {
        /// However often the key is changed, whichever are gone, and through key files: a code goes on being the same one.
        #[test]
        fn hashes_follow_any_number_of_rotations(
            gone in prop::collection::vec(any::<bool>(), 1..5), code in "[a-z]{1,12}", named: bool,
        ) {
            let mut keys = if named { ClusterKeys::generate() } else { nameless() };
            let mut stored = keys.keyed_hash("r", code.as_bytes());
            for gone in gone {
                keys = rotated(&keys, ClusterKey::generate(), gone);
                let hashes = keys.keyed_hashes("r", code.as_bytes());
                prop_assert!(hashes.contains(&stored));
                stored = keys.rehash("r", &stored).expect("its key counted");
                prop_assert_eq!(hashes.last(), Some(&stored));
                let read = ClusterKeys::from_file_text(&keys.to_file_text()).expect("reads");
                keys = read.arranged(keys.current, keys.former).expect("all are there");
            }
        }

        #[test]
        fn rubbish_never_reads_nor_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let keys = ClusterKeys::generate();
            prop_assert!(keys.open("x", &bytes).is_err());
            let _ = keys.rehash("x", &bytes);
            prop_assert!(ClusterKeys::from_file_text(&text).is_err());
        }
    }
}
