use super::{
    segment::{self, Segment},
    share::{self, Shares},
};
use crate::limits::{EVENT_BATCH_BYTES, SEGMENT_BYTES};
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use wharden_model::BootId;
use wharden_runtime::fsync::{make_dir, sync_dir};

/// In the data folder.
pub const FOLDER: &str = "spool";

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the folder {path} of the event spool cannot be used: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// Events of one run, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub boot_id: BootId,
    /// Number and JSON of each.
    pub events: Vec<(u64, Vec<u8>)>,
}

/// How full the spool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    pub bytes: u64,
    pub segments: usize,
}

#[derive(Debug)]
struct Run {
    boot_id: BootId,
    dir: PathBuf,
    acked: u64,
    segments: VecDeque<Segment>,
}

/// Decision events on disk, run by run: `spool/<ordinal>-<boot id>/<first number>.events`.
///
/// When it is full, new events are refused and old ones stay: what has been recorded is not pushed out by noise.
#[derive(Debug)]
pub struct Spool {
    root: PathBuf,
    max_bytes: u64,
    bytes: u64,
    shares: Shares,
    /// Oldest first; the last is this run.
    runs: VecDeque<Run>,
    open: Option<File>,
    unsynced: bool,
    damaged: usize,
}

impl Spool {
    /// Opens the spool in `root`, takes over what earlier runs left, and begins a run.
    ///
    /// # Errors
    /// [`SpoolError`] when the folder cannot be read.
    pub fn open(root: &Path, boot_id: BootId, max_bytes: u64) -> Result<Self, SpoolError> {
        let fail = |source| SpoolError::Io { path: root.to_owned(), source };
        let mut found = earlier_runs(root).map_err(fail)?;
        found.sort();
        let next = found.last().map_or(1, |(ordinal, ..)| ordinal + 1);
        let mut spool = Self {
            root: root.to_owned(),
            max_bytes,
            bytes: 0,
            shares: Shares::of(max_bytes),
            runs: VecDeque::new(),
            open: None,
            unsynced: false,
            damaged: 0,
        };
        for (_, boot, dir) in found {
            let run = spool.recover(boot, &dir).map_err(fail)?;
            if run.segments.is_empty() {
                // Nothing of use is in it; a folder that cannot be removed is looked at again next time.
                let _ = fs::remove_dir(&dir);
            } else {
                spool.runs.push_back(run);
            }
        }
        // Made with its first segment: a full disk must not keep the agent from starting.
        let dir = root.join(format!("{next:08x}-{boot_id}"));
        spool.runs.push_back(Run { boot_id, dir, acked: 0, segments: VecDeque::new() });
        Ok(spool)
    }

