//! Reading and replacing the file.

use super::{Credentials, CredentialsError, FORMAT, Guard, lock};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The folder that holds the credentials.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// The store in a folder, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the file is.
    pub fn path(&self) -> PathBuf {
        self.dir.join("credentials.json")
    }

    /// Reads the file; no file is no session.
    ///
    /// # Errors
    /// [`CredentialsError`] when it cannot be read, is damaged, too new, or open to others.
    pub fn load(&self) -> Result<Credentials, CredentialsError> {
        let path = self.path();
        let read = |source| CredentialsError::Read { path: path.clone(), source };
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Credentials::default()),
            file => file.map_err(read)?,
        };
        let mode = file.metadata().map_err(read)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Open { path, mode });
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(read)?;
        decode(&text, &path)
    }

    /// Waits until no other process changes the file, and keeps others out until the guard is dropped.
    ///
    /// # Errors
    /// [`CredentialsError`] when the folder cannot be made or the lock is not given.
    pub async fn lock(&self) -> Result<Guard, CredentialsError> {
        let write = |source| CredentialsError::Write { path: self.dir.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(write)?;
        lock::acquire(&self.dir.join("credentials.lock")).await
    }

    /// Replaces the file; after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// [`CredentialsError::Write`]; the old file is still there then.
    pub fn save(&self, credentials: &Credentials, _held: &Guard) -> Result<(), CredentialsError> {
        let path = self.path();
        let draft = self.dir.join(format!(".credentials.{:032x}", rand::random::<u128>()));
        self.replace(credentials, &draft, &path).map_err(|source| {
            let _best_effort = fs::remove_file(&draft);
            CredentialsError::Write { path, source }
        })
    }

    fn replace(&self, credentials: &Credentials, draft: &Path, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(credentials)?;
        text.push(b'\n');
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(draft, path)?;
        File::open(&self.dir)?.sync_all()
    }
}

fn decode(text: &[u8], path: &Path) -> Result<Credentials, CredentialsError> {
    let damaged = |error: &serde_json::Error| CredentialsError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
    };
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format != u64::from(FORMAT) => Err(CredentialsError::Format { path: path.to_owned(), format }),
        // Read again from the text, which knows its places.
        _ => serde_json::from_slice(text).map_err(|error| damaged(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Session;
    use wharden_model::{SessionId, Timestamp, UserName, api::Secret};

    fn session() -> Session {
        Session {
            username: UserName::new("alice").unwrap(),
            session_id: SessionId::new(format!("s-{}", "0".repeat(32))).unwrap(),
            access_token: Secret::new("access"),
            access_expires_at: Timestamp(1),
            refresh_token: Secret::new("refresh"),
            refresh_expires_at: Timestamp(2),
            ca_pem: None,
            controllers: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("new/wharden"));
        assert_eq!(store.load().unwrap(), Credentials::default());
        let guard = store.lock().await.unwrap();
        let mut credentials = Credentials::default();
        credentials.log_in("https://a", session());
        store.save(&credentials, &guard).unwrap();
        assert_eq!(store.load().unwrap(), credentials);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.path()), 0o600);
        assert_eq!(mode(store.path().parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(store.path().parent().unwrap()).unwrap().count(), 2, "no draft is left");
        fs::set_permissions(store.path(), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(store.load(), Err(CredentialsError::Open { mode: 0o640, .. })));
    }

    #[tokio::test]
    async fn a_save_that_fails_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let guard = store.lock().await.unwrap();
        fs::create_dir(store.path()).unwrap();
        assert!(matches!(store.save(&Credentials::default(), &guard), Err(CredentialsError::Write { .. })));
        assert!(store.path().is_dir());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn a_damaged_or_newer_file_is_named() {
        let path = Path::new("/x/credentials.json");
        assert!(matches!(decode(b"{", path), Err(CredentialsError::Damaged { line: 1, .. })));
        assert!(matches!(decode(b"{\"format\":2,\"new\":1}", path), Err(CredentialsError::Format { format: 2, .. })));
        assert!(matches!(decode(b"{}", path), Err(CredentialsError::Damaged { .. })));
    }
}
