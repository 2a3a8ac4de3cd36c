//! A request that the engine works on. Whatever ends its connection (the client, the end of a session, want of memory), others get
//! their turn only when the engine has begun to answer: until then it may still do what it was asked for.

use super::{exchange, link::Link, turns::Turn};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::runtime::Handle;

/// Held while a request is with the engine.
pub struct Underway {
    /// The engine's end, while it has the request.
    pub engine: Option<Link>,
    /// The client has got a part of the answer.
    pub answered: AtomicBool,
    /// Held until the engine has made the list, whether the client waits for it or not, and the client has taken it.
    pub list: Option<Turn>,
    /// Held until the engine has made or started what was asked for, or found it by its name, whether the client waits for it or not.
    pub creation: Mutex<Vec<Turn<String>>>,
    /// Held until the engine is done with a copy.
    pub still: Option<Turn<String>>,
}

/// What others wait for, which is whole after a panic.
pub fn lock(turns: &Mutex<Vec<Turn<String>>>) -> MutexGuard<'_, Vec<Turn<String>>> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Underway {
    /// Somebody else waits for a turn, and the engine has not begun to answer.
    fn holds_others_up(&self) -> bool {
        let turns = self.list.is_some() || self.still.is_some() || !lock(&self.creation).is_empty();
        turns && !self.answered.load(Relaxed)
    }

    /// Waits until the engine begins to answer, for a client that is gone, where somebody else waits for a turn.
    pub async fn see_begin(&mut self) {
        let holds = self.holds_others_up();
        if let Some(engine) = self.engine.as_mut().filter(|_| holds) {
            exchange::see_begin(engine).await;
        }
        self.engine = None;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let holds = self.holds_others_up();
        let engine = self.engine.take().filter(|_| holds);
        // The connection was cut off in the middle. Without a runtime the agent is at its end, and the engine's connection with it.
        if let (Some(mut engine), Ok(runtime)) = (engine, Handle::try_current()) {
            let turns = (self.list.take(), self.still.take(), std::mem::take(&mut *lock(&self.creation)));
            runtime.spawn(async move {
                exchange::see_begin(&mut engine).await;
                drop(turns);
            });
        }
    }
}
