//! What one host gets: policies, the users that they can concern, and the scope that it was made for.

use crate::{
    decision::KnownUser,
    host::Posture,
    id::{ClusterId, HostId, PolicyName, SessionId, UserName},
    label::Labels,
    policy::Mode,
};
use serde::{Deserialize, Serialize};

/// Version of the bundle's form. An agent refuses one that is newer than it knows.
pub const BUNDLE_FORMAT: u32 = 1;

/// What hosts must have in common to get the same bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The host's labels; each is a host group.
    pub labels: Labels,
    /// The host's posture.
    pub posture: Posture,
    /// The host itself, when a policy names it; otherwise hosts share.
    pub host: Option<HostId>,
}

/// One policy document in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePolicy {
    /// Name of the document.
    pub name: PolicyName,
    /// `enforce` or `monitor`; disabled ones are not sent.
    pub mode: Mode,
    /// Cedar text.
    pub text: String,
}

/// A user in a bundle.
pub type BundleUser = KnownUser;

/// The signed content of a push. Serialised as JSON with the fields in this order; the digest is SHA-256 of exactly
/// those bytes. The revision is not in it, so that content that did not change keeps its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: u32,
    /// The cluster that made it.
    pub cluster_id: ClusterId,
    /// Whom it is for.
    pub scope: Scope,
    /// Documents, by name.
    pub policies: Vec<BundlePolicy>,
    /// Users that are in a group that a policy names, that a policy names, that are disabled, or that hold a
    /// certificate for Docker, by name.
    pub users: Vec<BundleUser>,
    /// Login sessions, and keys of service accounts, that have ended while a certificate of theirs for Docker has not, in order. Whoever shows such a
    /// certificate is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_sessions: Vec<SessionId>,
    /// Service accounts that hold a certificate for Docker, by name. Others are not let in from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<UserName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_ended_sessions_has_the_form_that_it_always_had() {
        let json = r#"{"format":1,"cluster_id":"c-0123456789abcdef","scope":{"labels":{},"posture":"observe","host":null},"policies":[],"users":[]}"#;
        let bundle: Bundle = serde_json::from_str(json).expect("reads");
        assert_eq!(serde_json::to_string(&bundle).expect("writes"), json);
    }
}
