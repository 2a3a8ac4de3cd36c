//! `wharden-controller restore`: makes the data folder of a cluster of one out of a backup, a stopped controller's folder, or
//! both. Further controllers join it.
//!
//! The restored cluster is the old one in a later epoch: the same id, CA and users, and a log that is far ahead, so that
//! hosts follow it without enrolling again and turn their back on whatever is left of the old one.

use super::moment::{self, Found, Moment};
use crate::{
    config::{Config, FILE_NAME, Overrides},
    data_dir::{self, CA_FILE, CLUSTER_KEY, STORE},
    limits, log_mark,
};
use anyhow::Context;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use wharden_model::{ClusterId, Timestamp};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    fsync::write_atomic,
};
use wharden_state::{Actor, ClusterCommand, Command, EPOCH_ENTRIES, Entry};

/// What `restore` made.
#[derive(Debug, Serialize)]
pub struct Restored {
    pub cluster_id: ClusterId,
    /// Times that this cluster was restored.
    pub epoch: u64,
    /// Number of the controller, which none had before.
    pub number: u64,
    /// The moment that it is restored to: what was changed after this is lost.
    pub made_at: Timestamp,
    pub hosts: usize,
    pub users: usize,
    pub data_dir: String,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster_id, epoch, number, made_at, hosts, users, data_dir } = self;
        writeln!(f, "Cluster {cluster_id} is restored in {data_dir}, epoch {epoch}, as controller {number}:")?;
        writeln!(f, "{users} user(s) and {hosts} host(s), as of {made_at}.\n")?;
        writeln!(f, "What changed after that is lost. Look at these first:")?;
        writeln!(f, "  users that were disabled and hosts that were revoked since are back")?;
        writeln!(
            f,
            "  recovery codes that were used since are good again: `wharden account recovery-codes` makes new ones"
        )?;
        writeln!(f, "  all sessions, invites and join tokens have ended\n")?;
        writeln!(
            f,
            "Do not start controllers of the old cluster again. The new controller.toml makes no backups and has no"
        )?;
        writeln!(f, "[alerts]: carry over what the old one said. Next:")?;
        writeln!(f, "  wharden-controller run --data-dir {data_dir}")?;
        write!(f, "  wharden cluster add     (for each further controller)")
    }
}

/// What a cluster is restored from.
pub struct Source {
    /// A backup, and the file with the key that it is read with.
    pub backup: Option<(PathBuf, PathBuf)>,
    /// The data folder of a stopped controller, or its copy: its log, and without a backup its snapshots and its key too.
    pub data: Option<PathBuf>,
    /// Up to when, only with `data`; to the end of its log when it is not given.
    pub until: Option<Moment>,
}

/// Restores into an empty folder. When it fails half way it removes what it made.
///
/// # Errors
/// When the source is of no use or does not reach so far, or the folder is not empty or cannot be written; with what to do.
pub fn restore(data_dir: &Path, source: &Source, overrides: Overrides) -> anyhow::Result<Restored> {
    let Found { mut state, index: reached, as_of: made_at, keys } = moment::find(source)?;
    let now = Timestamp(SystemClock.now());
    let number = state.controllers.last_number.max(1) + 1;
    let index = reached + EPOCH_ENTRIES;
    let entry = Entry {
        request_id: crate::raft::new_request_id(),
        actor: Actor::System,
        issued_at: now,
        if_revision: None,
        origin: None,
        command: Command::Cluster(ClusterCommand::Restore { made_at, index: reached }),
    };
    state.apply(index, &entry).0?;

    let config = Config { node_id: number, ..Config::default().with(overrides) }.checked()?;
    let key_text = keys.sealing().to_file_text();
    keys.ca
        .issue_server(&config.advertise, number, now, Duration::from_secs(limits::SERVER_CERT_TTL_S))
        .context("--advertise")?;
    data_dir::fresh(data_dir)?;
    let made = write_atomic(&data_dir.join(CA_FILE), keys.ca.cert_pem().as_bytes(), 0o644)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok(write_atomic(&data_dir.join(FILE_NAME), toml::to_string(&config)?.as_bytes(), 0o600)?))
        .and_then(|()| Ok(wharden_store::seed(&data_dir.join(STORE), config.store, &state, index, number)?))
        .and_then(|()| Ok(log_mark::begun(data_dir)?))
        // Last: without it the folder is not a controller's.
        .and_then(|()| Ok(write_atomic(&data_dir.join(CLUSTER_KEY), key_text.as_bytes(), 0o600)?));
    if let Err(error) = made {
        data_dir::clear(data_dir);
        return Err(error);
    }
    Ok(Restored {
        cluster_id: keys.cluster_id,
        epoch: state.epoch,
        number,
        made_at,
        hosts: state.hosts.len(),
        users: state.users.len(),
        data_dir: data_dir.display().to_string(),
    })
}
