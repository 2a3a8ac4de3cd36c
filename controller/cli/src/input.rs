//! Files and standard input, with a limit.

use crate::{
    console::Console,
    error::CliError,
    limits::{HOST_REF_MAX, INPUT_MAX},
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};
use wharden_model::{PolicyName, api::Secret, limits::POLICY_TEXT_MAX};

/// A text and where it came from.
pub struct Text {
    /// For messages: the path, or `standard input`.
    pub origin: String,
    /// The text.
    pub text: String,
}

/// Reads a text file; `-` is standard input.
///
/// # Errors
/// [`CliError::Read`] and [`CliError::TooLarge`], naming the file.
pub fn read_text(path: &Path, limit: usize, console: &mut Console) -> Result<Text, CliError> {
    let stdin = path == Path::new("-");
    let origin = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let read = |source: io::Error| CliError::Read { what: origin.clone(), source };
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    if stdin {
        console.stdin.as_mut().take(most).read_to_end(&mut bytes).map_err(read)?;
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(read)?;
    }
    if bytes.len() > limit {
        return Err(CliError::TooLarge { what: origin, limit });
    }
    let text = String::from_utf8(bytes).map_err(|error| CliError::Read {
        what: origin.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error())),
    })?;
    Ok(Text { origin, text })
}

/// Reads a policy.
///
/// # Errors
/// As [`read_text`].
pub fn read_policy(path: &Path, console: &mut Console) -> Result<Text, CliError> {
    read_text(path, POLICY_TEXT_MAX, console)
}

/// Reads a JSON document.
///
/// # Errors
/// As [`read_text`], and [`CliError::Usage`] with the place when it is no JSON.
pub fn read_json(path: &Path, console: &mut Console) -> Result<serde_json::Value, CliError> {
    let Text { origin, text } = read_text(path, INPUT_MAX, console)?;
    serde_json::from_str(&text)
        .map_err(|error| CliError::usage(format!("{origin} is not JSON: {error}"), "correct it there"))
}

/// The policy name that a file stands for: its name without `.cedar`. `how` is how both are given.
///
/// # Errors
/// [`CliError::Usage`] when that is no policy name.
pub fn name_of_file(path: &Path, how: &str) -> Result<PolicyName, CliError> {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    PolicyName::new(stem).map_err(|error| {
        CliError::usage(
            format!("{} does not say the policy's name: {error}", path.display()),
            format!("give the name before the file: `{how}`"),
        )
    })
}

/// Takes a secret from the command line, where it no longer shows in `Debug`.
///
/// # Errors
/// When it is empty.
pub fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Secret::new(text)) }
}

/// A host on the command line: its id, or its name when only one host has it.
#[derive(Clone, Debug)]
pub struct HostRef(pub String);

impl FromStr for HostRef {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let fits = !s.is_empty() && s.len() <= HOST_REF_MAX && !s.chars().any(|c| c.is_control() || c == '/');
        if fits && s != "." && s != ".." {
            Ok(Self(s.to_owned()))
        } else {
            Err("a host's id (h-…) or name is 1 to 253 bytes without '/'; `wharden host list` shows them".to_owned())
        }
    }
}
