//! A scenario from its beginning to its figures.

use crate::{
    cluster::{Committed, Ground},
    etcd,
    figures::{Figures, Step as Measured},
    host::now_us,
    limits::{SETTLE, STEP},
    message::{Behaviour, Goal},
    probe::Probe,
    scenario::{Scenario, Step},
    workers::Workers,
};
use anyhow::ensure;
use std::{
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};
use wharden_harness::measure::{Spent, load_average, median, percentile, resident};

/// How long a measurement of memory waits for what is on its way to be done.
const SETTLED: Duration = Duration::from_secs(3);

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    pub name: String,
    pub hosts: usize,
    pub controllers: usize,
    pub processes: usize,
    pub rules: usize,
    pub data: PathBuf,
}

/// The path of this program, from its tests too.
///
/// # Errors
/// Those of the system.
pub fn program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?)
}

/// Runs a scenario.
///
/// # Errors
/// When hosts do not get where they should.
///
/// # Panics
/// When a controller does not start or refuses what an admin does, with its log.
pub fn run(options: &Options, scenario: &Scenario) -> anyhow::Result<Figures> {
    let ground = Ground::start(&options.data, options.controllers, options.rules)?;
    let seed = scenario.fleet.seed;
    let ports = ground.agents_ports();
    let mut workers = Workers::start(&options.data, seed, options.hosts, options.processes, &ports)?;
    let tokens = ground.tokens(options.hosts, scenario.fleet.scopes);
    let probe = Probe::start(ground.sessions());
    let mut figures = Figures {
        scenario: options.name.clone(),
        hosts: options.hosts,
        controllers: options.controllers,
        ..Figures::default()
    };
    let begun = Instant::now();
    let took = workers.enrol(&tokens)?;
    if took.len() == options.hosts {
        figures.enroll_s = Some(begun.elapsed().as_secs_f64());
    }
    eprintln!("{} hosts enrolled in {:.1} s", took.len(), begun.elapsed().as_secs_f64());
    let term = ground.term();
    let mut run = Run { ground, workers, probe, seed, data: &options.data, figures };
    for step in &scenario.step {
        run.step(step)?;
    }
    let Run { mut ground, mut workers, probe, mut figures, .. } = run;
    figures.counts = workers.settled(SETTLE)?;
    figures.rules = figures.counts.rules;
    figures.elections = ground.term() - term;
    let (slowest, failed) = probe.seen();
    (figures.slowest_request_ms, figures.failed_requests) = (Some(slowest), failed);
    let loads: Vec<f64> = figures.steps.iter().map(|step| step.load_average).collect();
    figures.load_average = median(&loads).unwrap_or(0.0);
    drop((probe, workers));
    for controller in ground.cluster.controllers.iter_mut().filter(|controller| controller.runs()) {
        controller.stop();
    }
    Ok(figures)
}

struct Run<'o> {
    ground: Ground,
    workers: Workers,
    probe: Probe,
    seed: u64,
    data: &'o Path,
    figures: Figures,
}

fn ms(us: u64, since_us: u64) -> f64 {
    us.saturating_sub(since_us) as f64 / 1000.0
}

fn times(measured: &mut Measured, at_us: &[u64], since_us: u64) {
    measured.p50_ms = percentile(at_us, 0.5).map(|at| ms(at, since_us));
    measured.p99_ms = percentile(at_us, 0.99).map(|at| ms(at, since_us));
    measured.max_ms = at_us.last().map(|at| ms(*at, since_us));
}

