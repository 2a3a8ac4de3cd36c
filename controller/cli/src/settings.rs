//! Which controller, which CA, which folder: flags first, then the environment, then the session that is there.

use crate::{args::Global, console::Console, error::CliError};
use reqwest::Url;
use std::path::PathBuf;

/// The folder with the credentials file.
///
/// # Errors
/// [`CliError::Usage`] when neither `WHARDEN_CONFIG_DIR` nor a home folder is known.
pub fn config_dir(console: &Console) -> Result<PathBuf, CliError> {
    if let Some(dir) = console.var("WHARDEN_CONFIG_DIR") {
        return Ok(PathBuf::from(dir));
    }
    if let Some(dir) = console.var("XDG_CONFIG_HOME") {
        return Ok(PathBuf::from(dir).join("wharden"));
    }
    console.var("HOME").map(|home| PathBuf::from(home).join(".config/wharden")).ok_or_else(|| {
        CliError::usage("no folder for the credentials file: HOME is not set", "set WHARDEN_CONFIG_DIR to a folder")
    })
}

/// The URLs that flag or environment name, with commas between them: controllers of one cluster, the first one first.
///
/// # Errors
/// [`CliError::Usage`] when one is no `https` URL.
pub fn urls(global: &Global, console: &Console) -> Result<Vec<Url>, CliError> {
    match global.url.as_deref().or_else(|| console.var("WHARDEN_URL")) {
        Some(text) => text.split(',').map(|url| check_url(url.trim())).collect(),
        None => Ok(Vec::new()),
    }
}

/// The CA file that flag or environment name.
pub fn ca_file(global: &Global, console: &Console) -> Option<PathBuf> {
    global.ca_file.clone().or_else(|| console.var("WHARDEN_CA_FILE").map(PathBuf::from))
}

/// Reads the URL of a controller, in its one normal form: scheme, host, port, and no slash at its end.
///
/// # Errors
/// [`CliError::Usage`] saying what is wrong with it.
pub fn check_url(text: &str) -> Result<Url, CliError> {
    let hint = "write it like https://wharden.example.org:7440";
    let wrong = |why: &str| CliError::usage(format!("the controller's URL {text:?} {why}"), hint);
    let url = Url::parse(text).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
    if url.scheme() != "https" {
        return Err(wrong("does not begin with https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CliError::usage("the controller's URL holds a user or password", "log in with `wharden login`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    Ok(url)
}

/// The normal form of a URL as the credentials file names it.
pub fn url_key(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_normal() {
        assert_eq!(url_key(&check_url("https://Host:7440/").unwrap()), "https://host:7440");
        assert_eq!(url_key(&check_url("https://host/").unwrap()), "https://host");
        for bad in ["host:7440", "http://host", "https://", "https://u:p@host", "https://host?x", "host"] {
            assert!(matches!(check_url(bad), Err(CliError::Usage { .. })), "{bad}");
        }
    }
}
