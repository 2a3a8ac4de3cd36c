//! The code that lets a controller join a cluster: good once, for an hour or so.

use crate::token::{Parts, TokenError, hash_secret, random_text};
use data_encoding::HEXLOWER;
use std::str::FromStr;
use wharden_model::{CodeId, api::Secret};

const PREFIX: &str = "wcj";

/// Lets a controller join, and tells it which cluster to trust on first contact.
///
/// Text: `wcj_<12 hex digits of the id>_<secret>_<64 hex digits of the CA's fingerprint>`.
#[derive(Clone)]
pub struct ControllerCode {
    /// Which code; not secret.
    pub id: CodeId,
    /// The secret part.
    pub secret: Secret,
    /// SHA-256 of the CA's certificate.
    pub ca_fingerprint: [u8; 32],
}

impl ControllerCode {
    /// A new one with its own id, for the cluster with this CA.
    pub fn generate(ca_fingerprint: [u8; 32]) -> Self {
        let mut id = [0; 6];
        rand::fill(&mut id);
        let id = CodeId::new(format!("jc-{}", HEXLOWER.encode(&id))).expect("6 bytes are 12 hex digits");
        Self { id, secret: Secret::new(random_text::<20>()), ca_fingerprint }
    }

    /// The text to be copied to the new controller.
    pub fn text(&self) -> Secret {
        let id = self.id.as_str().trim_start_matches("jc-");
        Secret::new(format!("{PREFIX}_{id}_{}_{}", self.secret.reveal(), HEXLOWER.encode(&self.ca_fingerprint)))
    }

    /// What the state keeps of it: SHA-256 of the secret part.
    pub fn secret_hash(&self) -> [u8; 32] {
        hash_secret(self.secret.reveal())
    }
}

impl FromStr for ControllerCode {
    type Err = TokenError;

    /// Reads the text; white space around it is ignored, since it was copied by hand.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        const EXPECTED: &str = "join code of a controller";
        let Parts { id, secret, ca_fingerprint } = Parts::read(text, EXPECTED, PREFIX)?;
        let id = CodeId::new(format!("jc-{id}")).map_err(|_| TokenError::Damaged { expected: EXPECTED })?;
        Ok(Self { id, secret, ca_fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::JoinToken;
    use proptest::prelude::*;

    #[test]
    fn codes_round_trip_are_no_join_tokens_and_never_show() {
        let code = ControllerCode::generate([0xcd; 32]);
        let text = code.text();
        let again: ControllerCode = format!(" {}\n", text.reveal()).parse().expect("reads");
        assert_eq!((&again.id, again.ca_fingerprint), (&code.id, code.ca_fingerprint));
        assert_eq!(again.secret_hash(), code.secret_hash());
        assert!(text.reveal().parse::<JoinToken>().is_err());
        assert!(JoinToken::generate([0xcd; 32]).text().reveal().parse::<ControllerCode>().is_err());
        for len in 0..text.reveal().len() {
            let error = text.reveal()[..len].parse::<ControllerCode>().err().expect("cut");
            assert!(!error.to_string().contains(code.secret.reveal()));
        }
    }

    proptest! {
        #[test]
        fn what_reads_as_a_code_writes_the_same(text in "(wcj_)?[0-9a-f]{11,13}_[a-z2-7]{31,33}_[0-9a-f]{63,65}(_x)?") {
            if let Ok(code) = text.parse::<ControllerCode>() {
                let written = code.text();
                prop_assert_eq!(written.reveal(), text.as_str());
            }
        }
    }
}
