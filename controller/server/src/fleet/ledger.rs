//! What the agents' side needs of the replicated state. A trait, so that its tests need no Raft.

use crate::raft::{ProposeError, Raft};
use futures::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::broadcast;
use wharden_model::RequestId;
use wharden_state::{Actor, Applied, Change, Command, State};

pub(super) trait Ledger: Send + Sync + 'static {
    /// The newest applied state.
    fn state(&self) -> Arc<State>;

    /// A state with everything that was acknowledged anywhere before this call.
    fn newest(&self) -> BoxFuture<'_, Result<Arc<State>, ProposeError>>;

    /// What changes from now on.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Proposes a change; the same id again gets the first answer.
    fn propose(&self, id: RequestId, actor: Actor, command: Command) -> BoxFuture<'_, Result<Applied, ProposeError>>;
}

impl Ledger for Raft {
    fn state(&self) -> Arc<State> {
        Raft::state(self)
    }

    fn newest(&self) -> BoxFuture<'_, Result<Arc<State>, ProposeError>> {
        Box::pin(self.linearizable_shared())
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        Raft::changes(self)
    }

    fn propose(&self, id: RequestId, actor: Actor, command: Command) -> BoxFuture<'_, Result<Applied, ProposeError>> {
        Box::pin(self.propose_with(id, actor, command, None))
    }
}