    fn recover(&mut self, boot_id: BootId, dir: &Path) -> io::Result<Run> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let Some(first) = segment::first_of(&path) else { continue };
            let (records, damaged) = segment::read(&path)?;
            self.damaged += damaged;
            if let Some(last) = records.last() {
                let bytes = fs::metadata(&path)?.len();
                self.bytes += bytes;
                let mut by = BTreeMap::new();
                for record in &records {
                    *by.entry(share::holder_of(&record.json)).or_default() += record.json.len() as u64;
                }
                self.shares.add(&by);
                segments.push(Segment { path, first, last: last.seq, bytes, by });
            } else {
                fs::remove_file(&path)?;
            }
        }
        segments.sort_by_key(|s| s.first);
        Ok(Run { boot_id, dir: dir.to_owned(), acked: 0, segments: segments.into() })
    }

    /// Lines that were found damaged when the spool was opened: torn by a power cut.
    pub fn damaged(&self) -> usize {
        self.damaged
    }

    /// How full it is.
    pub fn stats(&self) -> SpoolStats {
        SpoolStats { bytes: self.bytes, segments: self.runs.iter().map(|run| run.segments.len()).sum() }
    }

    /// Whether so many bytes more of this principal's events fit into its share, beside what is about to be written.
    pub fn has_room(&self, holder: &str, more: u64) -> bool {
        self.shares.fits(holder, more)
    }

    /// Writes encoded records of this run with the numbers `first` to `last`, with the bytes of each principal's.
    ///
    /// # Errors
    /// When the spool is full (`StorageFull`) or the disk fails: nothing of them counts as written.
    pub fn append(&mut self, first: u64, last: u64, encoded: &[u8], by: &BTreeMap<String, u64>) -> io::Result<()> {
        if self.bytes + encoded.len() as u64 > self.max_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let Some(run) = self.runs.back_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        if run.segments.back().is_none_or(|s| s.bytes >= SEGMENT_BYTES) || self.open.is_none() {
            if let Some(full) = self.open.take() {
                full.sync_data()?;
            }
            make_dir(&run.dir, 0o700)?;
            let path = segment::path(&run.dir, first);
            self.open = Some(OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?);
            sync_dir(&run.dir)?;
            run.segments.push_back(Segment { path, first, last: first - 1, bytes: 0, by: BTreeMap::new() });
        }
        let (Some(file), Some(segment)) = (&mut self.open, run.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = file.write_all(encoded) {
            // A half-written line would be read as damage: cut it off, and begin a new file if even that fails.
            if file.set_len(segment.bytes).is_err() {
                self.open = None;
            }
            if segment.bytes == 0 {
                let _ = fs::remove_file(&segment.path);
                run.segments.pop_back();
                self.open = None;
            }
            return Err(error);
        }
        segment.last = last;
        segment.bytes += encoded.len() as u64;
        for (holder, bytes) in by {
            *segment.by.entry(holder.clone()).or_default() += bytes;
        }
        self.shares.add(by);
        self.bytes += encoded.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced)
            && let Some(file) = &self.open
        {
            file.sync_data()?;
        }
        Ok(())
    }

    /// The oldest events that are not acknowledged, at most `max`; `None` when there are none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn next_batch(&self, max: usize) -> io::Result<Option<Batch>> {
        for run in &self.runs {
            for segment in run.segments.iter().filter(|s| s.last > run.acked) {
                let (records, _) = segment::read(&segment.path)?;
                let mut size = 0;
                let events: Vec<_> = records
                    .into_iter()
                    .filter(|r| r.seq > run.acked && r.seq <= segment.last)
                    .take(max)
                    .take_while(|r| {
                        size += r.json.len();
                        size <= EVENT_BATCH_BYTES
                    })
                    .map(|r| (r.seq, r.json))
                    .collect();
                if !events.is_empty() {
                    return Ok(Some(Batch { boot_id: run.boot_id.clone(), events }));
                }
            }
        }
        Ok(None)
    }

    /// Takes an acknowledgement: everything of the run up to `seq` is stored elsewhere.
    ///
    /// # Errors
    /// Those of deleting files.
    pub fn ack(&mut self, boot_id: &BootId, seq: u64) -> io::Result<()> {
        let current = self.runs.len().saturating_sub(1);
        let Some(at) = self.runs.iter().position(|run| run.boot_id == *boot_id) else { return Ok(()) };
        let Some(run) = self.runs.get_mut(at) else { return Ok(()) };
        run.acked = run.acked.max(seq.min(run.segments.back().map_or(run.acked, |s| s.last)));
        while let Some(segment) = run.segments.front().filter(|s| s.last <= run.acked) {
            fs::remove_file(&segment.path)?;
            self.bytes = self.bytes.saturating_sub(segment.bytes);
            self.shares.take_away(&segment.by);
            run.segments.pop_front();
        }
        if at == current {
            if run.segments.is_empty() {
                self.open = None;
            }
        } else if run.segments.is_empty() {
            fs::remove_dir(&run.dir)?;
            self.runs.remove(at);
        }
        Ok(())
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

fn earlier_runs(root: &Path) -> io::Result<Vec<(u64, BootId, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if let Some((ordinal, boot)) = entry.file_name().to_str().and_then(run_name) {
            found.push((ordinal, boot, entry.path()));
        }
    }
    Ok(found)
}

