use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{ChannelName, KeyId, UserName};

/// The change of the cluster key. The key itself is in none of these: it goes from controller to controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCommand {
    /// A new key is handed to all controllers from now on. Nothing is sealed with it yet.
    Offer {
        key: KeyId,
        /// The key that counts; rejected when the state knows of another one.
        present: KeyId,
    },
    /// The offer came to nothing.
    Withdraw { key: KeyId, why: String },
    /// These controllers hold the offered key on their disks: from here on it seals. Rejected unless they are all there are.
    Use { key: KeyId, holders: Vec<u64> },
    /// What was sealed with the key before, sealed with the one that counts. What is not `from` any more stays as it is.
    Reseal { records: Vec<Resealed> },
    /// Nothing is left that was sealed with the key before: who holds it destroys it.
    Finish { key: KeyId },
}

/// One value that was sealed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resealed {
    pub of: SealedRecord,
    pub from: Hex,
    pub to: Hex,
}

/// What a sealed value is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedRecord {
    /// Key of the CA.
    Ca,
    /// Key that signs bundles.
    Bundle,
    /// Key that signs access tokens, or one that did.
    Token,
    /// TOTP secret.
    Totp(UserName),
    /// Hash of a recovery code.
    Recovery(UserName),
    /// Secrets of a channel.
    Channel(ChannelName),
}

impl KeyCommand {
    /// One line for each step; that values are sealed anew is routine.
    pub(super) fn line(&self) -> Option<Line> {
        let line = |detail| Some(Line::new("key.rotate", "cluster key", detail));
        match self {
            Self::Offer { key, present } => line(format!("key {key} is offered in place of {present}")),
            Self::Withdraw { key, why } => line(format!("key {key} is withdrawn: {why}")),
            Self::Use { key, holders } => line(format!("key {key} seals from now on, controllers {holders:?} hold it")),
            Self::Reseal { .. } => None,
            Self::Finish { key } => line(format!("everything is sealed with key {key}, the one before is destroyed")),
        }
    }
}
