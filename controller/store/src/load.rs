//! Reading a whole log when it is opened: every record must be sound, and no entry may be missing.

use crate::{
    backend::Backend,
    error::{FormError, OpenError},
    form, keys,
    log::{Ends, entry},
    types::LogId,
};
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;

/// The ends of the log, after looking at all of it.
pub(crate) fn ends(backend: &dyn Backend) -> Result<Ends, OpenError> {
    let purged: Option<LogId> = record(backend, keys::PURGED)?;
    let mut last = None;
    let mut expected = purged.map_or(0, |purged| purged.index + 1);
    let mut wrong = None;
    let read = backend.range(&keys::entry(0), keys::ENTRIES_END, &mut |key, value| {
        wrong = match entry(key, value) {
            Ok(found) if found.log_id.index == expected => {
                last = Some(found.log_id);
                expected += 1;
                return ControlFlow::Continue(());
            }
            Ok(found) => Some(OpenError::Gap { expected, found: found.log_id.index }),
            Err(error) => Some(refused(key, error)),
        };
        ControlFlow::Break(())
    });
    read.map_err(|error| OpenError::Read { reason: error.0 })?;
    if let Some(error) = wrong {
        return Err(error);
    }
    Ok(Ends { vote: record(backend, keys::VOTE)?, committed: record(backend, keys::COMMITTED)?, purged, last })
}

fn record<T: DeserializeOwned>(backend: &dyn Backend, key: &[u8]) -> Result<Option<T>, OpenError> {
    let bytes = backend.get(key).map_err(|error| OpenError::Read { reason: error.0 })?;
    bytes.map(|bytes| form::decode(&bytes)).transpose().map_err(|error| refused(key, error))
}

/// A newer record is not damaged: the version that wrote it reads it.
fn refused(key: &[u8], error: FormError) -> OpenError {
    let key = keys::display(key);
    match error {
        FormError::Version(_) => OpenError::NewerRecord { key, error },
        _ => OpenError::Record { key, error },
    }
}
