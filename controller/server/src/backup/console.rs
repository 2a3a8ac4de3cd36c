//! What `wharden-controller backup …` does: no cluster is needed for any of it.

use super::{Identities, keygen, open};
use anyhow::Context;
use serde::Serialize;
use std::{fmt, fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};
use wharden_model::{ClusterId, Timestamp};
use wharden_runtime::fsync::sync_dir;

/// What a backup holds.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub cluster_id: ClusterId,
    pub created_at: Timestamp,
    /// The log entry that the state reaches to.
    pub index: u64,
    /// Version of the program that wrote it.
    pub program: String,
    pub users: usize,
    pub groups: usize,
    pub hosts: usize,
    pub policies: usize,
    /// Records of the audit chain, all of which were recomputed.
    pub audit_records: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The backup is whole: it was read to its end, its keys open, its audit chain holds.")?;
        writeln!(f, "Cluster:   {}", self.cluster_id)?;
        writeln!(f, "Made:      {} by version {}, at log entry {}", self.created_at, self.program, self.index)?;
        writeln!(f, "Users:     {}, groups: {}", self.users, self.groups)?;
        writeln!(f, "Hosts:     {}", self.hosts)?;
        writeln!(f, "Policies:  {}", self.policies)?;
        write!(f, "Audit:     {} record(s)", self.audit_records)
    }
}

/// Makes a key; the file is new and only its owner reads it. Returns the public half.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn keygen_to(out: &Path) -> anyhow::Result<String> {
    let (text, public) = keygen();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .with_context(|| format!("cannot make {}", out.display()))?;
    file.write_all(text.reveal().as_bytes()).and_then(|()| file.sync_all()).context("cannot write the key")?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_dir(folder)?;
    Ok(public)
}

/// Reads a backup whole and says what is in it.
///
/// # Errors
/// Why it could not be restored.
pub fn verify(backup: &Path, identity: &Path) -> anyhow::Result<Summary> {
    let identities = Identities::read(identity)?;
    let opened = open(backup, &identities).map_err(|error| anyhow::anyhow!("{} {error}", backup.display()))?;
    let (header, state) = (opened.header, opened.state);
    Ok(Summary {
        cluster_id: header.cluster_id,
        created_at: header.created_at,
        index: header.index,
        program: header.program,
        users: state.users.len(),
        groups: state.groups.len(),
        hosts: state.hosts.len(),
        policies: state.policies.len(),
        audit_records: opened.audit_records,
    })
}
