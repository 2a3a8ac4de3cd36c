//! The state of the moment that a cluster is restored to.
//!
//! ```text
//! backup ──────────────────────────────────────────────▶ the moment of the backup
//! backup ─▶ its state ─┐
//!                      ├─ log that a data folder holds ─▶ any moment after it
//! snapshot of a folder ┘
//! ```
//!
//! The log is held for as long as snapshots let it be, so not every moment can be reached: what is missing is said, with the
//! earliest and the latest that can.

use super::{Identities, open};
use crate::{
    data_dir::{CLUSTER_KEY, STORE},
    keys::{Keys, read_cluster_key},
};
use anyhow::{Context, anyhow, bail, ensure};
use std::{fmt, path::Path, str::FromStr};
use wharden_model::Timestamp;
use wharden_runtime::clock::{Clock, SystemClock};
use wharden_state::State;
use wharden_store::{Moment as At, Reach, ReplayError, Store, Until};

use super::restore::Source;

/// Of a time that is written to the second all milliseconds are meant: it is what people are shown.
const SECOND_MS: u64 = 999;

/// A moment, as people write it: a log entry, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Until);

impl FromStr for Moment {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if let Ok(index) = s.parse() {
            return Ok(Self(Until::Index(index)));
        }
        s.parse()
            .map(|Timestamp(ms)| Self(Until::Time(Timestamp(if s.contains('.') { ms } else { ms + SECOND_MS }))))
            .map_err(|_| format!("{s:?} is neither the number of a log entry nor a time, like 2026-11-24T08:00:00Z"))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Until::Index(index) => write!(f, "log entry {index}"),
            Until::Time(time) => write!(f, "{time}"),
            Until::End => write!(f, "the end of the log"),
        }
    }
}

/// A state, and what is needed to begin with it.
pub(super) struct Found {
    pub state: State,
    /// The log entry that it reaches to.
    pub index: u64,
    pub as_of: Timestamp,
    pub keys: Keys,
}

/// Reads the state of the moment and checks it whole. Blocks.
pub(super) fn find(source: &Source) -> anyhow::Result<Found> {
    let base = match &source.backup {
        Some((backup, identity)) => {
            let opened =
                open(backup, &Identities::read(identity)?).map_err(|error| anyhow!("{} {error}", backup.display()))?;
            let (key, header) = (opened.cluster_key()?, opened.header);
            let keys = Keys::open(&opened.state, key)?;
            Some(Found { state: opened.state, index: header.index, as_of: header.created_at, keys })
        }
        None => None,
    };
    match (base, &source.data) {
        (Some(base), None) => {
            ensure!(
                source.until.is_none(),
                "a backup alone is of one moment: --until needs the log of a data folder, --log DIR"
            );
            Ok(base)
        }
        (base, Some(data)) => follow(base, data, source.until.unwrap_or(Moment(Until::End))),
        (None, None) => bail!("give a backup, or the data folder of a stopped controller with --from-data DIR"),
    }
}

fn follow(base: Option<Found>, data: &Path, until: Moment) -> anyhow::Result<Found> {
    let folder = data.join(STORE);
    if let (Some(base), Until::Time(time)) = (&base, until.0) {
        ensure!(
            base.as_of <= time,
            "the backup was made at {}, later than {until}: take an earlier backup, or only the folder with --from-data",
            base.as_of
        );
    }
    let (key, given, epoch) = match base {
        Some(Found { state, index, keys, .. }) => {
            let epoch = state.epoch;
            // The log may reach past a change of the cluster key, to values that the backup has no key for.
            let own = read_cluster_key(&data.join(CLUSTER_KEY)).ok();
            let all = own.map_or_else(|| (*keys.sealing()).clone(), |own| keys.sealing().merged(&own));
            (all, Some(At { state, applied: Some(index) }), Some(epoch))
        }
        None => (read_cluster_key(&data.join(CLUSTER_KEY))?, None, None),
    };
    let at = Store::read_until(&folder, given, until.0).map_err(|error| explain(&error, &folder, until))?;
    let index = at.applied.filter(|_| at.state.cluster.is_some());
    let index = index.with_context(|| format!("there is nothing yet at {until}"))?;
    let keys = Keys::open(&at.state, key).with_context(|| {
        format!(
            "the state at {until} and the cluster's key (a moment before the key was changed needs a backup of before)"
        )
    })?;
    if let Some(epoch) = epoch {
        // A folder of the time after a restore does not go on from a backup of the time before it.
        ensure!(at.state.epoch == epoch, "the log in {} is of another epoch than the backup", data.display());
    }
    if let Err(broken) = at.state.audit.verify() {
        bail!("the audit chain breaks at record {broken}: the folder's log does not go on from this state");
    }
    let as_of = match until.0 {
        Until::Time(time) => time.min(Timestamp(SystemClock.now())),
        Until::Index(_) | Until::End => at.state.audit.records().last().map_or(Timestamp(0), |record| record.at),
    };
    Ok(Found { state: at.state, index, as_of, keys })
}

/// What can be reached instead.
fn explain(error: &ReplayError, folder: &Path, until: Moment) -> anyhow::Error {
    let can = match error {
        ReplayError::Open(_) | ReplayError::NotAStore { .. } | ReplayError::Read(_) => return anyhow!("{error}"),
        _ => Store::reach(folder).map(|reach| can_reach(&reach)),
    };
    match can {
        Ok(can) => anyhow!("{until} cannot be reached: {error}. {can}"),
        Err(_) => anyhow!("{until} cannot be reached: {error}"),
    }
}

fn can_reach(reach: &Reach) -> String {
    let at = |index: Option<u64>, time: Option<Timestamp>| match (index, time) {
        (Some(index), Some(time)) => format!("log entry {index} ({time})"),
        (Some(index), None) => format!("log entry {index}"),
        (None, _) => "the beginning".to_owned(),
    };
    let (from, to) = (at(reach.from, reach.from_time), at(reach.to, reach.to_time));
    format!("The folder alone reaches from {from} to {to}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_entry_or_a_time() {
        assert_eq!("1234".parse(), Ok(Moment(Until::Index(1234))));
        assert_eq!("2026-11-24T08:00:00Z".parse(), Ok(Moment(Until::Time(Timestamp(1_795_507_200_999)))));
        assert_eq!("2026-11-24T08:00:00.000Z".parse(), Ok(Moment(Until::Time(Timestamp(1_795_507_200_000)))));
        assert!("yesterday".parse::<Moment>().is_err());
    }
}
