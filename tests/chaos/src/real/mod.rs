//! Real controllers and agents, each in a network namespace of its own, under load, with everything that can be done to them
//! from outside.
//!
//! ```text
//! load ─ thresholds are put, all the time ─▶ three controllers, each with a disk and a cable of its own
//! probes ─ one request that is allowed, one that is not ─▶ guards of two agents ─ decisions ─▶ events
//! faults: kill, freeze, cut, cut one way, slow disk, full disk, restart all in turn
//! in the end: every acknowledged change is there, states are equal, every decision was right and is one event
//! ```

mod fault;
mod load;
mod probe;
mod report;
mod site;

pub use fault::{Fault, Kind};
pub use load::Load;
pub use probe::Probe;
pub use report::Report;
pub use site::Site;

use anyhow::Context;
use std::time::{Duration, Instant};

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Faults, one after the other, again and again.
    pub kinds: Vec<Kind>,
    /// Nothing new is begun when the leader was killed so often,
    pub leader_kills: u64,
    /// or after that.
    pub until: Option<Instant>,
}

/// Does it, and looks at everything in the end.
///
/// # Errors
/// When something cannot be done here. What is found is in the report.
///
/// # Panics
/// When a controller does not come back; with the end of its log.
pub fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut site = Site::start();
    let load = Load::start(&site).context("load")?;
    let probes: Vec<Probe> = site.agents.iter().map(Probe::start).collect();
    let mut report = Report::default();
    let mut logged_in = Instant::now();
    let mut kinds = plan.kinds.iter().cycle();
    let mut left = plan.kinds.len();
    loop {
        // Each kind once at least, and then as long as there is time and something to count.
        let is_over =
            plan.until.is_some_and(|until| Instant::now() >= until) || report.leader_kills >= plan.leader_kills;
        if left == 0 && is_over {
            break;
        }
        left = left.saturating_sub(1);
        let Some(kind) = kinds.next() else { break };
        Fault::new(*kind).happen(&mut site, &load, &mut report)?;
        if logged_in.elapsed() > Duration::from_secs(180) {
            load.log_in(&mut site);
            logged_in = Instant::now();
        }
    }
    let acknowledged = load.stop()?;
    let probed = probes.into_iter().map(Probe::stop).collect::<anyhow::Result<Vec<_>>>()?;
    report.look(&site, &acknowledged, &probed);
    Ok(report)
}
