//! Key, certificate and CA of each context, in a folder of its own under the configuration: the form that
//! `DOCKER_CERT_PATH` wants. A folder there is also how a context is known to be ours.

use crate::error::CliError;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use wharden_model::{HostId, api::Secret};

const ABOUT: &str = "context.json";

/// Whose context it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The controller, as the credentials file names it.
    pub url: String,
    pub host_id: HostId,
}

/// What a client proves itself with, PEM.
pub struct Proof<'a> {
    pub ca: &'a str,
    pub certificate: &'a str,
    pub key: &'a Secret,
}

/// The folders.
pub struct Kept(PathBuf);

impl Kept {
    /// Under this configuration.
    pub fn new(config_dir: &Path) -> Self {
        Self(config_dir.join("docker"))
    }

    /// The folder of a context.
    pub fn path(&self, context: &str) -> PathBuf {
        self.0.join(context)
    }

    /// Whose context it is; `None` when it is none of ours.
    pub fn about(&self, context: &str) -> Option<About> {
        serde_json::from_slice(&fs::read(self.path(context).join(ABOUT)).ok()?).ok()
    }

    /// All of ours, by name.
    ///
    /// # Errors
    /// [`CliError::Read`].
    pub fn all(&self) -> Result<Vec<(String, About)>, CliError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| read(&self.0, source))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| read(&self.0, source))?.file_name();
            if let Some((name, about)) = name.to_str().and_then(|name| Some((name.to_owned(), self.about(name)?))) {
                all.push((name, about));
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }

    /// Writes everything of a context, for its owner only.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn store(&self, context: &str, about: &About, proof: &Proof<'_>) -> Result<(), CliError> {
        let dir = self.path(context);
        let write = |source| CliError::Write { what: dir.display().to_string(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(write)?;
        let about = serde_json::to_string(about)?;
        for (name, text) in [
            (ABOUT, about.as_str()),
            ("ca.pem", proof.ca),
            ("cert.pem", proof.certificate),
            ("key.pem", proof.key.reveal()),
        ] {
            replace(&dir.join(name), text).map_err(write)?;
        }
        Ok(())
    }

    /// Removes a context's folder.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn remove(&self, context: &str) -> Result<(), CliError> {
        let dir = self.path(context);
        fs::remove_dir_all(&dir).map_err(|source| CliError::Write { what: dir.display().to_string(), source })
    }
}

/// A file that is there already may be readable for others: it is replaced and not written over.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

fn read(path: &Path, source: io::Error) -> CliError {
    CliError::Read { what: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_kept_is_for_its_owner_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::new(dir.path());
        assert_eq!(kept.all().unwrap(), []);
        let about = About { url: "https://a:7440".into(), host_id: "h-0123456789abcdef".parse().unwrap() };
        let key = Secret::new("KEY");
        kept.store("one", &about, &Proof { ca: "CA", certificate: "CERT", key: &key }).unwrap();
        kept.store("one", &about, &Proof { ca: "CA", certificate: "CERT 2", key: &key }).unwrap();
        fs::create_dir(kept.path("somebody-elses")).unwrap();
        assert_eq!(kept.all().unwrap(), [("one".to_owned(), about)]);
        for (name, text) in [("ca.pem", "CA"), ("cert.pem", "CERT 2"), ("key.pem", "KEY")] {
            let path = kept.path("one").join(name);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::metadata(kept.path("one")).unwrap().permissions().mode() & 0o777, 0o700);
        kept.remove("one").unwrap();
        assert_eq!(kept.all().unwrap(), []);
    }
}
