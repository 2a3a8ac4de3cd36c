//! Logs: to stderr, for people or for machines. Standard output belongs to a command's result.

use std::{fmt, io::IsTerminal, str::FromStr};
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One readable line each, coloured on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("{other:?} is not a log format: use human or json")),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter {filter:?} is not valid: {reason}; write e.g. info or warn,wharden_store=debug")]
    Filter { filter: String, reason: String },
    #[error("logging was set up twice in one process")]
    Twice,
}

/// Sets up logging for the process, once. The filter is in the form of `RUST_LOG`.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(format: Format, filter: &str) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.to_owned(), reason: error.to_string() })?;
    let writer = BoxMakeWriter::new(std::io::stderr);
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(writer);
    let done = match format {
        Format::Human => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|_| TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_or_format_is_named() {
        let error = init(Format::Human, "wharden=loud").expect_err("bad filter");
        assert!(error.to_string().contains("wharden=loud"), "{error}");
        assert!("xml".parse::<Format>().expect_err("bad format").contains("human or json"));
        assert_eq!("json".parse::<Format>().map(|f| f.to_string()), Ok("json".into()));
    }
}
