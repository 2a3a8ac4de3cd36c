//! Seals values anew, a part at a time.

use crate::{
    auth::{enrolment, keyring},
    keys, notify,
};
use wharden_pki::ClusterKeys;
use wharden_state::{Hex, Resealed, SealedRecord, State};

/// Bytes of the values of one part: as hex and with names, well below the most that one entry of the log takes.
const PART: usize = 12 * 1024;

/// What a sealed value is tied to.
pub fn record_id(of: &SealedRecord) -> String {
    match of {
        SealedRecord::Ca => keys::CA_RECORD.to_owned(),
        SealedRecord::Bundle => keys::BUNDLE_RECORD.to_owned(),
        SealedRecord::Token => keyring::RECORD.to_owned(),
        SealedRecord::Totp(user) => enrolment::totp_record(user),
        SealedRecord::Recovery(user) => enrolment::recovery_record(user),
        SealedRecord::Channel(name) => notify::secrets_record(name),
    }
}

/// The next part of what is to be sealed anew; nothing when nothing is left.
///
/// # Errors
/// Why none of what is left can be: it stays, and so does the key that it was sealed with.
pub fn next(state: &State, keys: &ClusterKeys) -> Result<Vec<Resealed>, String> {
    let (mut part, mut size, mut stuck) = (Vec::new(), 0, None);
    for (of, from) in state.sealed_before() {
        match anew(&of, from, keys) {
            Ok(to) => {
                size += from.0.len() + to.0.len();
                part.push(Resealed { of, from: from.clone(), to });
            }
            Err(why) => stuck = Some(format!("{}: {why}", record_id(&of))),
        }
        if size >= PART {
            break;
        }
    }
    match stuck {
        Some(why) if part.is_empty() => Err(why),
        _ => Ok(part),
    }
}

fn anew(of: &SealedRecord, from: &Hex, keys: &ClusterKeys) -> Result<Hex, String> {
    let id = record_id(of);
    if let SealedRecord::Recovery(_) = of {
        return keys.rehash(&id, &from.0).map(Hex).ok_or_else(|| "the key of its hash is not there".to_owned());
    }
    let secret = keys.open(&id, &from.0).map_err(|error| error.to_string())?;
    Ok(Hex(keys.seal(&id, &secret)))
}
