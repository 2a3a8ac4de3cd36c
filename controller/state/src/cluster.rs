use crate::{
    apply::{Context, State},
    command::ClusterCommand,
    entry::{Applied, Rejection, Reply},
    hex::Hex,
};
use serde::{Deserialize, Serialize};
use wharden_model::ClusterId;

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
}

impl State {
    pub(crate) fn apply_cluster(&mut self, context: &mut Context<'_>, command: &ClusterCommand) -> Reply {
        let ClusterCommand::Initialise { id, ca_certificate, bundle_key, keys, bootstrap_hash } = command else {
            return self.apply_restore(context);
        };
        if self.cluster.is_some() {
            return Err(Rejection::Initialised);
        }
        self.cluster = Some(Cluster {
            id: id.clone(),
            ca_certificate: ca_certificate.clone(),
            bundle_key: bundle_key.clone(),
            keys: keys.clone(),
            bootstrap_hash: Some(bootstrap_hash.clone()),
        });
        Ok(Applied::Done)
    }
}
