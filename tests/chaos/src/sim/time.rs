//! The clock of the process, as `system.c` shows it.

use anyhow::Context;
use std::{
    env,
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

/// Where the file with the clock is.
pub const CLOCK: &str = "WHARDEN_SIM_CLOCK";
/// The seed of everything that the system would draw.
pub const SEED: &str = "WHARDEN_SIM_SEED";

pub struct Time {
    file: File,
    begin: Instant,
}

impl Time {
    /// Begins at zero.
    ///
    /// # Errors
    /// When this process has the system's clock.
    pub fn begin() -> anyhow::Result<Self> {
        let path = env::var_os(CLOCK).context("a simulation is started by `chaos sim`, with a clock of its own")?;
        let file = OpenOptions::new().write(true).open(path).context("the clock")?;
        let time = Self { file, begin: Instant::now() };
        time.set(1_000_000)?;
        anyhow::ensure!(
            time.begin.elapsed() == Duration::from_secs(1000),
            "the clock of this process is the system's: the library that replaces it is not loaded"
        );
        time.set(0)?;
        Ok(time)
    }

    /// It is so many milliseconds after the beginning.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn set(&self, millis: u64) -> anyhow::Result<()> {
        self.resume(millis, Duration::ZERO)
    }

    /// The same for a process that has come as far as `reached`, which may be a little farther: timers are late by up to a
    /// millisecond, and nobody's time goes back.
    ///
    /// # Errors
    /// When the clock cannot be set.
    pub fn resume(&self, millis: u64, reached: Duration) -> anyhow::Result<()> {
        let nanos = Duration::from_millis(millis).max(reached).as_nanos();
        let nanos = u64::try_from(nanos).context("the clock")?;
        self.file.write_all_at(&nanos.to_ne_bytes(), 0).context("the clock")
    }

    /// How far it has come since the beginning.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// That moment.
    pub fn at(&self, millis: u64) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.begin + Duration::from_millis(millis))
    }
}
