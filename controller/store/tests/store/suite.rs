//! What openraft expects of any store.

use crate::support::deaf;
use openraft::{
    StorageError,
    testing::{StoreBuilder, Suite},
};
use tempfile::TempDir;
use wharden_store::{LogStore, StateMachine, Store, TypeConfig};

struct OnDisk;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<u64>> {
        let folder = tempfile::tempdir().expect("folder");
        let (log, machine) = Store::open(folder.path(), deaf()).expect("opens");
        Ok((folder, log, machine))
    }
}

struct InMemory;

impl StoreBuilder<TypeConfig, LogStore, StateMachine> for InMemory {
    async fn build(&self) -> Result<((), LogStore, StateMachine), StorageError<u64>> {
        let (log, machine) = Store::in_memory(deaf()).expect("opens");
        Ok(((), log, machine))
    }
}

#[test]
fn openrafts_suite_passes_on_disk() {
    Suite::test_all(OnDisk).expect("passes");
}

#[test]
fn openrafts_suite_passes_in_memory() {
    Suite::test_all(InMemory).expect("passes");
}
