//! One store, its disk, its model, and the workers that use it one after the other.

use super::worker::Worker;
use crate::{
    disk::{Disk, Order},
    limits::WORKER_LIMIT,
    model::Model,
    mount::{Faults, Mount, Power},
    task::{Line, Task},
};
use rand::rngs::Xoshiro256PlusPlus;
use std::path::PathBuf;
use wharden_store::Engine;

/// A store between two workers.
pub struct Trial {
    program: PathBuf,
    engine: Engine,
    seed: u64,
    model: Model,
    disk: Disk,
    round: u64,
}

/// A store with a worker at it.
pub struct Running {
    trial: Trial,
    mount: Mount,
    worker: Worker,
    cut: bool,
}

/// How a worker ended.
#[derive(Debug, Default)]
pub struct End {
    pub is_opened: bool,
    /// It was killed at its moment.
    pub in_time: bool,
    pub acknowledged: u64,
    /// What was lost or does not work, although the disk was sound.
    pub lost: Option<String>,
    /// What the store said when it gave up.
    pub gave_up: Option<String>,
}

impl Trial {
    /// A store that is still to be made. `program` knows how to be a worker.
    pub fn new(program: PathBuf, engine: Engine, order: Order, seed: u64) -> Self {
        Self { program, engine, seed, model: Model::new(seed), disk: Disk::new(order), round: 0 }
    }

    /// Mounts the disk and starts a worker for so many operations.
    ///
    /// # Errors
    /// When that is not possible here.
    pub fn start(mut self, ops: u64, faults: Faults) -> anyhow::Result<Running> {
        let disk = std::mem::replace(&mut self.disk, Disk::new(Order::Any));
        let mount = Mount::new(disk, faults)?;
        let folder = mount.path().join("data/store");
        let task = Task { folder, engine: self.engine, seed: self.seed, round: self.round, ops };
        self.round += 1;
        let worker = Worker::start(&self.program, &task)?;
        Ok(Running { trial: self, mount, worker, cut: faults.cut })
    }

    /// There is room for any number of bytes.
    pub fn make_room(&mut self) {
        self.disk.set_capacity(u64::MAX);
    }

    /// The power goes off.
    pub fn cut(&mut self, rng: &mut Xoshiro256PlusPlus) {
        self.disk.cut(rng);
    }
}

impl Running {
    pub fn power(&self) -> &Power {
        self.mount.power()
    }

    /// Waits until so many operations are acknowledged; false when that does not happen.
    pub fn wait_for_acknowledged(&self, count: usize) -> bool {
        self.worker.wait_for(|lines| lines.iter().filter(|line| **line == Line::Done).count() >= count)
    }

    /// Waits until the store has given up; false when it does not.
    pub fn wait_for_giving_up(&self) -> bool {
        self.worker.wait_for(|lines| matches!(lines.last(), Some(Line::Failed(_) | Line::Broken(_))))
    }

    /// Waits for the moment, or until the worker is done; then kills it, with the power off if that was the plan.
    ///
    /// # Errors
    /// When the disk cannot be unmounted.
    pub fn end_at_moment(self) -> anyhow::Result<(Trial, End)> {
        let in_time = self.power().wait_for_moment(WORKER_LIMIT, || self.worker.has_ended());
        let hangs = !in_time && !self.worker.has_ended();
        let is_sound = !(in_time && self.cut);
        if self.cut {
            self.power().off();
        }
        let (trial, mut end) = self.kill(is_sound)?;
        end.in_time = in_time;
        if end.lost.is_none() && hangs {
            end.lost = Some("the worker hangs".to_owned());
        }
        if end.lost.is_none() && !in_time && !end.is_opened {
            end.lost = Some("the store did not open, and did not say why".to_owned());
        }
        Ok((trial, end))
    }

    /// Kills the worker. On a sound disk nothing may fail; on any disk what was acknowledged is compared.
    ///
    /// # Errors
    /// When the disk cannot be unmounted.
    pub fn kill(self, is_sound: bool) -> anyhow::Result<(Trial, End)> {
        let Self { mut trial, mount, worker, .. } = self;
        let lines = worker.kill()?;
        trial.disk = mount.take_out()?;
        let end = trial.judge(&lines, is_sound);
        Ok((trial, end))
    }
}

impl Trial {
    fn judge(&mut self, lines: &[Line], is_sound: bool) -> End {
        let mut end = End::default();
        for line in lines {
            match line {
                Line::Opened(found) => {
                    end.is_opened = true;
                    end.lost = self.model.check(found).err();
                }
                Line::Try(op) => self.model.begin(op.clone()),
                Line::Done => {
                    self.model.acknowledge();
                    end.acknowledged += 1;
                }
                Line::Broken(why) | Line::Failed(why) => {
                    end.gave_up = Some(why.clone());
                    if is_sound {
                        end.lost = Some(format!("gives up on a sound disk: {why}"));
                    }
                }
            }
            if end.lost.is_some() {
                break;
            }
        }
        end
    }
}
