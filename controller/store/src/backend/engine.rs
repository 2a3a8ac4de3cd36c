//! The choice of a database.

use super::{Backend, Journal, Redb, Sled};
use crate::error::OpenError;
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path, str::FromStr, sync::Arc};

/// Which database keeps the log of a new folder. A folder that is there keeps the one that it was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// redb behind a journal: one write and one fdatasync of a file that is there already for each barrier.
    #[default]
    Journal,
    /// redb 4: a copy-on-write tree in one file, one fsync for each barrier.
    Redb,
    /// sled 0.34: a log-structured store in several files.
    Sled,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Journal, Self::Redb, Self::Sled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Redb => "redb",
            Self::Sled => "sled",
        }
    }

    pub(crate) fn open(self, folder: &Path) -> Result<Arc<dyn Backend>, OpenError> {
        Ok(match self {
            Self::Journal => Arc::new(Journal::open(folder)?),
            Self::Redb => Arc::new(Redb::open(folder)?),
            Self::Sled => Arc::new(Sled::open(folder)?),
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is of no engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no store {0:?}: it is journal, redb or sled")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL.into_iter().find(|engine| engine.name() == name).ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}
