//! What a host keeps of one cluster, beside what is of its enrolment. In another cluster it is of no use, and some of it does
//! harm: an epoch of the old cluster would make the new one's controllers look as if they should not run any more.

use super::data_dir::{DataDir, DataDirError};
use crate::{
    inventory::IMAGE_OWNERS_FILE,
    report::{SPOOL, Spool, SpoolError},
    session::{CONTROLLERS_FILE, EPOCH_FILE},
};
use std::io;
use wharden_model::{BootId, IdError};

/// No agent wrote anything in this run: the spool is only emptied.
const NO_RUN: &str = "0000000000000000";

/// Why it is not gone.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the event spool cannot be emptied: {0}")]
    Events(#[from] io::Error),
    #[error(transparent)]
    Id(#[from] IdError),
}

/// Removes it. Gives the number of events that the cluster did not get any more.
///
/// # Errors
/// [`ClearError`]; safe to repeat.
pub fn clear(dir: &DataDir) -> Result<usize, ClearError> {
    let mut spool = Spool::open(&dir.file(SPOOL), BootId::new(NO_RUN)?, 0)?;
    let mut unsent = 0;
    while let Some(batch) = spool.next_batch(usize::MAX)? {
        let Some((last, _)) = batch.events.last() else { break };
        spool.ack(&batch.boot_id, *last)?;
        unsent += batch.events.len();
    }
    // By names of accounts, which are others there.
    dir.remove(IMAGE_OWNERS_FILE)?;
    dir.remove(CONTROLLERS_FILE)?;
    dir.remove(EPOCH_FILE)?;
    Ok(unsent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inventory::ImageOwners,
        session::{Controllers, Epoch},
    };
    use std::collections::BTreeMap;
    use wharden_model::HostId;
    use wharden_proto::v1;

    #[test]
    fn nothing_of_a_cluster_is_left_and_unsent_events_are_counted() {
        let parent = tempfile::tempdir().expect("dir");
        let dir = DataDir::create(&parent.path().join("d")).expect("made");
        let host = HostId::new("h-0123456789abcdef").expect("id");
        assert_eq!(clear(&dir).expect("nothing"), 0);

        Epoch::load(&dir).welcome(1).expect("a restored cluster");
        let known = || Controllers::load(&dir, host.clone(), Vec::new());
        let old = v1::ControllerAddress { number: 1, address: "old:7441".into() };
        assert!(known().tell(&dir, v1::Controllers { controllers: vec![old] }).expect("kept"));
        let run = || BootId::new("00000000000000aa").expect("id");
        let open = || Spool::open(&dir.file(SPOOL), run(), 1 << 20).expect("spool");
        let mut spool = open();
        for seq in 1..=3 {
            let mut sum = crc32fast::Hasher::new();
            sum.update(&u64::to_be_bytes(seq));
            sum.update(b"{}");
            let line = format!("{:08x} {:08x} {seq:016x} {{}}\n", 2, sum.finalize());
            spool.append(seq, seq, line.as_bytes(), &BTreeMap::new()).expect("written");
        }
        drop(spool);
        dir.write(IMAGE_OWNERS_FILE, br#"{"version":1,"owners":{"alice":["sha256:1"]}}"#).expect("written");
        assert_eq!(ImageOwners::load(&dir).of("sha256:1"), "alice");

        assert_eq!(clear(&dir).expect("cleared"), 3);
        assert_eq!(open().next_batch(10).expect("reads"), None);
        assert_eq!(known().ranked(), []);
        assert_eq!(ImageOwners::load(&dir).of("sha256:1"), "");
        Epoch::load(&dir).welcome(0).expect("the first epoch of another cluster");
    }
}
