//! The cluster key, as far as the state knows it: by name. It says which key seals, and carries the change of it.
//!
//! ```text
//!                Offer                      Use: all controllers hold it             Finish: nothing is
//!  key of now ─────────▶ another is offered ─────────▶ it seals, both open ─────────▶ left of the old one
//!      ▲                        │                              │      ▲                       │
//!      └──── Withdraw ──────────┘                              └──────┘ Reseal                │
//!      └──────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Each step is an entry of the log, so whoever leads goes on from the last one. A command that brings a value that was
//! sealed with a key that does not count any more is rejected: after `Finish` there is none in the state, and none comes.

use crate::{
    apply::{Context, State},
    command::{AccountCommand, ChannelCommand, ClusterCommand, Command, KeyCommand, Resealed, SealedRecord},
    entry::{Applied, Kind, Rejection, Reply},
    hex::Hex,
    limits,
};
use imbl::Vector;
use serde::{Deserialize, Serialize};
use wharden_model::{KeyId, Timestamp};

/// Which cluster keys there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealing {
    /// The one that seals.
    pub current: KeyId,
    /// Since when; 0 when it is the first one.
    pub since: Timestamp,
    /// Those that did before, oldest first.
    #[serde(default, skip_serializing_if = "Vector::is_empty")]
    pub former: Vector<KeyId>,
    /// The change that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<KeyChange>,
}

/// How far a change of the cluster key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChange {
    /// This one is handed to all controllers.
    Offered { key: KeyId, at: Timestamp },
    /// The newest of the former keys still opens what was not sealed anew yet.
    Resealing,
}

impl Sealing {
    /// The first key of a cluster.
    pub(crate) fn first(key: KeyId) -> Self {
        Self { current: key, since: Timestamp(0), former: Vector::new(), change: None }
    }

    /// The key that is being handed out.
    pub fn offered(&self) -> Option<KeyId> {
        match self.change {
            Some(KeyChange::Offered { key, .. }) => Some(key),
            _ => None,
        }
    }

    /// The key whose values are being sealed anew.
    pub fn outgoing(&self) -> Option<KeyId> {
        self.former.last().copied().filter(|_| self.change == Some(KeyChange::Resealing))
    }

    /// True when a controller has a use for this key, besides for its hashes.
    pub fn needs(&self, key: KeyId) -> bool {
        key == self.current || self.offered() == Some(key) || self.outgoing() == Some(key)
    }

    /// A value of the key that counts. One that names none is of the first key.
    fn is_current(&self, named: Option<KeyId>) -> bool {
        named.map_or(self.former.is_empty(), |key| key == self.current)
    }

    fn may_come(&self, named: Option<KeyId>) -> bool {
        let outgoing = self.outgoing();
        self.is_current(named)
            || named.map_or(outgoing.is_some() && self.former.len() == 1, |key| outgoing == Some(key))
    }
}

impl State {
    /// Everything that is not sealed with the key that counts.
    pub fn sealed_before(&self) -> impl Iterator<Item = (SealedRecord, &Hex)> {
        let sealing = self.sealing.as_ref();
        let keys = self.cluster.iter().flat_map(|cluster| {
            let retired = cluster.retired.iter().map(|key| (SealedRecord::Token, &key.sealed));
            let keys = &cluster.keys;
            let own = [
                (SealedRecord::Ca, &keys.ca),
                (SealedRecord::Bundle, &keys.bundle),
                (SealedRecord::Token, &keys.token),
            ];
            own.into_iter().chain(retired)
        });
        let accounts = self.users.iter().filter_map(|(name, user)| Some((name, user.account.as_ref()?)));
        let secrets = accounts.clone().map(|(name, account)| (SealedRecord::Totp(name.clone()), &account.totp_sealed));
        let channels = self.channels.iter().map(|(name, c)| (SealedRecord::Channel(name.clone()), &c.sealed));
        let hashes = accounts.flat_map(|(name, account)| {
            account.recovery_hashes.iter().map(|hash| (SealedRecord::Recovery(name.clone()), hash))
        });
        let all = keys.chain(secrets).chain(channels).chain(hashes);
        all.filter(move |(of, value)| sealing.is_some_and(|sealing| !sealing.is_current(named(of, value))))
    }

    /// Rejects what was sealed with a key that does not count any more.
    pub(crate) fn check_sealed(&self, command: &Command) -> Result<(), Rejection> {
        let Some(sealing) = &self.sealing else { return Ok(()) };
        let (sealed, hashes): (Option<&Hex>, &[Hex]) = match command {
            Command::Cluster(ClusterCommand::RotateSigning { sealed, .. })
            | Command::Channel(ChannelCommand::Create { sealed, .. }) => (Some(sealed), &[]),
            Command::Account(
                AccountCommand::TakeUp { totp_sealed, recovery_hashes, .. }
                | AccountCommand::SetTotp { totp_sealed, recovery_hashes, .. },
            ) => (Some(totp_sealed), recovery_hashes),
            Command::Account(AccountCommand::SetRecovery { recovery_hashes, .. }) => (None, recovery_hashes),
            _ => return Ok(()),
        };
        let sealed = sealed.map(|value| KeyId::of_sealed(&value.0));
        let mut all = sealed.into_iter().chain(hashes.iter().map(|hash| KeyId::of_hash(&hash.0)));
        if all.all(|named| sealing.may_come(named)) { Ok(()) } else { Err(Rejection::KeyMoved) }
    }

