//! How far the log is on this disk.
//!
//! A leader's entries go to the others while its own disk still works on them. Until it has them, none of them is applied
//! here and nobody is told that it is committed: so a quorum that counts this controller is one of disks. Whatever this
//! controller does next as a follower begins with a vote, which is durable after all that was written before it.

use crate::{
    error::WriteError,
    limits::WRITE_LIMIT,
    types::LogId,
    writer::{Heard, Outcome},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

#[derive(Clone, Debug, Default)]
struct Progress {
    /// The last entry of the log.
    last: Option<LogId>,
    /// The last one that is on the disk.
    upto: Option<LogId>,
    failed: Option<WriteError>,
}

impl Progress {
    fn holds(&self, index: u64) -> bool {
        self.last == self.upto || self.upto.is_some_and(|upto| upto.index >= index)
    }
}

/// Asked by those who apply entries, or tell others what is committed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Durable(watch::Receiver<Progress>);

impl Durable {
    /// The last entry of the log, on the disk or on its way there.
    pub fn last(&self) -> Option<LogId> {
        self.0.borrow().last
    }

    /// Returns when all entries up to this one that are in the log are on the disk.
    ///
    /// # Errors
    /// [`WriteError`] when they will not be.
    pub async fn reaches(&self, index: u64) -> Result<(), WriteError> {
        let mut progress = self.0.clone();
        let known = |progress: &Progress| progress.failed.is_some() || progress.holds(index);
        if !known(&progress.borrow()) {
            let stuck = WriteError::Stuck { seconds: WRITE_LIMIT.as_secs() };
            let waited = timeout(WRITE_LIMIT, progress.wait_for(known)).await.map_err(|_| stuck)?;
            waited.map_err(|_| WriteError::Stopped)?;
        }
        let failed = progress.borrow().failed.clone();
        failed.map_or(Ok(()), Err)
    }

    /// Ends when the disk has failed, with why.
    pub async fn failed(&self) -> WriteError {
        let mut progress = self.0.clone();
        let failed =
            progress.wait_for(|progress| progress.failed.is_some()).await.map(|progress| progress.failed.clone());
        failed.ok().flatten().unwrap_or(WriteError::Stopped)
    }

    /// What others may be told of what is committed: all of it, if this disk has it within `patience`.
    pub async fn tellable(&self, committed: Option<LogId>, patience: Duration) -> Option<LogId> {
        let index = committed?.index;
        // What is not there by then is left out.
        let _ = timeout(patience, self.reaches(index)).await;
        let progress = self.0.borrow();
        if progress.holds(index) { committed } else { committed.min(progress.upto) }
    }
}

/// The writing side.
#[derive(Clone, Debug)]
pub(crate) struct Reached(Arc<watch::Sender<Progress>>);

impl Reached {
    /// A log that is on the disk up to `last`.
    pub(crate) fn new(last: Option<LogId>) -> Self {
        Self(Arc::new(watch::channel(Progress { last, upto: last, failed: None }).0))
    }

    pub(crate) fn durable(&self) -> Durable {
        Durable(self.0.subscribe())
    }

    /// The log ends here now, all of it on the disk.
    pub(crate) fn ends(&self, last: Option<LogId>) {
        self.0.send_modify(|progress| (progress.last, progress.upto) = (last, last));
    }

    /// The log ends here now, and the disk works on it; the answer goes to whoever is returned.
    ///
    /// # Errors
    /// When it has failed before.
    pub(crate) fn begin(&self, last: LogId) -> Result<Heard, WriteError> {
        if let Some(failed) = &self.0.borrow().failed {
            return Err(failed.clone());
        }
        self.0.send_modify(|progress| progress.last = Some(last));
        let reached = self.clone();
        Ok(Box::new(move |outcome| reached.heard(last, outcome)))
    }

    /// Index of the last entry that is on the disk.
    pub(crate) fn upto(&self) -> u64 {
        self.0.borrow().upto.map_or(0, |upto| upto.index)
    }

    fn heard(&self, last: LogId, outcome: Outcome) {
        self.0.send_modify(|progress| match outcome {
            Ok(()) => progress.upto = progress.upto.max(Some(last)),
            Err(error) => progress.failed = Some(error),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::CommittedLeaderId;

    fn at(index: u64) -> Option<LogId> {
        Some(LogId::new(CommittedLeaderId::new(3, 1), index))
    }

    #[tokio::test]
    async fn nobody_is_told_of_what_this_disk_does_not_have() {
        let reached = Reached::new(at(4));
        let durable = reached.durable();
        assert_eq!(durable.tellable(at(9), Duration::ZERO).await, at(9), "others may have more than this log");
        let heard = reached.begin(at(5).expect("id")).expect("begun");
        let later = reached.begin(at(7).expect("id")).expect("begun");
        assert_eq!(durable.tellable(at(4), Duration::ZERO).await, at(4));
        assert_eq!(durable.tellable(at(6), Duration::ZERO).await, at(4));
        assert_eq!(durable.tellable(None, Duration::ZERO).await, None);
        heard(Ok(()));
        assert_eq!(durable.reaches(5).await, Ok(()));
        assert_eq!(durable.tellable(at(7), Duration::ZERO).await, at(5));
        let waits = tokio::spawn(async move { durable.reaches(7).await });
        later(Ok(()));
        assert_eq!(waits.await.expect("joined"), Ok(()));
    }

    #[tokio::test]
    async fn a_disk_that_fails_says_so_to_whoever_waits_and_takes_nothing_more() {
        let reached = Reached::new(at(4));
        let heard = reached.begin(at(5).expect("id")).expect("begun");
        let durable = reached.durable();
        let waits = tokio::spawn(async move { durable.reaches(5).await });
        let failed = WriteError::Barrier("no space left".to_owned());
        heard(Err(failed.clone()));
        assert_eq!(waits.await.expect("joined"), Err(failed.clone()));
        assert_eq!(reached.begin(at(6).expect("id")).err(), Some(failed));
    }

    #[tokio::test]
    async fn a_log_that_was_cut_back_begins_anew() {
        let reached = Reached::new(at(9));
        reached.ends(at(3));
        let _heard = reached.begin(at(4).expect("id")).expect("begun");
        assert_eq!(reached.durable().tellable(at(4), Duration::ZERO).await, at(3));
    }
}
