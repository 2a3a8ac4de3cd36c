//! Passwords: argon2id, a bounded number at once, equal work whether or not there is an account.

use crate::limits;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::LazyLock;
use tokio::sync::Semaphore;
use wharden_model::api::Secret;

static SLOTS: Semaphore = Semaphore::const_new(limits::PASSWORD_CHECKS);

/// What a password is checked against when there is no account, so that the answer takes as long.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| hash_now(&Secret::new("no password hashes to this account")).unwrap_or_default());

/// Why a password was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("the password has {0} characters; it must have {min} to {max}", min = limits::PASSWORD_MIN, max = limits::PASSWORD_MAX)]
    Length(usize),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(limits::ARGON2_MEMORY_KIB, limits::ARGON2_PASSES, 1, None)
        .map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &Secret) -> Result<String, PasswordError> {
    let hash: PasswordHash =
        argon2()?.hash_password(password.reveal().as_bytes()).map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

/// Checks the length and hashes; a PHC string.
///
/// # Errors
/// [`PasswordError`].
pub async fn hash(password: Secret) -> Result<String, PasswordError> {
    let length = password.reveal().chars().count();
    if !(limits::PASSWORD_MIN..=limits::PASSWORD_MAX).contains(&length) {
        return Err(PasswordError::Length(length));
    }
    blocking(move || hash_now(&password)).await.unwrap_or_else(|| Err(PasswordError::Hash("stopped".to_owned())))
}

/// True when the password is the one of the hash. With `None` it takes the same time and is false.
pub async fn verify(password: Secret, hash: Option<String>) -> bool {
    blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let Ok(parsed) = PasswordHash::new(&hash) else { return false };
        let Ok(argon2) = argon2() else { return false };
        password.reveal().len() <= limits::PASSWORD_MAX * 4
            && argon2.verify_password(password.reveal().as_bytes(), &parsed).is_ok()
            && known
    })
    .await
    .unwrap_or(false)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let slot = SLOTS.acquire().await.ok()?;
    // It goes on when whoever asked has hung up, and so does its place.
    let held = move || {
        let _held = slot;
        work()
    };
    tokio::task::spawn_blocking(held).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            Arc, Condvar, Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };
    use tokio::time::{sleep, timeout};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_computed_for_those_who_hung_up_keeps_its_place() {
        let (running, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new((Mutex::new(false), Condvar::new())));
        let work = || {
            let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
            move || {
                running.fetch_add(1, SeqCst);
                let open = gate.0.lock().expect("lock");
                drop(gate.1.wait_while(open, |open| !*open).expect("lock"));
            }
        };
        let gone: Vec<_> = (0..limits::PASSWORD_CHECKS).map(|_| tokio::spawn(blocking(work()))).collect();
        let begun = |wanted| {
            let running = Arc::clone(&running);
            timeout(Duration::from_secs(1), async move {
                while running.load(SeqCst) < wanted {
                    sleep(Duration::from_millis(5)).await;
                }
            })
        };
        assert!(begun(limits::PASSWORD_CHECKS).await.is_ok());
        gone.iter().for_each(tokio::task::JoinHandle::abort);
        let next = tokio::spawn(blocking(work()));
        assert!(begun(limits::PASSWORD_CHECKS + 1).await.is_err(), "all places are taken");
        *gate.0.lock().expect("lock") = true;
        gate.1.notify_all();
        assert_eq!(next.await.expect("not aborted"), Some(()));
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let hash = hash(Secret::new("correct horse battery")).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify(Secret::new("correct horse battery"), Some(hash.clone())).await);
        assert!(!verify(Secret::new("correct horse batterx"), Some(hash)).await);
        assert!(!verify(Secret::new("no password hashes to this account"), None).await);
    }

    #[tokio::test]
    async fn short_and_long_passwords_are_refused_with_the_limits() {
        let error = hash(Secret::new("short")).await.expect_err("short");
        assert_eq!(error.to_string(), "the password has 5 characters; it must have 12 to 256");
        assert!(hash(Secret::new("x".repeat(257))).await.is_err());
    }
}
