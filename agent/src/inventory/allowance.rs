use super::EngineError;
use crate::limits::{LOOKED_UP_FREE, LOOKED_UP_MAX, ROOM_WAIT};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// What one decision may read of the engine's descriptions. Their labels may be as large as somebody likes: a decision that
/// takes more memory than usual waits for its turn, and keeps it for as long as this is held.
#[derive(Debug)]
pub struct Allowance {
    turns: Option<Arc<Semaphore>>,
    taken: AtomicUsize,
    turn: OnceCell<OwnedSemaphorePermit>,
}

impl Allowance {
    /// Of a decision, one of many.
    pub fn shared(turns: &Arc<Semaphore>) -> Self {
        Self { turns: Some(Arc::clone(turns)), taken: AtomicUsize::new(0), turn: OnceCell::new() }
    }

    /// Of somebody who reads one thing after the other.
    pub fn alone() -> Self {
        Self { turns: None, taken: AtomicUsize::new(0), turn: OnceCell::new() }
    }

    /// Takes so many bytes more for what is asked for at `path`.
    ///
    /// # Errors
    /// [`EngineError::TooMuch`], [`EngineError::Busy`].
    pub async fn take(&self, bytes: usize, path: &str) -> Result<(), EngineError> {
        let taken = self.taken.fetch_add(bytes, Relaxed) + bytes;
        if taken > LOOKED_UP_MAX {
            return Err(EngineError::TooMuch { path: path.to_owned() });
        }
        if taken > LOOKED_UP_FREE
            && let Some(turns) = &self.turns
        {
            let busy = || EngineError::Busy { path: path.to_owned() };
            let turn = async {
                let turn = timeout(ROOM_WAIT, Arc::clone(turns).acquire_owned()).await;
                turn.ok().and_then(Result::ok).ok_or_else(busy)
            };
            self.turn.get_or_try_init(|| turn).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn few_take_much_at_one_time_and_nobody_too_much() {
        let turns = Arc::new(Semaphore::new(1));
        let (first, second, small) = (Allowance::shared(&turns), Allowance::shared(&turns), Allowance::shared(&turns));
        first.take(LOOKED_UP_FREE, "/a").await.expect("free");
        second.take(LOOKED_UP_FREE + 1, "/b").await.expect("its turn");
        assert!(matches!(first.take(1, "/a").await, Err(EngineError::Busy { .. })));
        small.take(LOOKED_UP_FREE, "/c").await.expect("no need to wait");
        assert!(matches!(second.take(LOOKED_UP_MAX, "/b").await, Err(EngineError::TooMuch { .. })));
        drop(second);
        first.take(1, "/a").await.expect("its turn");
        let alone = Allowance::alone();
        alone.take(LOOKED_UP_MAX, "/d").await.expect("nobody else reads so");
    }
}
