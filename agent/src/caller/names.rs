use crate::limits::{USER_NAME_TTL, USER_NAMES_MAX};
use nix::unistd::{Uid, User};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};
use tokio::task::spawn_blocking;

/// Names of OS users, remembered for a moment: the directory behind them may be slow.
#[derive(Debug, Default)]
pub struct UserNames(Mutex<HashMap<u32, (String, Instant)>>);

impl UserNames {
    /// The name of a user, `uid:1234` for one without a name.
    ///
    /// # Errors
    /// When the system's user database fails: the user may have a name, so none is made up.
    pub async fn of(&self, uid: u32) -> Result<String, String> {
        if let Some((name, _)) = self.lock().get(&uid).filter(|(_, at)| at.elapsed() < USER_NAME_TTL) {
            return Ok(name.clone());
        }
        let found = spawn_blocking(move || User::from_uid(Uid::from_raw(uid)))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let name = found.map_or_else(|| format!("uid:{uid}"), |user| user.name);
        let mut names = self.lock();
        if names.len() >= USER_NAMES_MAX {
            names.clear();
        }
        names.insert(uid, (name.clone(), Instant::now()));
        Ok(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u32, (String, Instant)>> {
        // The map is whole after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn users_without_a_name_are_called_by_their_number() {
        let names = UserNames::default();
        assert_eq!(names.of(0).await.as_deref(), Ok("root"));
        assert_eq!(names.of(3_999_999_999).await.as_deref(), Ok("uid:3999999999"));
    }
}
