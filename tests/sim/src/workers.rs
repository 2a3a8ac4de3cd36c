//! The worker processes, from the run's side.

use crate::{
    limits::{HOSTS_PER_PROCESS, LOOK, STEP},
    message::{Behaviour, Counts, Goal, Order, Reply},
    worker::Setup,
};
use anyhow::{Context, bail, ensure};
use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use wharden_model::Revision;

struct Worker {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// All of them. Dropping them ends them, since they read the end of their orders.
pub struct Workers {
    workers: Vec<Worker>,
    /// Hosts of the whole fleet.
    pub hosts: usize,
    behaviour: Behaviour,
}

/// Which hosts reached a goal.
#[derive(Debug, Default)]
pub struct Reached {
    pub hosts: usize,
    /// See [`Reply::Reached`]; in order.
    pub at_us: Vec<u64>,
}

impl Workers {
    /// Starts as many as the hosts need, `processes` at least.
    ///
    /// # Errors
    /// Those of the system.
    pub fn start(
        dir: &Path,
        seed: u64,
        hosts: usize,
        processes: usize,
        controllers: &[(u64, SocketAddr)],
    ) -> anyhow::Result<Self> {
        let processes = processes.max(hosts.div_ceil(HOSTS_PER_PROCESS)).max(1);
        let share = hosts.div_ceil(processes);
        let workers = (0..processes).map(|n| -> anyhow::Result<Worker> {
            let setup = Setup {
                seed,
                hosts: (n * share).min(hosts)..((n + 1) * share).min(hosts),
                controllers: controllers.to_vec(),
                identities: dir.join(format!("hosts-{n}-of-{processes}.jsonl")),
            };
            let log = std::fs::File::options().create(true).append(true).open(dir.join(format!("hosts-{n}.log")))?;
            // The kernel ends it should this process be killed.
            let mut child = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--"])
                .arg(crate::run::program()?)
                .arg("hosts")
                .arg(serde_json::to_string(&setup)?)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(log)
                .spawn()
                .context("a worker does not start")?;
            let (to, from) = (child.stdin.take().context("piped")?, child.stdout.take().context("piped")?);
            Ok(Worker { child, to, from: BufReader::new(from) })
        });
        let workers = workers.collect::<anyhow::Result<_>>()?;
        Ok(Self { workers, hosts, behaviour: Behaviour::default() })
    }

    /// Their processes.
    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().map(|worker| worker.child.id()).collect()
    }

    fn all(&mut self, order: &Order) -> anyhow::Result<Vec<Reply>> {
        for worker in &mut self.workers {
            writeln!(worker.to, "{}", serde_json::to_string(order)?)?;
            worker.to.flush()?;
        }
        let replies = self.workers.iter_mut().map(|worker| -> anyhow::Result<Reply> {
            let mut line = String::new();
            ensure!(worker.from.read_line(&mut line)? > 0, "a worker has ended: its log says why");
            match serde_json::from_str(&line)? {
                Reply::Failed(why) => bail!("a worker failed: {why}"),
                reply => Ok(reply),
            }
        });
        replies.collect()
    }

    /// Enrols every host that is not yet; milliseconds that each took, in order.
    ///
    /// # Errors
    /// When one was refused.
    pub fn enrol(&mut self, tokens: &[String]) -> anyhow::Result<Vec<u64>> {
        let mut all = Vec::new();
        for reply in self.all(&Order::Enrol { tokens: tokens.to_vec() })? {
            let Reply::Enrolled { took_ms, refused } = reply else { bail!("not an answer to enrol") };
            ensure!(refused == 0, "{refused} hosts were refused");
            all.extend(took_ms);
        }
        all.sort_unstable();
        Ok(all)
    }

    /// How the hosts behave now.
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// Lets the hosts behave otherwise.
    ///
    /// # Errors
    /// When a worker is gone.
    pub fn behave(&mut self, behaviour: Behaviour) -> anyhow::Result<()> {
        self.all(&Order::Behave(behaviour.clone()))?;
        self.behaviour = behaviour;
        Ok(())
    }

    /// Waits for a goal; so many hosts reached it.
    ///
    /// # Errors
    /// When a worker is gone.
    pub fn wait(&mut self, goal: Goal, within: Duration) -> anyhow::Result<Reached> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let mut reached = Reached::default();
        for reply in self.all(&Order::Await { goal, within_ms })? {
            let Reply::Reached { hosts, at_us } = reply else { bail!("not an answer to await") };
            reached.hosts += hosts;
            reached.at_us.extend(at_us);
        }
        reached.at_us.sort_unstable();
        Ok(reached)
    }

    /// The hosts that are to have a session.
    pub fn present(&self, seed: u64) -> usize {
        let there = |index: &usize| crate::load::place(seed, *index, "present") < self.behaviour.present;
        (0..self.hosts).filter(there).count()
    }

    /// Waits until all hosts that are to be there are, and hold a revision.
    ///
    /// # Errors
    /// When they are not in time.
    pub fn all_there(&mut self, seed: u64, revision: Revision, since_us: u64) -> anyhow::Result<Reached> {
        let reached = self.wait(Goal { connected: true, revision, since_us, events: false }, STEP)?;
        let present = self.present(seed);
        ensure!(reached.hosts == present, "{} of {present} hosts got to revision {revision}", reached.hosts);
        Ok(reached)
    }

    /// What was counted of all hosts once every event that was made is acknowledged: a host may make one after it was told
    /// to make no more, since it hears of it a moment later. After `within` whatever is counted then.
    ///
    /// # Errors
    /// When a worker is gone.
    pub fn settled(&mut self, within: Duration) -> anyhow::Result<Counts> {
        let begun = Instant::now();
        loop {
            let counts = self.count()?;
            if counts.events_made == counts.events_acked || begun.elapsed() >= within {
                return Ok(counts);
            }
            sleep(LOOK);
        }
    }

    /// What was counted of all hosts.
    ///
    /// # Errors
    /// When a worker is gone.
    pub fn count(&mut self) -> anyhow::Result<Counts> {
        let mut counts = Counts::default();
        for reply in self.all(&Order::Count)? {
            let Reply::Counted(of_one) = reply else { bail!("not an answer to count") };
            counts += of_one;
        }
        Ok(counts)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for Worker { child, to, .. } in &mut self.workers {
            drop(writeln!(to, "{}", serde_json::to_string(&Order::Quit).unwrap_or_default()));
            drop(to.flush());
            drop(child.wait());
        }
    }
}
