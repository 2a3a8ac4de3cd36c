use super::{AppendError, EventLimits, HostFilter, OpenError, QueryError};
use bytes::Bytes;
use std::path::Path;
use wharden_model::{BootId, EventQuery, HostId, api::EventPage};
use wharden_runtime::{metrics::Metrics, ready::Readiness};

/// The events that this controller holds. Clones are the same store.
#[derive(Clone)]
pub struct EventStore;

impl EventStore {
    /// Opens the folder, making it where there is none; a torn end of the last file is cut off. Reports under the
    /// component `events`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        _dir: &Path,
        _limits: EventLimits,
        _metrics: &Metrics,
        _readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        Ok(Self)
    }

    /// Stores what is new of one run's events and answers the number up to which everything is durable.
    ///
    /// # Errors
    /// [`AppendError`]: nothing may be acknowledged.
    pub async fn append(&self, _host: &HostId, _boot: &BootId, _events: Vec<(u64, Bytes)>) -> Result<u64, AppendError> {
        Err(AppendError::Stopped)
    }

    /// One page. With `after` and `wait`, waits for a first event.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn query(&self, _query: &EventQuery, _hosts: &HostFilter) -> Result<EventPage, QueryError> {
        Err(QueryError::Io("closed".to_owned()))
    }

    /// Events held.
    pub fn count(&self) -> u64 {
        0
    }
}
