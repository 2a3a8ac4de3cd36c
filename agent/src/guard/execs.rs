//! Who made which exec. An exec is judged when it is made: as whom it runs, with what rights, by whose rules. Nobody but its maker
//! begins it: whoever gets there first has its terminal. Kept in memory only; one that is not known is nobody's.

use super::{
    Guard,
    exchange::{ExchangeError, passing},
    sieve::taken_lines,
};
use crate::{
    limits::{EXEC_ANSWER_MAX, EXECS_KEPT, EXECS_UNBEGUN, EXECS_UNBEGUN_WITHIN},
    wire::{Body, BodyError, Inbox, ResponseHead},
};
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use wharden_docker::made_exec;

/// The newest execs that were made through the guard, by id.
#[derive(Debug, Default)]
pub struct Execs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    execs: HashMap<String, Exec>,
    /// The oldest first.
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Exec {
    maker: Box<str>,
    /// When it was made; `None` once it has begun.
    waits_since: Option<Instant>,
}

impl Execs {
    /// Whether one was made by somebody.
    pub fn is_of(&self, id: &str, owner: &str) -> bool {
        self.kept().execs.get(id).is_some_and(|exec| *exec.maker == *owner)
    }

    /// Whether somebody has as many that were made lately, and never begun, as there may be.
    pub fn are_many(&self, owner: &str) -> bool {
        let lately = |exec: &&Exec| exec.waits_since.is_some_and(|since| since.elapsed() < EXECS_UNBEGUN_WITHIN);
        self.kept().execs.values().filter(lately).filter(|exec| *exec.maker == *owner).count() >= EXECS_UNBEGUN
    }

    /// One begins.
    pub fn begun(&self, id: &str) {
        if let Some(exec) = self.kept().execs.get_mut(id) {
            exec.waits_since = None;
        }
    }

    fn made(&self, id: String, owner: &str) {
        let mut kept = self.kept();
        let exec = Exec { maker: owner.into(), waits_since: Some(Instant::now()) };
        if kept.execs.insert(id.clone(), exec).is_none() {
            kept.order.push_back(id);
        }
        // What is forgotten cannot be begun any more: execs are, within moments.
        if kept.order.len() > EXECS_KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.execs.remove(&oldest);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose the exec is that one answer tells of.
pub struct ExecMaker<'a> {
    pub guard: &'a Guard,
    pub owner: Cow<'a, str>,
}

impl ExecMaker<'_> {
    /// Passes the answer on, once it is known whose the exec is.
    pub async fn pass(
        &self,
        head: &ResponseHead,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), ExchangeError> {
        let mut out = taken_lines(head, inbox);
        let (mut body, mut answer) = (Body::new(head.framing), Vec::new());
        loop {
            let at_hand = body.next(inbox, from).await.map_err(passing)?;
            answer.extend_from_slice(inbox.bytes().get(..at_hand.data).unwrap_or_default());
            if answer.len() > EXEC_ANSWER_MAX {
                return Err(ExchangeError::EngineBody(BodyError::TooLarge(EXEC_ANSWER_MAX)));
            }
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                break;
            }
        }
        if let Some(id) = made_exec(&answer) {
            self.guard.execs.made(id, &self.owner);
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", answer.len()).as_bytes());
        out.extend_from_slice(&answer);
        to.write_all(&out).await.map_err(ExchangeError::ClientWrite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_nobody_begins_are_not_made_without_end() {
        let execs = Execs::default();
        for n in 0..EXECS_UNBEGUN {
            assert!(!execs.are_many("alice"), "{n}");
            execs.made(n.to_string(), "alice");
        }
        assert!(execs.are_many("alice") && !execs.are_many("bob"));
        execs.begun("7");
        assert!(!execs.are_many("alice") && execs.is_of("7", "alice"));
    }

    #[test]
    fn the_newest_are_kept_each_with_its_maker() {
        let execs = Execs::default();
        for n in 0..EXECS_KEPT + 2 {
            execs.made(n.to_string(), if n % 2 == 0 { "alice" } else { "bob" });
        }
        assert!(!execs.is_of("0", "alice") && !execs.is_of("1", "bob"), "they are forgotten");
        assert!(execs.is_of("2", "alice") && execs.is_of("3", "bob"));
        assert!(!execs.is_of("2", "bob") && !execs.is_of("nothing", "") && !execs.is_of("0", ""));
    }
}
