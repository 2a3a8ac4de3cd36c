//! Bundles as hosts take them: verified and compiled by the agent's own code, once for all hosts that get the same bytes.
//!
//! A host that gets a push byte for byte equal to one that was verified in this process holds what was verified; anything
//! else is verified anew. So nothing is believed, and 19,000 hosts on two processors do not compile 19,000 times.

use crate::limits::BUNDLES_KEPT;
use bytes::Bytes;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wharden_agent::bundle::{Offer, Owner, verify};
use wharden_model::Revision;
use wharden_proto::v1::BundlePush;

/// A bundle in force.
pub struct Held {
    pub revision: Revision,
    pub digest: [u8; 32],
    /// The whole bundle's bytes.
    pub content: Bytes,
    /// Rules in force, the built-in ones included.
    pub rules: usize,
    /// It is for one host alone.
    is_for_one: bool,
}

type Outcome = Result<Arc<Held>, String>;

struct Seen {
    push: BundlePush,
    base: Option<[u8; 32]>,
    outcome: Arc<OnceLock<Outcome>>,
}

/// What was verified in this process.
#[derive(Default)]
pub struct Bundles(Mutex<Vec<Seen>>);

impl Bundles {
    /// Takes a push in place of what a host holds.
    ///
    /// # Errors
    /// Why it is refused, in the agent's words.
    pub fn take(&self, push: BundlePush, owner: &Owner, held: Option<&Arc<Held>>) -> Outcome {
        if let Some(held) = held.filter(|held| push.revision < held.revision) {
            return Err(format!("revision {} is older than {}", push.revision, held.revision));
        }
        let nonce_free = BundlePush { nonce: 0, ..push };
        let base = held.map(|held| held.digest);
        let cell = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // The newest are asked for most.
            let same = |seen: &&Seen| seen.base == base && seen.push == nonce_free;
            if let Some(seen) = all.iter().rev().find(same) {
                Arc::clone(&seen.outcome)
            } else {
                if all.len() >= BUNDLES_KEPT {
                    all.remove(0);
                }
                let outcome = Arc::default();
                all.push(Seen { push: nonce_free.clone(), base, outcome: Arc::clone(&outcome) });
                outcome
            }
        };
        let outcome = cell.get_or_init(|| check(&nonce_free, owner, held)).clone();
        match outcome {
            Ok(bundle) if bundle.is_for_one => check(&nonce_free, owner, held),
            outcome => outcome,
        }
    }
}

fn check(push: &BundlePush, owner: &Owner, held: Option<&Arc<Held>>) -> Outcome {
    let digest = <[u8; 32]>::try_from(push.digest.as_ref()).map_err(|_| "its digest is not SHA-256".to_owned())?;
    let content = content(push, &digest, held)?;
    let offer = Offer { revision: push.revision, digest, signature: &push.signature, payload: &content };
    let floor = held.map_or(0, |held| held.revision);
    let (bundle, compiled) = verify(&offer, owner, floor).map_err(|error| error.to_string())?;
    let is_for_one = bundle.scope.host.is_some();
    Ok(Arc::new(Held { revision: push.revision, digest, rules: compiled.rule_count(), content, is_for_one }))
}

fn content(push: &BundlePush, digest: &[u8; 32], held: Option<&Arc<Held>>) -> Result<Bytes, String> {
    if push.from == 0 && !push.payload.is_empty() {
        return Ok(push.payload.clone());
    }
    let held = held.ok_or("it is sent without its content, and nothing is held")?;
    if push.from == 0 {
        return if held.digest == *digest { Ok(held.content.clone()) } else { Err("its content is not held".into()) };
    }
    if held.revision != push.from {
        return Err("it is a difference from something that is not held".to_owned());
    }
    wharden_proto::difference::apply(&held.content, &push.payload).map(Bytes::from).map_err(|error| error.to_string())
}
