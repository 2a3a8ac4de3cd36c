//! Where records are kept: five methods over ordered keys. redb, alone or behind a journal, or sled on disk; a map
//! in memory for tests and simulation.

mod engine;
mod journal;
mod memory;
mod redb;
mod sled;
#[cfg(test)]
mod tests;

pub use self::{engine::Engine, journal::Journal, memory::Memory, redb::Redb, sled::Sled};
use std::ops::ControlFlow;

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key, whether or not it is there.
    Remove(Vec<u8>),
}

/// What a backend says when it cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BackendError(pub String);

/// An ordered map of bytes. Methods may block; writes come from one thread only.
pub trait Backend: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`BackendError`] when the storage does.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BackendError>;

    /// Sets a key. Readable at once, durable after the next barrier.
    ///
    /// # Errors
    /// [`BackendError`] when the storage does.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), BackendError>;

    /// All changes or none, also across a crash.
    ///
    /// # Errors
    /// [`BackendError`] when the storage does.
    fn batch(&self, ops: Vec<Op>) -> Result<(), BackendError>;

    /// Visits keys from `from` to before `to`, in order, until the visitor breaks.
    ///
    /// # Errors
    /// [`BackendError`] when the storage does.
    fn range(&self, from: &[u8], to: &[u8], visit: &mut Visitor<'_>) -> Result<(), BackendError>;

    /// Returns when everything written before is durable.
    ///
    /// # Errors
    /// [`BackendError`] when that is not certain. Nothing may be written after that.
    fn barrier(&self) -> Result<(), BackendError>;
}

/// Sees a key and its value.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;
