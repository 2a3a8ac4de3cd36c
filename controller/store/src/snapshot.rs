//! Snapshots: the whole state at one entry of the log, as plain files.
//!
//! A file is what `State::to_bytes` gave, a line break, and one line of JSON that says which entry it reaches to, who the
//! members are, and the SHA-256 of what comes before. It is written to a temporary file, synced, renamed, and the folder
//! synced, so that a file with a final name is whole.

use crate::{
    error::{FormError, OpenError, SnapshotFileError},
    limits::SNAPSHOTS_KEPT,
    log::Ends,
    simulated::Shelf,
    types::NodeId,
};
use openraft::BasicNode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    cmp::Reverse,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use wharden_runtime::fsync::{sync_dir, write_atomic};
use wharden_state::{SnapshotError, State};

pub(crate) type Meta = openraft::SnapshotMeta<NodeId, BasicNode>;

const VERSION: u8 = 1;
const SUFFIX: &str = ".snapshot";

/// The last line of a file.
#[derive(Serialize, Deserialize)]
struct Trailer {
    v: u8,
    meta: Meta,
    sha256: [u8; 32],
}

#[derive(Deserialize)]
struct Version {
    v: u8,
}

/// Where snapshots are kept.
enum Place {
    Folder(PathBuf),
    Memory(Arc<Shelf>),
}

enum Kept {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// All snapshots of one store.
pub(crate) struct Snapshots {
    place: Place,
    current: Mutex<Option<(Meta, Kept)>>,
}

impl Snapshots {
    /// Snapshots that end with the process.
    pub(crate) fn in_memory() -> Self {
        Self { place: Place::Memory(Arc::default()), current: Mutex::new(None) }
    }

    /// Snapshots in memory that outlive a simulated crash.
    pub(crate) fn on_shelf(shelf: &Arc<Shelf>, log: &Ends) -> Result<(Self, Option<(Meta, State)>), OpenError> {
        let found = shelf.get();
        let log_begins = log.purged.map_or(0, |id| id.index + 1);
        if found.as_ref().map_or(0, |(meta, _)| covers(meta)) < log_begins {
            return Err(OpenError::SnapshotMissing { purged: log_begins - 1 });
        }
        let loaded = found.as_ref().map(|(meta, bytes)| Ok((meta.clone(), State::from_bytes(bytes)?))).transpose();
        let loaded = loaded.map_err(|error| OpenError::Snapshot { path: "memory".into(), error })?;
        let current = found.map(|(meta, bytes)| (meta, Kept::Bytes(bytes)));
        Ok((Self { place: Place::Memory(Arc::clone(shelf)), current: Mutex::new(current) }, loaded))
    }

    /// Refuses files of a newer version, before anything is opened. They are not damaged, so nothing may take their place.
    pub(crate) fn check_versions(folder: &Path) -> Result<(), OpenError> {
        let files = list(folder).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
        for (_, path) in files {
            let read = load(&path).and_then(|(_, bytes)| Ok(State::check_version(&bytes)?));
            if let Err(
                error @ (SnapshotFileError::Trailer(FormError::Version(_))
                | SnapshotFileError::State(SnapshotError::Version(_))),
            ) = read
            {
                return Err(OpenError::NewerSnapshot { path, error });
            }
        }
        Ok(())
    }

    /// The snapshots of a folder that holds none yet.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { place: Place::Folder(folder.to_owned()), current: Mutex::new(None) }
    }

    /// Finds the newest snapshot that is sound. When the newest file is damaged, an older one (or none) serves if the log
    /// reaches from there to where the damaged one reached: then nothing is lost.
    pub(crate) fn open(folder: &Path, log: &Ends) -> Result<(Self, Option<(Meta, State)>), OpenError> {
        // Whoever wrote the newest may have been killed before its name was durable, and the log may be purged behind it.
        let files = sync_dir(folder).and_then(|()| list(folder));
        let files = files.map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
        let mut damaged = None;
        let mut found = None;
        for (covers, path) in files {
            match load_state(&path) {
                Ok((meta, state)) => {
                    found = Some((meta, state, path));
                    break;
                }
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a snapshot cannot be used");
                    damaged.get_or_insert((covers, OpenError::Snapshot { path, error }));
                }
            }
        }
        let covered = found.as_ref().map_or(0, |(meta, ..)| covers(meta));
        let log_begins = log.purged.map_or(0, |id| id.index + 1);
        let log_ends = log.last.map_or(log_begins, |id| id.index + 1);
        match damaged {
            Some((lost, error)) if covered < log_begins || log_ends < lost => return Err(error),
            None if covered < log_begins => return Err(OpenError::SnapshotMissing { purged: log_begins - 1 }),
            _ => {}
        }
        let current = found.as_ref().map(|(meta, _, path)| (meta.clone(), Kept::File(path.clone())));
        let snapshots = Self { place: Place::Folder(folder.to_owned()), current: Mutex::new(current) };
        Ok((snapshots, found.map(|(meta, state, _)| (meta, state))))
    }

    /// Keeps a state. The id of the snapshot says its bytes: another version may write the same state in another way, and
    /// parts of both must not become one. Blocks.
    pub(crate) fn keep(&self, mut meta: Meta, state: &State) -> Result<(Meta, Vec<u8>), SnapshotFileError> {
        let bytes = state.to_bytes()?;
        let digest = Sha256::digest(&bytes);
        meta.snapshot_id = digest[..8].iter().fold(meta.snapshot_id + "-", |id, byte| format!("{id}{byte:02x}"));
        let bytes = self.save(&meta, bytes)?;
        Ok((meta, bytes))
    }

    /// Keeps a snapshot; it becomes the current one unless a newer one came first. Blocks.
    pub(crate) fn save(&self, meta: &Meta, mut bytes: Vec<u8>) -> Result<Vec<u8>, SnapshotFileError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &self.place {
            Place::Memory(shelf) => {
                if shelf.get().is_none_or(|(present, _)| covers(&present) <= covers(meta)) {
                    shelf.put(meta.clone(), bytes.clone());
                }
                Kept::Bytes(bytes.clone())
            }
            Place::Folder(folder) => {
                let path = folder.join(format!("{:020}{SUFFIX}", covers(meta)));
                let length = bytes.len();
                append_trailer(&mut bytes, meta);
                write_atomic(&path, &bytes, 0o600).map_err(SnapshotFileError::NotWritten)?;
                bytes.truncate(length);
                prune(folder);
                Kept::File(path)
            }
        };
        if current.as_ref().is_none_or(|(present, _)| covers(present) <= covers(meta)) {
            *current = Some((meta.clone(), kept));
        }
        Ok(bytes)
    }

    /// The current snapshot. Blocks.
    pub(crate) fn current(&self) -> Result<Option<(Meta, Vec<u8>)>, SnapshotFileError> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            None => Ok(None),
            Some((meta, Kept::Bytes(bytes))) => Ok(Some((meta.clone(), bytes.clone()))),
            Some((_, Kept::File(path))) => load(path).map(Some),
        }
    }
}

