use crate::{
    apply::{Context, State},
    command::ClusterCommand,
    entry::{Applied, Change, Kind, Rejection, Reply},
    hex::Hex,
    limits,
    sealing::Sealing,
};
use imbl::Vector;
use serde::{Deserialize, Serialize};
use wharden_model::{ClusterId, Timestamp};

/// Keys of the cluster, each sealed under the cluster key with its field name as associated data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKeys {
    /// Private key of the CA, PKCS#8.
    pub ca: Hex,
    /// Private key that signs bundles, PKCS#8.
    pub bundle: Hex,
    /// Private key that signs access tokens, PKCS#8.
    pub token: Hex,
}

/// What makes this cluster this cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    pub id: ClusterId,
    /// DER.
    pub ca_certificate: Hex,
    /// Ed25519 public key that bundles verify with, 32 bytes.
    pub bundle_key: Hex,
    pub keys: SealedKeys,
    /// SHA-256 of the bootstrap token until it is taken up.
    pub bootstrap_hash: Option<Hex>,
    /// When the key that signs access tokens was made; 0 when it is the one of the beginning.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub token_since: Timestamp,
    /// Keys that signed access tokens before, oldest first.
    #[serde(default, skip_serializing_if = "Vector::is_empty")]
    pub retired: Vector<RetiredKey>,
}

/// A key that signs no more, and whose tokens have not ended yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredKey {
    /// As [`SealedKeys::token`].
    pub sealed: Hex,
    /// Its tokens have ended by then.
    pub until: Timestamp,
}

fn is_unset(at: &Timestamp) -> bool {
    at.0 == 0
}

impl State {
    pub(crate) fn apply_cluster(&mut self, context: &mut Context<'_>, command: &ClusterCommand) -> Reply {
        match command {
            ClusterCommand::Initialise { id, ca_certificate, bundle_key, keys, bootstrap_hash, level, sealing } => {
                if self.cluster.is_some() {
                    return Err(Rejection::Initialised);
                }
                self.level = *level;
                self.sealing = sealing.map(Sealing::first);
                self.cluster = Some(Cluster {
                    id: id.clone(),
                    ca_certificate: ca_certificate.clone(),
                    bundle_key: bundle_key.clone(),
                    keys: keys.clone(),
                    bootstrap_hash: Some(bootstrap_hash.clone()),
                    token_since: Timestamp(0),
                    retired: Vector::new(),
                });
            }
            ClusterCommand::RotateSigning { if_since, sealed, until } => {
                let cluster = self.cluster.as_mut().ok_or(Rejection::NotInitialised)?;
                if if_since.is_some_and(|since| since != cluster.token_since) {
                    return Err(Rejection::KeyMoved);
                }
                cluster.retired.retain(|key| key.until > context.at);
                if cluster.retired.len() >= limits::RETIRED_KEYS_MAX {
                    return Err(Rejection::Limit { what: Kind::RetiredKey, max: limits::RETIRED_KEYS_MAX });
                }
                let old = std::mem::replace(&mut cluster.keys.token, sealed.clone());
                cluster.retired.push_back(RetiredKey { sealed: old, until: *until });
                cluster.token_since = context.at;
            }
            ClusterCommand::Restore { .. } => return self.apply_restore(context),
            ClusterCommand::Raise { level } => {
                if self.cluster.is_none() {
                    return Err(Rejection::NotInitialised);
                }
                // Two leaders may say the same, one after the other.
                self.level = self.level.max(*level);
                context.changes.push(Change::Controllers);
            }
        }
        Ok(Applied::Done)
    }
}
