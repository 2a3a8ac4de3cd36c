//! Seeds, each in a process of its own that has no chance and no time but those of its seed.

use super::{
    node::Flaw,
    time::{CLOCK, SEED},
    trial::{Report, Scene},
};
use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// What stands between a simulation and the system.
const SYSTEM: &str = env!("WHARDEN_CHAOS_SYSTEM");

/// What to try.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that knows how to simulate one seed.
    pub program: PathBuf,
    pub first: u64,
    /// How many, unless the time is over before.
    pub seeds: u64,
    /// Nothing new is begun after that.
    pub until: Option<Instant>,
    /// At the same time.
    pub jobs: usize,
    pub flaw: Flaw,
    pub scene: Scene,
}

/// A seed with which something was wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    pub seed: u64,
    pub wrong: Vec<String>,
    /// The command that does the same again.
    pub replay: String,
}

/// All seeds together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub first: u64,
    pub seeds: u64,
    pub simulated_s: u64,
    pub asked: usize,
    pub heard: usize,
    pub log_entries: u64,
    pub terms: usize,
    pub controllers: usize,
    pub snapshots_installed: u64,
    pub states_compared: u64,
    pub messages: u64,
    pub done: super::Done,
    pub found: Vec<Found>,
}

/// Simulates one seed in a process of its own.
///
/// # Errors
/// When no process can be started, or it says nothing that can be read: it died.
pub fn one(plan: &Plan, seed: u64) -> anyhow::Result<Report> {
    let mut clock = tempfile::NamedTempFile::new().context("a file for the clock")?;
    clock.write_all(&[0; 8])?;
    let flaw = plan.flaw.to_possible_value().context("a flaw has a name")?;
    let scene = plan.scene.to_possible_value().context("a scene has a name")?;
    let output = Command::new(&plan.program)
        .args(["one", "--seed", &seed.to_string(), "--flaw", flaw.get_name(), "--scene", scene.get_name()])
        .env("LD_PRELOAD", SYSTEM)
        .env(SEED, seed.to_string())
        .env(CLOCK, clock.path())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| plan.program.display().to_string())?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("the simulation of seed {seed}: {}", output.status))
}

/// Simulates one seed after the other. `see` hears of each that found something, at once.
pub fn run(plan: &Plan, see: impl Fn(&Found) + Sync) -> Summary {
    let next = AtomicU64::new(plan.first);
    let summary = Mutex::new(Summary { first: plan.first, ..Summary::default() });
    thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while plan.until.is_none_or(|until| Instant::now() < until) {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= plan.first.saturating_add(plan.seeds) {
                        return;
                    }
                    let report = one(plan, seed).unwrap_or_else(|error| Report {
                        seed,
                        wrong: vec![format!("{error:#}")],
                        ..Report::default()
                    });
                    let found = summary.lock().unwrap_or_else(PoisonError::into_inner).add(report, plan);
                    if let Some(found) = found {
                        see(&found);
                    }
                }
            });
        }
    });
    summary.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Summary {
    fn add(&mut self, report: Report, plan: &Plan) -> Option<Found> {
        self.seeds += 1;
        self.simulated_s += report.simulated_ms / 1000;
        self.asked += report.asked;
        self.heard += report.heard;
        self.log_entries += report.log_entries;
        self.terms += report.terms;
        self.controllers += report.controllers;
        self.snapshots_installed += report.snapshots_installed;
        self.states_compared += report.states_compared;
        self.messages += report.messages;
        self.done.add(&report.done);
        if report.wrong.is_empty() {
            return None;
        }
        let mut replay = format!("tests/chaos.sh --seed {}", report.seed);
        if let Some(flaw) = plan.flaw.to_possible_value().filter(|_| plan.flaw != Flaw::default()) {
            replay = format!("{replay} --flaw {}", flaw.get_name());
        }
        if let Some(scene) = plan.scene.to_possible_value().filter(|_| plan.scene != Scene::default()) {
            replay = format!("{replay} --scene {}", scene.get_name());
        }
        // What the compiler checks at each step is not there then.
        if !cfg!(debug_assertions) {
            replay.push_str(" --release");
        }
        let found = Found { seed: report.seed, wrong: report.wrong, replay };
        self.found.push(found.clone());
        Some(found)
    }
}