fn run_name(name: &str) -> Option<(u64, BootId)> {
    let (ordinal, boot) = name.split_once('-')?;
    Some((u64::from_str_radix(ordinal, 16).ok()?, BootId::new(boot).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Principal;

    fn boot(n: u8) -> BootId {
        BootId::new(format!("{n:016x}")).expect("id")
    }

    fn put(spool: &mut Spool, seq: u64) -> io::Result<()> {
        let mut line = Vec::new();
        segment::encode(&mut line, seq, format!("{{\"seq\":{seq}}}").as_bytes());
        spool.append(seq, seq, &line, &BTreeMap::new())
    }

    fn seqs(batch: Option<Batch>) -> (BootId, Vec<u64>) {
        let batch = batch.expect("a batch");
        (batch.boot_id, batch.events.iter().map(|(seq, _)| *seq).collect())
    }

    #[test]
    fn older_runs_come_first_and_survive_a_restart_until_acknowledged() {
        let dir = tempfile::tempdir().expect("dir");
        let mut first = Spool::open(dir.path(), boot(9), 1 << 20).expect("open");
        (1..=3).for_each(|seq| put(&mut first, seq).expect("room"));
        first.ack(&boot(9), 1).expect("ack");
        assert_eq!(seqs(first.next_batch(10).expect("read")), (boot(9), vec![2, 3]));
        drop(first);

        let mut second = Spool::open(dir.path(), boot(1), 1 << 20).expect("open");
        put(&mut second, 1).expect("room");
        assert_eq!(seqs(second.next_batch(2).expect("read")), (boot(9), vec![1, 2]));
        second.ack(&boot(9), 3).expect("ack");
        assert_eq!(seqs(second.next_batch(10).expect("read")), (boot(1), vec![1]));
        second.ack(&boot(1), 1).expect("ack");
        assert_eq!(second.next_batch(10).expect("read"), None);
        assert_eq!(second.stats().bytes, 0);
        put(&mut second, 2).expect("room");
        assert_eq!(seqs(second.next_batch(10).expect("read")), (boot(1), vec![2]));
        assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 1);
    }

    #[test]
    fn a_full_spool_refuses_the_newest_and_takes_again_once_acknowledged() {
        let dir = tempfile::tempdir().expect("dir");
        let mut spool = Spool::open(dir.path(), boot(1), 200).expect("open");
        let taken = (1..=10).take_while(|seq| put(&mut spool, *seq).is_ok()).count() as u64;
        assert!((1..10).contains(&taken));
        assert_eq!(put(&mut spool, 20).expect_err("full").kind(), io::ErrorKind::StorageFull);
        spool.ack(&boot(1), taken).expect("ack");
        put(&mut spool, 21).expect("room");
        assert_eq!(seqs(spool.next_batch(10).expect("read")), (boot(1), vec![21]));
    }

    #[test]
    fn a_principals_share_is_given_back_and_known_after_a_restart() {
        let eve = Principal::User { name: "eve".into() };
        let json = serde_json::to_vec(&serde_json::json!({ "principal": eve })).expect("json");
        let (holder, size) = (share::holder(&eve), json.len() as u64);
        assert_eq!((share::holder_of(&json), share::holder_of(b"{}")), (holder.clone(), String::new()));
        let dir = tempfile::tempdir().expect("dir");
        // A share of two events, in a spool that holds more lines than that.
        let room = size * 2 * crate::limits::SPOOL_SHARES;
        let mut spool = Spool::open(dir.path(), boot(1), room).expect("open");
        assert!(spool.has_room(&holder, size * 2) && !spool.has_room(&holder, size * 2 + 1));
        let mut line = Vec::new();
        segment::encode(&mut line, 1, &json);
        spool.append(1, 1, &line, &BTreeMap::from([(holder.clone(), size)])).expect("room");
        assert!(spool.has_room(&holder, size) && !spool.has_room(&holder, size + 1));
        assert!(spool.has_room("user bob", size * 2));
        drop(spool);
        let mut spool = Spool::open(dir.path(), boot(2), room).expect("open");
        assert!(spool.has_room(&holder, size) && !spool.has_room(&holder, size + 1));
        spool.ack(&boot(1), 1).expect("ack");
        assert!(spool.has_room(&holder, size * 2));
    }

    #[test]
    fn an_acknowledgement_beyond_what_was_written_does_not_swallow_later_events() {
        let dir = tempfile::tempdir().expect("dir");
        let mut spool = Spool::open(dir.path(), boot(1), 1 << 20).expect("open");
        put(&mut spool, 1).expect("room");
        spool.ack(&boot(1), 1000).expect("ack");
        put(&mut spool, 2).expect("room");
        assert_eq!(seqs(spool.next_batch(10).expect("read")), (boot(1), vec![2]));
        spool.ack(&boot(7), 5).expect("unknown runs are ignored");
    }
}
