//! Opening the folder: its form is checked before anything is touched, then the segments are read once.

use super::{OpenError, record::Walk, runs::Runs, segment::Segment};
use std::{fs, io, path::Path};
use wharden_runtime::fsync::{make_dir, sync_and_reread, sync_dir, write_atomic};

const FORMAT_FILE: &str = "format";
const FORMAT: &str = "wharden events 2";
/// The form before: its records are still read, and whoever knows only it must not touch those of today.
const FORMAT_BEFORE: &str = "wharden events 1";

/// What was found.
pub(super) struct Folder {
    /// In order; the last is the one to go on with.
    pub segments: Vec<Segment>,
    pub runs: Runs,
}

pub(super) fn open(dir: &Path) -> Result<Folder, OpenError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::Io { path, error }
    };
    make_dir(dir, 0o700).map_err(fail(dir))?;
    let firsts = list(dir).map_err(fail(dir))?;
    format(dir, firsts.is_empty())?;
    let mut folder = Folder { segments: Vec::new(), runs: Runs::default() };
    for (nth, first) in firsts.iter().enumerate() {
        let path = Segment::new(*first).path(dir);
        let is_last = nth + 1 == firsts.len();
        let segment = read(&path, *first, is_last, &mut folder.runs).map_err(fail(&path))?;
        folder.segments.push(segment);
    }
    folder.runs.commit();
    if let Some(oldest) = folder.segments.first() {
        folder.runs.forget_before(oldest.first);
    }
    Ok(folder)
}

fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir)? {
        firsts.extend(entry?.file_name().to_str().and_then(Segment::first_of));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Checks the format file; makes it when the folder is new or of the form before.
fn format(dir: &Path, is_empty: bool) -> Result<(), OpenError> {
    let path = dir.join(FORMAT_FILE);
    let fail = |error| OpenError::Io { path: path.clone(), error };
    let first_line = match fs::read_to_string(&path) {
        Ok(text) => text.lines().next().unwrap_or_default().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_empty => FORMAT_BEFORE.to_owned(),
        Err(error) => return Err(fail(error)),
    };
    match first_line.as_str() {
        FORMAT => Ok(()),
        FORMAT_BEFORE => {
            write_atomic(&path, format!("{FORMAT}\n").as_bytes(), 0o600).map_err(fail)?;
            sync_dir(dir).map_err(fail)
        }
        found => Err(OpenError::Format { path: path.clone(), found: found.chars().take(80).collect(), known: FORMAT }),
    }
}

/// Reads one segment. A torn end of the last one is what a crash leaves, and none of it was acknowledged: it is cut off.
/// Damage anywhere else loses the rest of that segment, and says so. What a killed process wrote and did not sync is synced
/// now: agents that send it again are told that it is held.
fn read(path: &Path, first: u64, is_last: bool, runs: &mut Runs) -> io::Result<Segment> {
    if is_last {
        sync_and_reread(path)?;
    }
    let bytes = fs::read(path)?;
    let mut segment = Segment::new(first);
    let mut walk = Walk::new(&bytes);
    let mut begin = 0;
    while let Some((header, _)) = walk.next() {
        runs.stage(header.run(), header.seq, header.stamp, segment.end);
        segment.push(&header, walk.offset() - begin);
        begin = walk.offset();
    }
    let rest = bytes.len() - begin;
    if rest > 0 && is_last {
        fs::OpenOptions::new().write(true).open(path)?.set_len(begin as u64)?;
        tracing::warn!(file = %path.display(), bytes = rest, "the end of the last event file was torn; cut off");
    } else if rest > 0 {
        tracing::error!(file = %path.display(), bytes = rest, "an event file is damaged; events in it are lost");
    }
    Ok(segment)
}
