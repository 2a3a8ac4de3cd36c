//! How records look on the disk: one version byte, then JSON.

use crate::{error::FormError, types::LogEntry};
use openraft::EntryPayload;
use serde::{Serialize, de::DeserializeOwned};

/// Version of the form; raised when an old reader could not read a new record.
const VERSION: u8 = 1;
/// Of an entry that the version before levels does not know, and must say so instead of taking it for damaged.
pub(crate) const VERSION_LEVELS: u8 = 2;

/// Writes a record.
pub(crate) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    write(VERSION, record)
}

/// Writes an entry of the log.
pub(crate) fn encode_entry(entry: &LogEntry) -> Vec<u8> {
    match &entry.payload {
        EntryPayload::Normal(batch) if batch.0.iter().any(|entry| entry.command.is_new()) => {
            write(VERSION_LEVELS, entry)
        }
        _ => write(VERSION, entry),
    }
}

fn write<T: Serialize>(version: u8, record: &T) -> Vec<u8> {
    let mut bytes = vec![version];
    serde_json::to_writer(&mut bytes, record).expect("records have string keys only, and a vector takes all bytes");
    bytes
}

/// Reads a record.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormError> {
    match bytes.split_first() {
        None => Err(FormError::Empty),
        Some((&(VERSION | VERSION_LEVELS), json)) => {
            serde_json::from_slice(json).map_err(|error| FormError::Content(error.column()))
        }
        Some((&version, _)) => Err(FormError::Version(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LogEntry, LogId, Vote};
    use openraft::{BasicNode, CommittedLeaderId, EntryPayload, Membership};
    use std::collections::{BTreeMap, BTreeSet};
    use wharden_model::{RequestId, Timestamp};
    use wharden_state::{Actor, AuditCommand, Batch, ClusterCommand, Command, Entry};

    fn at(index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(3, 1), index)
    }

    /// A changed form here is a log that the version before cannot read, and the other way round.
    #[test]
    fn the_forms_of_records_are_frozen() {
        let command = Command::Audit(AuditCommand::Refused {
            action: "policy.update".into(),
            resource: "p".into(),
            reason: "no rule permits it".into(),
        });
        let entry = Entry {
            request_id: RequestId::new("00112233445566778899aabbccddeeff").expect("id"),
            actor: Actor::System,
            issued_at: Timestamp(1_795_507_199_123),
            if_revision: None,
            origin: None,
            command,
        };
        let nodes: BTreeMap<u64, BasicNode> = [(1, BasicNode::new("a.example:7442"))].into();
        let members = Membership::new(vec![BTreeSet::from([1])], nodes);
        let entries = [
            LogEntry { log_id: at(0), payload: EntryPayload::Membership(members) },
            LogEntry { log_id: at(1), payload: EntryPayload::Blank },
            LogEntry { log_id: at(2), payload: EntryPayload::Normal(Batch(vec![entry])) },
        ];
        let mut text = String::new();
        for bytes in entries.iter().map(encode_entry).chain([encode(&Vote::new_committed(3, 1)), encode(&at(2))]) {
            text.push_str(&format!("{} {}\n", bytes[0], String::from_utf8_lossy(&bytes[1..])));
        }
        insta::assert_snapshot!("records", text);
        for entry in &entries {
            assert_eq!(decode::<LogEntry>(&encode_entry(entry)).as_ref(), Ok(entry));
        }
    }

    #[test]
    fn an_entry_that_older_versions_do_not_know_says_so_by_its_version() {
        let raise = Entry {
            request_id: RequestId::new("00112233445566778899aabbccddeeff").expect("id"),
            actor: Actor::System,
            issued_at: Timestamp(1),
            if_revision: None,
            origin: None,
            command: Command::Cluster(ClusterCommand::Raise { level: 1 }),
        };
        let entry = LogEntry { log_id: at(7), payload: EntryPayload::Normal(Batch(vec![raise])) };
        let bytes = encode_entry(&entry);
        assert_eq!((bytes[0], decode::<LogEntry>(&bytes)), (2, Ok(entry)));
    }

    #[test]
    fn damaged_records_say_where_and_never_what() {
        assert_eq!(decode::<String>(b""), Err(FormError::Empty));
        assert_eq!(decode::<String>(b"\x03\"x\""), Err(FormError::Version(3)));
        assert_eq!(decode::<u64>(b"\x01\"secret\""), Err(FormError::Content(8)));
        assert_eq!(decode::<String>(b"\x01\"x\"y"), Err(FormError::Content(4)));
    }
}
