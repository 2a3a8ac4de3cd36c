//! Messages that hold secrets: `Debug` shows the rest.

use crate::v1::{JoinRequest, JoinResponse};
use std::fmt;

impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest")
            .field("version", &self.version)
            .field("peer_address", &self.peer_address)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for JoinResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinResponse")
            .field("number", &self.number)
            .field("cluster_id", &self.cluster_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_code_nor_the_key_shows() {
        let request = JoinRequest { code: "wcj_secret".into(), ..Default::default() };
        let response = JoinResponse { cluster_key: "wharden-cluster-key-1:secret".into(), ..Default::default() };
        let shown = format!("{request:?} {response:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
