//! How answers look: tables and records for people, JSON for programs, whole or line by line. Pure: the time and the terminal are arguments.

mod cell;
mod record;
mod table;
mod text;
mod time;

pub use cell::{Cell, Tone};
pub use record::record;
pub use table::table;
pub use text::{clean, clean_json, clean_text, counted, one_line};
pub use time::{ago, bytes, moment, second};
use wharden_model::Timestamp;

/// Form of the answers and errors. Its variants have no doc comments, which would double the length of every help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    // For people.
    #[default]
    Table,
    // For programs.
    Json,
    // For programs that read line by line.
    Jsonl,
}

/// Where something is shown, and when.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The present time, for "3h ago".
    pub now: Timestamp,
    /// Columns of the terminal; `None` when it is none, and lines are as long as they are.
    pub columns: Option<u16>,
    /// With colours.
    pub colour: bool,
}
