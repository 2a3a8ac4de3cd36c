//! Snapshots: the whole state at one entry of the log, as plain files.
//!
//! A file is what `State::to_bytes` gave, a line break, and one line of JSON that says which entry it reaches to, who the
//! members are, and the SHA-256 of what comes before. It is written to a temporary file, synced, renamed, and the folder
//! synced, so that a file with a final name is whole.

use crate::{
    error::{FormError, OpenError, SnapshotFileError},
    limits::SNAPSHOTS_KEPT,
    log::Ends,
    types::NodeId,
};
use openraft::BasicNode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    cmp::Reverse,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use wharden_runtime::fsync::write_atomic;
use wharden_state::State;

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

/// Where snapshots are kept.
enum Place {
    Folder(PathBuf),
    Memory,
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
        Self { place: Place::Memory, current: Mutex::new(None) }
    }

    /// Finds the newest snapshot that is sound. When the newest file is damaged, an older one (or none) serves if the log
    /// reaches from there to where the damaged one reached: then nothing is lost.
    pub(crate) fn open(folder: &Path, log: &Ends) -> Result<(Self, Option<(Meta, State)>), OpenError> {
        let files = list(folder).map_err(|error| OpenError::Folder { path: folder.to_owned(), error })?;
        let mut damaged = None;
        let mut found = None;
        for (covers, path) in files {
            match load(&path).and_then(|(meta, bytes)| Ok((meta, State::from_bytes(&bytes)?))) {
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

    /// Keeps a snapshot; it becomes the current one unless a newer one came first. Blocks.
    pub(crate) fn save(&self, meta: &Meta, mut bytes: Vec<u8>) -> Result<Vec<u8>, SnapshotFileError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = match &self.place {
            Place::Memory => Kept::Bytes(bytes.clone()),
            Place::Folder(folder) => {
                let path = folder.join(format!("{:020}{SUFFIX}", covers(meta)));
                let length = bytes.len();
                append_trailer(&mut bytes, meta);
                write_atomic(&path, &bytes, 0o600).map_err(SnapshotFileError::Io)?;
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
    let trailer: Trailer = serde_json::from_slice(line)
        .map_err(|error| SnapshotFileError::Trailer(FormError::Content(end + 1 + error.column())))?;
    if trailer.v != VERSION {
        return Err(SnapshotFileError::Trailer(FormError::Version(trailer.v)));
    }
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
