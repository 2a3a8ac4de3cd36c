//! Everything that makes trust: the cluster key and what it seals, the private CA, keys of hosts and users and their
//! requests, the CA that a host makes for its own guard, bundle signatures, and one-time secrets.
//!
//! Place in the path of data: the controller issues and signs with it, the agent asks and verifies with it.
//!
//! Must not know: tokio, HTTP, files, clocks. Time is an argument; randomness is drawn inside, since a key that a
//! caller could choose would be a weakness. Nothing here prints a secret: no `Debug`, no `Display`, no error shows one.

mod ca;
mod cluster_key;
mod cluster_keys;
mod code;
mod guard_ca;
mod key;
pub mod limits;
mod peer;
pub mod pem;
pub mod recovery;
mod signer;
pub mod token;
mod uri;

pub use ca::{Ca, CaError, ControllerCert, ControllerCertError, CsrError, Issued, ServerIdentity, ServerNameError};
pub use ca::{check_server_names, controller_name, controller_of};
pub use cluster_key::{ClusterKey, ClusterKeyError, OpenError};
pub use cluster_keys::{ClusterKeys, MissingKey};
pub use code::ControllerCode;
pub use guard_ca::GuardCa;
pub use key::{KeyError, KeyPair, requested_key_digest};
pub use peer::{
    CertError, PeerCert, UserCert, ca_cluster, ca_ends, fingerprint, peer_of, user_of, verify_host, verify_user,
};
pub use signer::{BundleSigner, SignatureError, SignerError, bundle_statement, verify_bundle};
