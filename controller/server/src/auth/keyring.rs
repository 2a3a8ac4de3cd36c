//! The keys of access tokens: one signs, those before it are accepted until their tokens have ended. Which they are is
//! in the replicated state, so that each controller knows of a rotation as soon as it has applied it.

use super::access_token::{AccessError, AccessKeyError, AccessKeys, Bearer};
use crate::limits;
use arc_swap::ArcSwapOption;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wharden_model::{SessionId, Timestamp, UserName, api::Secret};
use wharden_pki::ClusterKeys;
use wharden_state::{Cluster, Hex};

/// Associated data of each sealed key.
pub const RECORD: &str = "cluster/token";

/// A key cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key cannot be opened: {0}")]
pub struct KeyringError(String);

/// The keys, opened.
pub struct Keyring {
    /// Sealed, as they were read: tells whether they are still those of the state.
    sealed: Vec<Hex>,
    current: AccessKeys,
    retired: Vec<(AccessKeys, Timestamp)>,
    /// Tokens whose signature was found to be good, by their digest: a client shows the same one again and again.
    seen: Mutex<HashMap<[u8; 32], Seen>>,
}

/// What a token says, and until when its key counts.
#[derive(Clone)]
struct Seen {
    bearer: Bearer,
    until: Option<Timestamp>,
}

/// The keys of the newest state that was asked about.
#[derive(Default)]
pub struct Held(ArcSwapOption<Keyring>);

fn sealed(cluster: &Cluster) -> impl Iterator<Item = &Hex> {
    std::iter::once(&cluster.keys.token).chain(cluster.retired.iter().map(|key| &key.sealed))
}

impl Held {
    /// The keys of this state.
    ///
    /// # Errors
    /// [`KeyringError`] when the cluster key does not open them.
    pub fn of(&self, cluster: &Cluster, sealing: &ClusterKeys) -> Result<Arc<Keyring>, KeyringError> {
        if let Some(held) = self.0.load_full().filter(|held| held.sealed.iter().eq(sealed(cluster))) {
            return Ok(held);
        }
        let fresh = Arc::new(Keyring::open(cluster, sealing)?);
        self.0.store(Some(Arc::clone(&fresh)));
        Ok(fresh)
    }
}

impl Keyring {
    fn open(cluster: &Cluster, sealing: &ClusterKeys) -> Result<Self, KeyringError> {
        let open = |sealed: &Hex| {
            let der = sealing.open(RECORD, &sealed.0).map_err(|e| KeyringError(e.to_string()))?;
            AccessKeys::from_pkcs8(&cluster.id, &der).map_err(|e| KeyringError(e.to_string()))
        };
        let retired = cluster.retired.iter().map(|key| Ok((open(&key.sealed)?, key.until)));
        Ok(Self {
            sealed: sealed(cluster).cloned().collect(),
            current: open(&cluster.keys.token)?,
            retired: retired.collect::<Result<_, _>>()?,
            seen: Mutex::default(),
        })
    }

    /// Names the key that signs.
    pub fn key_id(&self) -> &str {
        self.current.key_id()
    }

    /// As [`AccessKeys::issue`].
    ///
    /// # Errors
    /// As there.
    pub fn issue(
        &self,
        user: &UserName,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), AccessKeyError> {
        self.current.issue(user, session, now)
    }

    /// False when the header of a token names a key that is not here, and may be known elsewhere.
    pub fn knows(&self, token: &str) -> bool {
        if self.seen().contains_key(&digest(token)) {
            return true;
        }
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_none_or(|kid| {
            let mut known = std::iter::once(&self.current).chain(self.retired.iter().map(|(key, _)| key));
            kid.len() != self.current.key_id().len() || known.any(|key| key.key_id() == kid)
        })
    }

