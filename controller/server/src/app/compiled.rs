//! The policies about admins, compiled: once for each revision, on a thread of its own and never on one that answers requests
//! and keeps the cluster together.

use super::AppError;
use crate::{limits::ACCESS_WORK, policy_set};
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wharden_model::Revision;
use wharden_policy::AdminCompiled;
use wharden_state::State;

/// Those of the newest revision that was asked about.
pub struct Access {
    held: Arc<ArcSwapOption<(Revision, Arc<AdminCompiled>)>>,
    /// Whoever makes the next ones; others wait for it, and find them.
    making: Arc<Semaphore>,
    trials: Arc<Semaphore>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            held: Arc::default(),
            making: Arc::new(Semaphore::new(1)),
            trials: Arc::new(Semaphore::new(ACCESS_WORK)),
        }
    }
}

impl Access {
    /// Those of a state. Never older ones.
    pub(super) async fn at(&self, state: &Arc<State>) -> Result<Arc<AdminCompiled>, AppError> {
        if let Some(held) = held(&self.held, state.policy_revision) {
            return Ok(held);
        }
        let turn = Arc::clone(&self.making).acquire_owned().await.map_err(AppError::internal)?;
        let (state, shared) = (Arc::clone(state), Arc::clone(&self.held));
        let make = move || {
            // The work goes on when its request has ended, and so does its turn.
            let _turn = turn;
            if let Some(held) = held(&shared, state.policy_revision) {
                return Ok(held);
            }
            let fresh = Arc::new(compile(&state)?);
            shared.store(Some(Arc::new((state.policy_revision, Arc::clone(&fresh)))));
            Ok(fresh)
        };
        tokio::task::spawn_blocking(make).await.map_err(AppError::internal)?
    }

    /// Tries what a change would do to rights, when its turn comes.
    pub(super) async fn try_out<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let turn = Arc::clone(&self.trials).acquire_owned().await.map_err(AppError::internal)?;
        let held = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(held).await.map_err(AppError::internal)?
    }
}

fn held(held: &ArcSwapOption<(Revision, Arc<AdminCompiled>)>, revision: Revision) -> Option<Arc<AdminCompiled>> {
    held.load().as_ref().filter(|held| held.0 == revision).map(|held| Arc::clone(&held.1))
}

/// Admin policies of a state. What does not compile denies: nothing is left out.
pub(super) fn compile(state: &State) -> Result<AdminCompiled, AppError> {
    AdminCompiled::new(&policy_set::policies(state), &policy_set::users(state)).map_err(AppError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn policies_are_compiled_beside_the_threads_that_answer_once_a_revision_and_never_are_old_ones_given() {
        let access = Arc::new(Access::default());
        let at = |revision| {
            let mut state = State::default();
            state.policy_revision = revision;
            Arc::new(state)
        };
        let (first, second) = (at(1), at(2));
        // Somebody else compiles: this runtime has one thread, so that it goes on shows that nobody waits on it.
        let turn = Arc::clone(&access.making).acquire_owned().await.expect("a turn");
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let (access, state) = (Arc::clone(&access), Arc::clone(&first));
                tokio::spawn(async move { access.at(&state).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(access.held.load().is_none() && waiting.iter().all(|one| !one.is_finished()));
        drop(turn);
        let mut made = Vec::new();
        for one in waiting {
            made.push(one.await.expect("joined").expect("compiled"));
        }
        assert!(made.iter().all(|one| Arc::ptr_eq(one, &made[0])), "one was made for all");
        let later = access.at(&second).await.expect("compiled");
        assert!(!Arc::ptr_eq(&later, &made[0]));
        assert!(Arc::ptr_eq(&access.at(&second).await.expect("held"), &later));
    }
}
