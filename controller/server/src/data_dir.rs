//! The controller's data folder: what is in it, and how a new one begins.

use crate::{config::FILE_NAME, log_mark::LOG_MARK};
use anyhow::ensure;
use std::{fs, path::Path};
use wharden_runtime::fsync::make_dir;

/// The key that everything sealed hangs from. A folder without it is not a controller's.
pub const CLUSTER_KEY: &str = "cluster.key";
/// The cluster's CA, for clients.
pub const CA_FILE: &str = "ca.pem";
/// The certificate that this controller shows to the others, with its issuer's.
pub const PEER_CHAIN: &str = "peer.pem";
/// Its key.
pub const PEER_KEY: &str = "peer.key";
/// Log and snapshots.
pub const STORE: &str = "store";

/// Takes an empty folder, or makes it.
///
/// # Errors
/// When something is in it, or it cannot be made.
pub fn fresh(data_dir: &Path) -> anyhow::Result<()> {
    if let Ok(mut entries) = fs::read_dir(data_dir) {
        let what = data_dir.display();
        ensure!(
            entries.next().is_none(),
            "{what} is not empty: give an empty or new folder, or run the controller that is there"
        );
    }
    // The error names the folder.
    Ok(make_dir(data_dir, 0o700)?)
}

/// Takes out what was made in a folder that was fresh.
pub fn clear(data_dir: &Path) {
    for name in [CLUSTER_KEY, CA_FILE, FILE_NAME, PEER_CHAIN, PEER_KEY, LOG_MARK] {
        // What was not made yet cannot be removed.
        let _ = fs::remove_file(data_dir.join(name));
    }
    let _ = fs::remove_dir_all(data_dir.join(STORE));
}