impl Run<'_> {
    fn step(&mut self, step: &Step) -> anyhow::Result<()> {
        if self.ground.log_in() {
            self.probe.renew(self.ground.sessions());
        }
        let (begun, spent) = (Instant::now(), Spent::begin(&self.ground.pids()));
        let mut all = match step {
            Step::Connect => vec![self.connect()?],
            Step::Idle { seconds } => vec![self.idle(*seconds)?],
            Step::PushOne { times } => self.push_one(*times)?,
            Step::PushAll => vec![self.push_all()?],
            Step::Relabel { share } => vec![self.relabel(*share)?],
            Step::KillLeader => vec![self.kill_leader()?],
            Step::RestartAll => vec![self.restart_all()?],
            Step::CutOff { share, seconds } => vec![self.cut_off(*share, *seconds)?],
            Step::Behave { seconds, pushes, behaviour } => vec![self.behave(*seconds, *pushes, behaviour)?],
            Step::Etcd => vec![self.etcd()?],
        };
        if let [one] = all.as_mut_slice() {
            one.took_s = begun.elapsed().as_secs_f64();
            one.controllers_cpu_s = spent.seconds().max(0.0);
        }
        for one in &mut all {
            one.step = step.name().to_owned();
            one.load_average = load_average();
            eprintln!("{}", serde_json::to_string(one)?);
        }
        self.figures.steps.append(&mut all);
        Ok(())
    }

    fn resident(&self) -> u64 {
        self.ground.pids().into_iter().map(resident).sum()
    }

    fn all_there(&mut self, revision: u64) -> anyhow::Result<crate::workers::Reached> {
        self.workers.all_there(self.seed, revision, 0)
    }

    fn connect(&mut self) -> anyhow::Result<Measured> {
        let (before, begun, begun_us) = (self.resident(), Instant::now(), now_us());
        let present = Behaviour { present: 1.0, ..self.workers.behaviour().clone() };
        self.workers.behave(present)?;
        let welcomed = self.all_there(0)?;
        let mut measured = Measured::default();
        times(&mut measured, &welcomed.at_us, begun_us);
        self.figures.connect_s = measured.max_ms.map(|ms| ms / 1000.0);
        let revision = self.ground.revision();
        self.all_there(revision)?;
        eprintln!("all hold revision {revision} after {:.1} s", begun.elapsed().as_secs_f64());
        sleep(SETTLED);
        let now = self.resident();
        measured.rss_bytes = Some(now);
        self.figures.rss_per_host_bytes = Some(now.saturating_sub(before) / self.workers.hosts.max(1) as u64);
        Ok(measured)
    }

    fn idle(&mut self, seconds: u64) -> anyhow::Result<Measured> {
        let _hushed = self.probe.hush();
        let before = self.workers.count()?;
        let spent = Spent::begin(&self.ground.pids());
        sleep(Duration::from_secs(seconds));
        let fraction = spent.fraction();
        self.figures.idle_core_fraction = Some(fraction);
        let after = self.workers.count()?;
        ensure!(after.broken == before.broken, "{} sessions broke", after.broken - before.broken);
        Ok(Measured { core_fraction: Some(fraction), rss_bytes: Some(self.resident()), ..Measured::default() })
    }

    fn push(&mut self, change: impl FnOnce(&mut Ground) -> (Committed, Committed)) -> anyhow::Result<Measured> {
        let (begun, spent) = (Instant::now(), Spent::begin(&self.ground.pids()));
        let before = self.workers.count()?;
        let (first, last) = change(&mut self.ground);
        let reached = self.all_there(last.revision)?;
        let after = self.workers.count()?;
        ensure!(after.nacks == before.nacks, "{} hosts refused their bundle", after.nacks - before.nacks);
        let hosts = self.workers.hosts.max(1) as u64;
        let mut measured = Measured {
            took_s: begun.elapsed().as_secs_f64(),
            controllers_cpu_s: spent.seconds(),
            bytes_per_host: Some((after.received_bytes - before.received_bytes) / hosts),
            ..Measured::default()
        };
        times(&mut measured, &reached.at_us, first.at_us.max(last.at_us));
        Ok(measured)
    }

    fn push_one(&mut self, times: usize) -> anyhow::Result<Vec<Measured>> {
        let all = (0..times).map(|_| {
            self.push(|ground| {
                let committed = ground.change_one();
                (committed, committed)
            })
        });
        let all = all.collect::<anyhow::Result<Vec<_>>>()?;
        let middle = |of: fn(&Measured) -> Option<f64>| median(&all.iter().filter_map(of).collect::<Vec<_>>());
        self.figures.push_p50_ms = middle(|one| one.p50_ms);
        self.figures.push_p99_ms = middle(|one| one.p99_ms);
        self.figures.push_bytes_per_host = middle(|one| one.bytes_per_host.map(|n| n as f64)).map(|n| n as u64);
        Ok(all)
    }

    fn push_all(&mut self) -> anyhow::Result<Measured> {
        self.push(Ground::change_all)
    }

    fn relabel(&mut self, share: f64) -> anyhow::Result<Measured> {
        let begun = Instant::now();
        let before = self.workers.count()?;
        let (hosts, revision) = self.ground.relabel(share);
        eprintln!("{hosts} hosts have other labels after {:.1} s", begun.elapsed().as_secs_f64());
        self.all_there(revision)?;
        let after = self.workers.count()?;
        let per_host = (after.received_bytes - before.received_bytes) / self.workers.hosts.max(1) as u64;
        Ok(Measured { bytes_per_host: Some(per_host), ..Measured::default() })
    }

    fn kill_leader(&mut self) -> anyhow::Result<Measured> {
        let begun_us = now_us();
        let killed = self.ground.kill_leader();
        self.probe.move_to(self.ground.at);
        // Those of the dead one have new sessions; which they are is seen by the time at which these opened.
        let reached = self.workers.all_there(self.seed, 0, 0)?;
        let mut measured = Measured::default();
        let again: Vec<u64> = reached.at_us.into_iter().filter(|at| *at >= begun_us).collect();
        times(&mut measured, &again, begun_us);
        self.figures.reconnect_s = measured.max_ms.map(|ms| ms / 1000.0);
        eprintln!("{} hosts of the dead leader are back", again.len());
        // One that comes back before the others have elected another goes on leading.
        let next = self.ground.cluster.leader(self.ground.at);
        ensure!(next != killed, "the dead controller leads");
        self.ground.cluster.controllers[killed].start();
        Ok(measured)
    }

    fn restart_all(&mut self) -> anyhow::Result<Measured> {
        let begun_us = now_us();
        self.ground.restart_all();
        let reached = self.workers.all_there(self.seed, 0, begun_us)?;
        let mut measured = Measured::default();
        times(&mut measured, &reached.at_us, begun_us);
        self.figures.reconnect_s = measured.max_ms.map(|ms| ms / 1000.0);
        Ok(measured)
    }

    fn cut_off(&mut self, share: f64, seconds: u64) -> anyhow::Result<Measured> {
        let behaviour = self.workers.behaviour().clone();
        self.workers.behave(Behaviour { present: 1.0 - share, ..behaviour.clone() })?;
        let committed = self.ground.change_one();
        self.all_there(committed.revision)?;
        sleep(Duration::from_secs(seconds));
        let begun_us = now_us();
        self.workers.behave(behaviour)?;
        let reached = self.all_there(0)?;
        self.all_there(self.ground.revision())?;
        let mut measured = Measured::default();
        let again: Vec<u64> = reached.at_us.into_iter().filter(|at| *at >= begun_us).collect();
        times(&mut measured, &again, begun_us);
        self.figures.reconnect_s = measured.max_ms.map(|ms| ms / 1000.0);
        Ok(measured)
    }

    fn behave(&mut self, seconds: u64, pushes: usize, behaviour: &Behaviour) -> anyhow::Result<Measured> {
        let before = self.resident();
        let (begun, pause) = (Instant::now(), Duration::from_secs(seconds));
        let spent = Spent::begin(&self.ground.pids());
        self.workers.behave(Behaviour { present: 1.0, ..behaviour.clone() })?;
        let mut last = None;
        for turn in 0..pushes.max(1) {
            if pushes > 0 {
                last = Some(self.ground.change_one());
            }
            sleep((pause * u32::try_from(turn + 1)? / u32::try_from(pushes.max(1))?).saturating_sub(begun.elapsed()));
        }
        let (fraction, most) = (spent.fraction(), self.resident());
        eprintln!("memory of the controllers: {before} before, {most} now");
        self.workers.behave(Behaviour { present: 1.0, ..Behaviour::default() })?;
        let goal = Goal { connected: true, revision: last.map_or(0, |last| last.revision), since_us: 0, events: true };
        let reached = self.workers.wait(goal, STEP)?;
        ensure!(reached.hosts == self.workers.hosts, "{} of {} hosts got there", reached.hosts, self.workers.hosts);
        let mut measured = Measured { core_fraction: Some(fraction), rss_bytes: Some(most), ..Measured::default() };
        if let Some(last) = last {
            times(&mut measured, &reached.at_us, last.at_us);
        }
        Ok(measured)
    }

    fn etcd(&mut self) -> anyhow::Result<Measured> {
        let bytes = usize::try_from(self.figures.push_bytes_per_host.unwrap_or(512))?;
        // One after the other: each has the machine for itself.
        let away = Behaviour { present: 0.0, ..self.workers.behaviour().clone() };
        self.workers.behave(away)?;
        let etcd = etcd::run(self.data, self.workers.hosts, bytes, 5)?;
        self.figures.etcd = Some(etcd);
        Ok(Measured::default())
    }
}