    pub(crate) fn apply_key(&mut self, context: &Context<'_>, command: &KeyCommand) -> Reply {
        match command {
            KeyCommand::Offer { key, present } => self.offer(context.at, *key, *present)?,
            KeyCommand::Withdraw { key, .. } => self.offered(*key)?.change = None,
            KeyCommand::Use { key, holders } => self.use_key(context.at, *key, holders)?,
            KeyCommand::Reseal { records } => {
                let sealing = self.sealing.clone().filter(|sealing| sealing.outgoing().is_some());
                let sealing = sealing.ok_or(Rejection::KeyMoved)?;
                // A leader that fell behind may have sealed with a key of before.
                if records.iter().any(|record| !sealing.is_current(named(&record.of, &record.to))) {
                    return Err(Rejection::KeyMoved);
                }
                for record in records {
                    self.reseal(record);
                }
            }
            KeyCommand::Finish { key } => {
                let left = self.sealed_before().count();
                let sealing = self.sealing.as_mut().filter(|sealing| sealing.current == *key);
                let sealing = sealing.filter(|sealing| sealing.outgoing().is_some()).ok_or(Rejection::KeyMoved)?;
                if left > 0 {
                    return Err(Rejection::NotResealed { left: left as u64 });
                }
                sealing.change = None;
            }
        }
        Ok(Applied::Done)
    }

    fn offer(&mut self, at: Timestamp, key: KeyId, present: KeyId) -> Result<(), Rejection> {
        // The first change in a cluster of before keys had names is where the state hears of the present one.
        let sealing = self.sealing.get_or_insert_with(|| Sealing::first(present));
        if sealing.current != present || present == key || sealing.former.contains(&key) {
            return Err(Rejection::KeyMoved);
        }
        if sealing.change.is_some() {
            return Err(Rejection::KeyChanging);
        }
        if sealing.former.len() >= limits::FORMER_KEYS_MAX {
            return Err(Rejection::Limit { what: Kind::FormerKey, max: limits::FORMER_KEYS_MAX });
        }
        sealing.change = Some(KeyChange::Offered { key, at });
        Ok(())
    }

    fn offered(&mut self, key: KeyId) -> Result<&mut Sealing, Rejection> {
        self.sealing.as_mut().filter(|sealing| sealing.offered() == Some(key)).ok_or(Rejection::KeyMoved)
    }

    fn use_key(&mut self, at: Timestamp, key: KeyId, holders: &[u64]) -> Result<(), Rejection> {
        if let Some(number) = self.controllers.changing {
            return Err(Rejection::Changing { number });
        }
        if let Some(number) = self.controllers.members.keys().find(|number| !holders.contains(number)) {
            return Err(Rejection::NotHeld { number: *number });
        }
        let sealing = self.offered(key)?;
        let old = std::mem::replace(&mut sealing.current, key);
        sealing.former.push_back(old);
        sealing.since = at;
        sealing.change = Some(KeyChange::Resealing);
        Ok(())
    }

    fn reseal(&mut self, record: &Resealed) {
        let Resealed { of, from, to } = record;
        let Some(cluster) = &mut self.cluster else { return };
        let value = match of {
            SealedRecord::Ca => Some(&mut cluster.keys.ca),
            SealedRecord::Bundle => Some(&mut cluster.keys.bundle),
            SealedRecord::Token if cluster.keys.token == *from => Some(&mut cluster.keys.token),
            SealedRecord::Token => cluster.retired.iter_mut().map(|key| &mut key.sealed).find(|sealed| *sealed == from),
            SealedRecord::Channel(name) => self.channels.get_mut(name).map(|channel| &mut channel.sealed),
            SealedRecord::Totp(user) | SealedRecord::Recovery(user) => {
                let Some(account) = self.users.get_mut(user).and_then(|user| user.account.as_mut()) else { return };
                if matches!(of, SealedRecord::Recovery(_)) {
                    // One that was used meanwhile stays used.
                    if account.recovery_hashes.remove(from).is_some() {
                        account.recovery_hashes.insert(to.clone());
                    }
                    return;
                }
                Some(&mut account.totp_sealed)
            }
        };
        if let Some(value) = value.filter(|value| *value == from) {
            *value = to.clone();
        }
    }
}

fn named(of: &SealedRecord, value: &Hex) -> Option<KeyId> {
    match of {
        SealedRecord::Recovery(_) => KeyId::of_hash(&value.0),
        _ => KeyId::of_sealed(&value.0),
    }
}
