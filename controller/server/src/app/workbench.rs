//! Where policy texts are checked and tried: work that takes a core for a while, on threads of its own and never on those
//! that answer requests and keep the cluster together.

use super::AppError;
use crate::limits::{POLICY_WORK, POLICY_WORK_PER_ACCOUNT, POLICY_WORK_WAIT};
use std::sync::Arc;
use tokio::{sync::Semaphore, time::timeout};
use wharden_model::UserName;
use wharden_runtime::places::Places;

/// So many at once, in the order in which they came, and so many in line for one account.
pub struct Workbench {
    places: Arc<Semaphore>,
    accounts: Places<UserName>,
}

impl Default for Workbench {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(POLICY_WORK)), accounts: Places::default() }
    }
}

impl Workbench {
    /// Does some work for an account when its turn comes.
    ///
    /// # Errors
    /// [`AppError::Busy`] when it has too much in line already, or its turn does not come; what the work says.
    pub async fn run<T: Send + 'static>(
        &self,
        account: &UserName,
        work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let own = self.accounts.take(account.clone(), POLICY_WORK_PER_ACCOUNT).ok_or(AppError::Busy { own: true })?;
        let turn = timeout(POLICY_WORK_WAIT, Arc::clone(&self.places).acquire_owned()).await;
        let turn = turn.map_err(|_| AppError::Busy { own: false })?.map_err(AppError::internal)?;
        let held = move || {
            // Work goes on when its request has ended, and so does its place.
            let _held = (own, turn);
            work()
        };
        tokio::task::spawn_blocking(held).await.map_err(AppError::internal)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn account(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    /// Work that holds its place until the sender is dropped.
    fn held() -> (mpsc::Sender<()>, impl FnOnce() -> Result<(), AppError> + Send + 'static) {
        let (release, wait) = mpsc::channel::<()>();
        (release, move || {
            let _ = wait.recv();
            Ok(())
        })
    }

    #[tokio::test]
    async fn work_holds_no_thread_that_answers_and_one_account_leaves_room_in_the_line() {
        let bench = Arc::new(Workbench::default());
        let mut holding = Vec::new();
        let mut running = Vec::new();
        for _ in 0..POLICY_WORK_PER_ACCOUNT {
            let (release, work) = held();
            let bench = Arc::clone(&bench);
            holding.push(release);
            running.push(tokio::spawn(async move { bench.run(&account("audie"), work).await }));
        }
        // This runtime has one thread: that the others can come this far shows that no work is on it.
        while bench.accounts.count(&account("audie")) < POLICY_WORK_PER_ACCOUNT {
            tokio::task::yield_now().await;
        }
        let more = bench.run(&account("audie"), || Ok(())).await;
        assert!(matches!(more, Err(AppError::Busy { own: true })), "{more:?}");
        let other = {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.run(&account("ada"), || Ok(7)).await })
        };
        drop(holding);
        assert_eq!(other.await.expect("joined").expect("done"), 7);
        for work in running {
            work.await.expect("joined").expect("done");
        }
        assert_eq!(bench.accounts.count(&account("audie")), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_to_come_again() {
        let bench = Arc::new(Workbench::default());
        let turns = Arc::clone(&bench.places).acquire_many_owned(u32::try_from(POLICY_WORK).expect("few")).await;
        let refused = bench.run(&account("ada"), || Ok(())).await;
        assert!(matches!(refused, Err(AppError::Busy { own: false })), "{refused:?}");
        drop(turns);
        bench.run(&account("ada"), || Ok(())).await.expect("its turn");
    }
}
