//! The worker: opens the store, says what is in it, then asks one thing after the other of it until it is killed.

use crate::{
    entries,
    task::{Found, Line, Op, Task},
};
use anyhow::{Context, ensure};
use openraft::{
    CommittedLeaderId, RaftLogReader, RaftSnapshotBuilder,
    storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine},
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};
use wharden_state::State;
use wharden_store::{LogId, LogStore, Published, StateMachine, Store, Vote};

/// Does a task, to the end of its operations or of the store.
///
/// # Errors
/// When nobody listens.
pub async fn work(task: &Task) -> anyhow::Result<()> {
    let mut worker = match Worker::open(task).await {
        Ok((worker, found)) => {
            say(&Line::Opened(found))?;
            worker
        }
        Err(error) => return say(&Line::Broken(format!("{error:#}"))),
    };
    for _ in 0..task.ops {
        let Some(op) = worker.choose().await? else { continue };
        say(&Line::Try(op.clone()))?;
        match worker.execute(op).await {
            Ok(()) => say(&Line::Done)?,
            Err(error) => {
                say(&Line::Failed(format!("{error:#}")))?;
                // What is held by a store that failed is let go when the process ends, as in a controller.
                std::mem::forget(worker);
                return Ok(());
            }
        }
    }
    Ok(())
}

fn say(line: &Line) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    Ok(out.flush()?)
}

struct Worker {
    log: LogStore,
    machine: StateMachine,
    rng: Xoshiro256PlusPlus,
    seed: u64,
    vote: Option<Vote>,
    last: Option<LogId>,
    purged: Option<LogId>,
    /// Entries up to here are in the state machine.
    applied: Option<LogId>,
    snapshot: Option<LogId>,
}

impl Worker {
    async fn open(task: &Task) -> anyhow::Result<(Self, Found)> {
        let published = Arc::new(Mutex::new(State::default()));
        let sink = Arc::clone(&published);
        let sink =
            move |new: Published| *sink.lock().unwrap_or_else(PoisonError::into_inner) = State::clone(&new.state);
        let (mut log, mut machine) = Store::open(&task.folder, task.engine, sink)?;
        let (applied, _) = machine.applied_state().await?;
        let ends = log.get_log_state().await?;
        let entries = log.try_get_log_entries(..).await?;
        for entry in &entries {
            ensure!(
                *entry == entries::entry(task.seed, entry.log_id),
                "entry {} is not what was written",
                entry.log_id
            );
        }
        let mut state = published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ids: Vec<_> = entries.iter().map(|entry| entry.log_id).collect();
        entries::apply(
            &mut state,
            entries.into_iter().filter(|entry| Some(entry.log_id.index) > applied.map(|id| id.index)),
        );
        let found = Found {
            vote: log.read_vote().await?,
            purged: ends.last_purged_log_id,
            last: ends.last_log_id,
            committed: log.read_committed().await?,
            snapshot: applied.map(|id| id.index),
            entries: ids,
            state: entries::digest(&state),
        };
        let worker = Self {
            log,
            machine,
            rng: Xoshiro256PlusPlus::seed_from_u64(task.seed.rotate_left(32) ^ task.round),
            seed: task.seed,
            vote: found.vote,
            last: found.last,
            purged: found.purged,
            applied: applied.max(found.committed),
            snapshot: applied,
        };
        Ok((worker, found))
    }

    fn term(&self) -> u64 {
        self.vote.map_or(0, |vote| vote.leader_id.term)
    }

    fn first_unapplied(&self) -> u64 {
        self.applied.map_or(0, |id| id.index + 1)
    }

    fn end(&self) -> u64 {
        self.last.map_or(0, |id| id.index + 1)
    }

    /// None when what was drawn is not possible now.
    async fn choose(&mut self) -> anyhow::Result<Option<Op>> {
        let open = self.end() - self.first_unapplied();
        Ok(match self.rng.random_range(0..20) {
            0..=10 => {
                let leader = CommittedLeaderId::new(self.term(), 1);
                let count = self.rng.random_range(1..=4);
                Some(Op::Append((self.end()..self.end() + count).map(|index| LogId::new(leader, index)).collect()))
            }
            11 | 12 => {
                let term = self.term() + self.rng.random_range(1..3);
                Some(Op::Vote(if self.rng.random_bool(0.5) {
                    Vote::new(term, 2)
                } else {
                    Vote::new_committed(term, 1)
                }))
            }
            13 if open > 0 => Some(Op::Truncate(self.rng.random_range(self.first_unapplied()..self.end()))),
            14..=16 if open > 0 => {
                let index = self.rng.random_range(self.first_unapplied()..self.end());
                Some(Op::Committed(self.id_at(index).await?))
            }
            17 | 18 => self.applied.filter(|applied| Some(*applied) > self.snapshot).map(Op::Snapshot),
            19 => {
                let first = self.purged.map_or(0, |id| id.index + 1);
                match self.snapshot {
                    Some(snapshot) if first <= snapshot.index => {
                        let index = self.rng.random_range(first..=snapshot.index);
                        Some(Op::Purge(self.id_at(index).await?))
                    }
                    _ => None,
                }
            }
            _ => None,
        })
    }

    async fn execute(&mut self, op: Op) -> anyhow::Result<()> {
        match op {
            Op::Vote(vote) => {
                self.log.save_vote(&vote).await?;
                self.vote = Some(vote);
            }
            Op::Append(ids) => {
                let entries: Vec<_> = ids.iter().map(|id| entries::entry(self.seed, *id)).collect();
                self.log.blocking_append(entries).await?;
                self.last = ids.last().copied();
            }
            Op::Truncate(from) => {
                let before = match from.checked_sub(1) {
                    Some(index) if self.purged.is_none_or(|purged| purged.index < index) => {
                        Some(self.id_at(index).await?)
                    }
                    _ => self.purged,
                };
                self.log.truncate(LogId::new(CommittedLeaderId::new(0, 0), from)).await?;
                self.last = before;
            }
            Op::Committed(id) => {
                self.log.save_committed(Some(id)).await?;
                self.applied = Some(id);
            }
            Op::Snapshot(id) => {
                let from = self.machine.applied_state().await?.0.map_or(0, |id| id.index + 1);
                let entries = self.log.try_get_log_entries(from..=id.index).await?;
                self.machine.apply(entries).await?;
                self.machine.get_snapshot_builder().await.build_snapshot().await?;
                self.snapshot = Some(id);
            }
            Op::Purge(id) => {
                self.log.purge(id).await?;
                self.purged = Some(id);
            }
        }
        Ok(())
    }

    async fn id_at(&mut self, index: u64) -> anyhow::Result<LogId> {
        let found = self.log.try_get_log_entries(index..=index).await?;
        Ok(found.first().context("an entry that is there")?.log_id)
    }
}
