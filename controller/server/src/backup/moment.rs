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
    if let Some(base) = &base {
        let own = Store::read_until(&folder, None, Until::End).map_err(|error| explain(&error, &folder, until))?;
        goes_on(&own, base).map_err(|why| anyhow!("{} does not go on from the backup: {why}", data.display()))?;
    }
    if let Until::Time(time) = until.0 {
        let reach = Store::reach(&folder)?;
        // What came after the last entry that is here, and before that time, is elsewhere, if there was anything.
        ensure!(
            reach.to_time.is_some_and(|end| time <= end),
            "{until} cannot be reached: the log of the folder ends before it; without --until all that it has is taken. {}",
            can_reach(&reach)
        );
    }
    let (key, given) = match base {
        Some(Found { state, index, keys, .. }) => {
            // The log may reach past a change of the cluster key, to values that the backup has no key for.
            let own = read_cluster_key(&data.join(CLUSTER_KEY)).ok();
            let all = own.map_or_else(|| (*keys.sealing()).clone(), |own| keys.sealing().merged(&own));
            (all, Some(At { state, applied: Some(index) }))
        }
        None => (read_cluster_key(&data.join(CLUSTER_KEY))?, None),
    };
    let at = Store::read_until(&folder, given, until.0).map_err(|error| explain(&error, &folder, until))?;
    let index = at.applied.filter(|_| at.state.cluster.is_some());
    let Some(index) = index else {
        bail!("there is nothing yet at {until}. {}", can_reach(&Store::reach(&folder)?));
    };
    let keys = Keys::open(&at.state, key).with_context(|| {
        format!(
            "the state at {until} and the cluster's key (a moment before the key was changed needs a backup of before)"
        )
    })?;
    if let Err(broken) = at.state.audit.verify() {
        bail!("the audit chain breaks at record {broken}: the folder's log does not go on from this state");
    }
    let as_of = match until.0 {
        Until::Time(time) => time,
        Until::Index(_) | Until::End => at.state.audit.records().last().map_or(Timestamp(0), |record| record.at),
    };
    Ok(Found { state: at.state, index, as_of, keys })
}

/// Whether what a folder knows by itself has the state of a backup in its past.
fn goes_on(own: &At, base: &Found) -> Result<(), String> {
    let cluster = own.state.cluster.as_ref().map(|cluster| &cluster.id).filter(|id| **id != base.keys.cluster_id);
    if let Some(other) = cluster {
        return Err(format!("it is of cluster {other}, the backup of {}", base.keys.cluster_id));
    }
    // A folder of the time after a restore is of another history, whatever its numbers are.
    if own.state.epoch != base.state.epoch {
        return Err(format!("it is of epoch {}, the backup of {}", own.state.epoch, base.state.epoch));
    }
    if own.applied < Some(base.index) {
        let ends = own.applied.map_or_else(|| "is empty".to_owned(), |end| format!("ends at entry {end}"));
        return Err(format!("its log {ends}, the backup reaches to entry {}", base.index));
    }
    let last = base.state.audit.records().last();
    let other = last.is_some_and(|last| {
        let mut own = own.state.audit.records().rev();
        own.find(|record| record.seq == last.seq).is_some_and(|record| record.hash != last.hash)
    });
    if other { Err("its audit is another one".to_owned()) } else { Ok(()) }
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
    use crate::{
        backup::{Recipients, keygen, write},
        boot,
        config::Overrides,
    };
    use std::path::PathBuf;
    use wharden_store::Engine;

    #[test]
    fn a_moment_is_an_entry_or_a_time() {
        assert_eq!("1234".parse(), Ok(Moment(Until::Index(1234))));
        assert_eq!("2026-11-24T08:00:00Z".parse(), Ok(Moment(Until::Time(Timestamp(1_795_507_200_999)))));
        assert_eq!("2026-11-24T08:00:00.000Z".parse(), Ok(Moment(Until::Time(Timestamp(1_795_507_200_000)))));
        assert!("yesterday".parse::<Moment>().is_err());
    }

    /// The folder of a new cluster, what its log comes to, and a backup of that as of some entry.
    struct Scene {
        _dir: tempfile::TempDir,
        data: PathBuf,
        identity: PathBuf,
        backup: PathBuf,
        state: State,
        end: u64,
    }

    impl Scene {
        async fn new() -> Self {
            let dir = tempfile::tempdir().expect("temp dir");
            let at = |name: &str| dir.path().join(name);
            let (data, identity, backup) = (at("controller"), at("key"), at("backup"));
            boot::init(&data, Engine::default(), Overrides::default()).await.expect("made");
            let known = Store::read_until(&data.join(STORE), None, Until::End).expect("read");
            let end = known.applied.expect("entries");
            let scene = Self { _dir: dir, data, identity, backup, state: known.state, end };
            scene.back_up(end);
            scene
        }

        fn back_up(&self, index: u64) {
            let (secret, public) = keygen();
            std::fs::write(&self.identity, secret.reveal()).expect("written");
            let recipients = Recipients::parse(&[public]).expect("a public key");
            let key = read_cluster_key(&self.data.join(CLUSTER_KEY)).expect("a key");
            let file = std::fs::File::create(&self.backup).expect("a file");
            write(&self.state, index, &key, &recipients, Timestamp(0), file).expect("written");
        }

        fn find(&self, data: &Path, until: Option<&str>) -> Result<Found, String> {
            let backup = Some((self.backup.clone(), self.identity.clone()));
            let until = until.map(|until| until.parse().expect("a moment"));
            find(&Source { backup, data: Some(data.to_owned()), until }).map_err(|error| format!("{error:#}"))
        }
    }

    #[tokio::test]
    async fn a_backup_goes_on_with_the_log_of_its_own_cluster_that_reaches_further() {
        let (own, other) = (Scene::new().await, Scene::new().await);
        assert_eq!(own.find(&own.data, None).map(|found| found.index), Ok(own.end));
        let refused =
            |scene: &Scene, data: &Path| scene.find(data, None).map(|found| found.index).expect_err("refused");
        assert!(refused(&own, &other.data).contains("the backup of"), "{}", refused(&own, &other.data));
        own.back_up(own.end + 1);
        let why = refused(&own, &own.data);
        assert!(why.contains(&format!("ends at entry {}", own.end)), "{why}");
        let mut restored = own;
        restored.state.epoch += 1;
        restored.back_up(restored.end);
        assert!(refused(&restored, &restored.data).contains("epoch 0, the backup of 1"));
    }

    #[tokio::test]
    async fn a_time_that_the_log_does_not_reach_is_refused_with_what_it_reaches() {
        let own = Scene::new().await;
        for (until, why) in [("2999-01-01", "ends before it"), ("2020-01-01", "there is nothing yet")] {
            let source =
                Source { backup: None, data: Some(own.data.clone()), until: Some(until.parse().expect("a time")) };
            let told = find(&source).map(|found| found.index).expect_err("refused").to_string();
            let reach = format!("from the beginning to log entry {}", own.end);
            assert!(told.contains(why) && told.contains(&reach), "{told}");
        }
        // The latest moment, as it is told.
        let end = Store::reach(&own.data.join(STORE)).expect("read").to_time.expect("a time");
        assert_eq!(own.find(&own.data, Some(&end.to_string())).map(|found| found.as_of), Ok(end));
    }
}
