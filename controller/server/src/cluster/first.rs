//! The controllers that a joiner heard of, for the time until it has the state.

use crate::peers::Known;
use anyhow::Context;
use std::{fs, io, path::Path};
use wharden_runtime::fsync::write_atomic;

pub(super) const FILE: &str = "peers.json";

/// The list in a data folder; empty when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn load(data_dir: &Path) -> anyhow::Result<Vec<Known>> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

pub(super) fn store(data_dir: &Path, list: &[Known]) -> anyhow::Result<()> {
    Ok(write_atomic(&data_dir.join(FILE), &serde_json::to_vec_pretty(list)?, 0o600)?)
}