/// All sound snapshots in a folder, newest first: the last entry in each, and its state.
pub(crate) fn all(folder: &Path) -> Result<impl Iterator<Item = (Option<u64>, State)>, OpenError> {
    let files = list(folder).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
    Ok(files.into_iter().filter_map(|(_, path)| match load_state(&path) {
        Ok((meta, state)) => Some((meta.last_log_id.map(|id| id.index), state)),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a snapshot cannot be used");
            None
        }
    }))
}

fn load_state(path: &Path) -> Result<(Meta, State), SnapshotFileError> {
    let (meta, bytes) = load(path)?;
    Ok((meta, State::from_bytes(&bytes)?))
}

/// Entries that a snapshot covers.
fn covers(meta: &Meta) -> u64 {
    meta.last_log_id.map_or(0, |id| id.index + 1)
}

fn append_trailer(bytes: &mut Vec<u8>, meta: &Meta) {
    let trailer = Trailer { v: VERSION, meta: meta.clone(), sha256: Sha256::digest(&bytes).into() };
    bytes.push(b'\n');
    serde_json::to_writer(&mut *bytes, &trailer).expect("a trailer has string keys only, and a vector takes all bytes");
}

fn load(path: &Path) -> Result<(Meta, Vec<u8>), SnapshotFileError> {
    let mut bytes = fs::read(path).map_err(SnapshotFileError::Io)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').ok_or(SnapshotFileError::Cut)?;
    let line = &bytes[end + 1..];
    let content = |error: serde_json::Error| SnapshotFileError::Trailer(FormError::Content(end + 1 + error.column()));
    // The version first: a newer one may have other fields.
    let Version { v } = serde_json::from_slice(line).map_err(content)?;
    if v != VERSION {
        return Err(SnapshotFileError::Trailer(FormError::Version(v)));
    }
    let trailer: Trailer = serde_json::from_slice(line).map_err(content)?;
    bytes.truncate(end);
    if Sha256::digest(&bytes)[..] != trailer.sha256 {
        return Err(SnapshotFileError::Checksum);
    }
    Ok((trailer.meta, bytes))
}

/// Files with a snapshot's name, newest first.
fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort_by_key(|(number, _)| Reverse(*number));
    Ok(files)
}

/// Removes all but the newest. A file that stays costs space and is tried again next time.
fn prune(folder: &Path) {
    let removed = list(folder)
        .and_then(|files| files.iter().skip(SNAPSHOTS_KEPT).try_for_each(|(_, path)| fs::remove_file(path)));
    if let Err(error) = removed {
        tracing::warn!(folder = %folder.display(), %error, "an old snapshot cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::{CommittedLeaderId, LogId, Membership, StoredMembership};
    use std::collections::{BTreeMap, BTreeSet};

    /// A changed form here is a snapshot that the version before cannot read, and the other way round. The state's own form
    /// is frozen in `controller/state`.
    #[test]
    fn the_form_of_a_snapshot_file_is_frozen() {
        let at = |index| LogId::new(CommittedLeaderId::new(3, 1), index);
        let nodes: BTreeMap<u64, BasicNode> = [(1, BasicNode::new("a.example:7442"))].into();
        let members = Membership::new(vec![BTreeSet::from([1])], nodes);
        let meta = Meta {
            last_log_id: Some(at(41)),
            last_membership: StoredMembership::new(Some(at(7)), members),
            snapshot_id: "T3-N1-41".to_owned(),
        };
        let mut bytes = State::default().to_bytes().expect("bytes");
        let length = bytes.len();
        append_trailer(&mut bytes, &meta);
        let trailer = String::from_utf8_lossy(&bytes[length..]);
        let sum = format!("{:?}", Sha256::digest(&bytes[..length]).as_slice()).replace(' ', "");
        assert!(trailer.contains(&sum), "{trailer}");
        insta::assert_snapshot!("snapshot", format!("{} … {}", bytes[0], trailer.replace(&sum, "[sha256]")));

        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        fs::write(&path, &bytes).expect("written");
        assert_eq!(load_state(&path).expect("reads").0, meta);
    }
}
