//! Keys of backups: age X25519 (age-encryption.org/v1), so that any age program can decrypt a backup too.

use super::limits::{IDENTITIES_MAX, RECIPIENTS_MAX};
use age::{
    secrecy::ExposeSecret,
    x25519::{Identity, Recipient},
};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use wharden_model::api::Secret;
use zeroize::Zeroizing;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "no backup key is configured: `wharden-controller backup keygen` makes one; put its public half into backup_recipients of controller.toml on every controller"
    )]
    NoRecipient,
    #[error("{0} recipients are more than the {RECIPIENTS_MAX} that a backup may have")]
    TooMany(usize),
    #[error("{text:?} is not a public key of age: {why}; it looks like age1…")]
    Recipient { text: String, why: &'static str },
    #[error("{path}: {why}")]
    Identities { path: String, why: String },
}

/// Who can read a backup.
#[derive(Clone, Debug)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Reads public keys, `age1…`.
    ///
    /// # Errors
    /// [`KeyError`], naming the one that is wrong. A secret key that was given by mistake is not shown.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, KeyError> {
        if texts.len() > RECIPIENTS_MAX {
            return Err(KeyError::TooMany(texts.len()));
        }
        let one = |text: &S| {
            let text = text.as_ref().trim();
            if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("AGE-")) {
                let why = "this is a secret key, give its public half";
                return Err(KeyError::Recipient { text: "AGE-SECRET-KEY-…".to_owned(), why });
            }
            text.parse().map_err(|why| KeyError::Recipient { text: text.chars().take(80).collect(), why })
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn encryptor(&self) -> Result<age::Encryptor, KeyError> {
        age::Encryptor::with_recipients(self.0.iter().map(|r| r as &dyn age::Recipient))
            .map_err(|_| KeyError::NoRecipient)
    }
}

/// Secret keys that backups open with.
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Reads a file of secret keys, one a line; lines that begin with # are left out.
    ///
    /// # Errors
    /// [`KeyError::Identities`]; it shows no key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let fail = |why: String| KeyError::Identities { path: path.display().to_string(), why };
        let mut text = Zeroizing::new(String::new());
        let read = File::open(path).and_then(|file| file.take(IDENTITIES_MAX).read_to_string(&mut text));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                fail("it is no text, so no file of secret keys: is it the backup?".to_owned())
            }
            _ => fail(error.to_string()),
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines
            .map(|line| line.parse().map_err(|why: &str| fail(format!("a line is not a secret key of age: {why}"))))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(fail("there is no secret key in it; it looks like AGE-SECRET-KEY-1…".to_owned()));
        }
        Ok(Self(keys))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|key| key as &dyn age::Identity)
    }
}

/// A new key: the text of its file, and the public half.
pub fn keygen() -> (Secret, String) {
    let key = Identity::generate();
    let public = key.to_public().to_string();
    let text = format!("# public key: {public}\n{}\n", key.to_string().expose_secret());
    (Secret::new(text), public)
}