    /// Checks a token with the one key that its header names.
    ///
    /// # Errors
    /// As [`AccessKeys::check`].
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Bearer, AccessError> {
        let digest = digest(token);
        let seen = self.seen().get(&digest).cloned();
        if let Some(Seen { bearer, until }) = seen {
            return match until.is_none_or(|until| until > now) {
                true if bearer.expires_at > now => Ok(bearer),
                true => Err(AccessError::Expired),
                false => Err(AccessError::Invalid),
            };
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AccessError::Invalid)?;
        let kid = header.kid.as_deref().ok_or(AccessError::Invalid)?;
        let retired = self.retired.iter().filter(|(_, until)| *until > now).map(|(key, until)| (key, Some(*until)));
        let mut named = std::iter::once((&self.current, None)).chain(retired).filter(|(key, _)| key.key_id() == kid);
        let (key, until) = named.next().ok_or(AccessError::Invalid)?;
        let bearer = key.check(token, now)?;
        let mut seen = self.seen();
        if seen.len() >= limits::TOKENS_SEEN {
            seen.retain(|_, seen| seen.bearer.expires_at > now);
        }
        if seen.len() < limits::TOKENS_SEEN {
            seen.insert(digest, Seen { bearer: bearer.clone(), until });
        }
        Ok(bearer)
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<[u8; 32], Seen>> {
        // The map is whole after a panic.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;
    use wharden_model::RequestId;
    use wharden_state::{Actor, ClusterCommand, Command, Entry, State};

    fn apply(state: &mut State, n: u64, at: Timestamp, command: ClusterCommand) {
        let entry = Entry {
            request_id: RequestId::new(format!("{n:032x}")).expect("valid"),
            actor: Actor::System,
            issued_at: at,
            if_revision: None,
            origin: None,
            command: Command::Cluster(command),
        };
        state.apply(n, &entry).0.expect("applied");
    }

    #[test]
    fn after_a_rotation_the_old_key_counts_until_its_tokens_have_ended() {
        let sealing = ClusterKeys::generate();
        let now = Timestamp::from_secs(1_000_000);
        let (command, ca, _) = keys::new_cluster(&sealing, now).expect("made");
        let mut state = State::default();
        apply(&mut state, 1, now, command);
        let held = Held::default();
        let ring = |state: &State| held.of(state.cluster.as_ref().expect("cluster"), &sealing).expect("opens");
        let user = UserName::new("alice").expect("valid");
        let session = SessionId::new(format!("s-{:032x}", 7)).expect("valid");
        let (old, old_id) =
            (ring(&state).issue(&user, &session, now).expect("signed").0, ring(&state).key_id().to_owned());

        let until = now.plus_secs(limits::ACCESS_TTL_S);
        let made = AccessKeys::generate(ca.cluster_id()).expect("made");
        let sealed = Hex(sealing.seal(RECORD, made.pkcs8()));
        apply(&mut state, 2, now, ClusterCommand::RotateSigning { if_since: None, sealed, until });
        let after = ring(&state);
        assert_ne!(after.key_id(), old_id);
        let new = after.issue(&user, &session, now).expect("signed").0;
        let late = until;
        assert!(after.check(old.reveal(), now).is_ok() && after.check(new.reveal(), now).is_ok());
        assert_eq!(after.check(old.reveal(), late), Err(AccessError::Invalid), "its key is out of use");
        let ended = now.plus_secs(limits::ACCESS_TTL_S);
        assert_eq!(after.check(new.reveal(), ended), Err(AccessError::Expired), "although it was good before");
        let mut other = new.reveal().to_owned();
        let last = other.pop().expect("a token");
        other.push(if last == 'A' { 'E' } else { 'A' });
        assert_eq!(after.check(&other, now), Err(AccessError::Invalid), "it only looks like one that was good");
        // A token of the new key under the name of the old one.
        let (head, rest) = new.reveal().split_once('.').expect("a token");
        let old_head = old.reveal().split_once('.').expect("a token").0;
        assert_ne!(head, old_head);
        assert_eq!(after.check(&format!("{old_head}.{rest}"), now), Err(AccessError::Invalid));
    }
}
