//! What openraft expects of any store.

use crate::support::deaf;
use openraft::{
    StorageError,
    testing::{StoreBuilder, Suite},
};
use tempfile::TempDir;
use wharden_store::{Engine, LogStore, StateMachine, Store, TypeConfig};

struct OnDisk(Engine);

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<u64>> {
        let folder = tempfile::tempdir().expect("folder");
        let (log, machine) = Store::open(folder.path(), self.0, deaf()).expect("opens");
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
fn openrafts_suite_passes_on_the_journal() {
    Suite::test_all(OnDisk(Engine::Journal)).expect("passes");
}

#[test]
fn openrafts_suite_passes_on_redb() {
    Suite::test_all(OnDisk(Engine::Redb)).expect("passes");
}

#[test]
fn openrafts_suite_passes_on_sled() {
    Suite::test_all(OnDisk(Engine::Sled)).expect("passes");
}

#[test]
fn openrafts_suite_passes_in_memory() {
    Suite::test_all(InMemory).expect("passes");
}
