//! What can be done to a controller or an agent from outside. Each is over when it returns: the controller is back.

use super::{Load, Report, Site};
use std::time::{Duration, Instant};
use wharden_harness::{eventually, limits::SETTLE};

/// How long a cut, a frozen process or a slow disk stays: longer than an election takes.
const STAYS: Duration = Duration::from_millis(3500);
/// How long an fsync takes on a slow disk.
const SLOW: Duration = Duration::from_millis(800);
/// Writes that must be acknowledged while one controller is hit.
const WRITES: usize = 5;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    KillLeader,
    KillFollower,
    FreezeLeader,
    CutLeader,
    CutFollower,
    /// Nobody hears it, it hears everybody.
    MuteLeader,
    /// It hears nobody, everybody hears it.
    DeafenLeader,
    SlowDisk,
    FullDisk,
    RollingRestart,
    CutAgent,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::KillLeader,
        Self::KillFollower,
        Self::FreezeLeader,
        Self::CutLeader,
        Self::CutFollower,
        Self::MuteLeader,
        Self::DeafenLeader,
        Self::SlowDisk,
        Self::FullDisk,
        Self::RollingRestart,
        Self::CutAgent,
    ];
}

/// One of them.
pub struct Fault(Kind);

impl Fault {
    pub fn new(kind: Kind) -> Self {
        Self(kind)
    }

    /// Lets it happen, sees that writes go on, and mends it.
    ///
    /// # Errors
    /// Never so far; what does not come back panics with its log.
    pub fn happen(&self, site: &mut Site, load: &Load, report: &mut Report) -> anyhow::Result<()> {
        let leader = leader(site);
        let follower = (leader + 1) % 3;
        *report.done.entry(format!("{:?}", self.0)).or_default() += 1;
        match self.0 {
            Kind::KillLeader => {
                let moment = Instant::now();
                site.cluster.controllers[leader].kill();
                let took = load.next_after(moment);
                report.failover_ms.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
                report.leader_kills += 1;
                site.cluster.controllers[leader].start();
            }
            Kind::KillFollower => {
                site.cluster.controllers[follower].kill();
                goes_on(load);
                site.cluster.controllers[follower].start();
            }
            Kind::FreezeLeader => {
                site.cluster.controllers[leader].freeze();
                stay(load);
                site.cluster.controllers[leader].thaw();
            }
            Kind::CutLeader | Kind::CutFollower => {
                let at = if self.0 == Kind::CutLeader { leader } else { follower };
                site.seats[at].unplug();
                stay(load);
                site.seats[at].plug();
            }
            Kind::MuteLeader => {
                let others = [(leader + 1) % 3, (leader + 2) % 3];
                others.iter().for_each(|other| site.seats[leader].mute_towards(&site.seats[*other]));
                stay(load);
                others.iter().for_each(|other| site.seats[leader].unmute_towards(&site.seats[*other]));
            }
            Kind::DeafenLeader => {
                let others = [(leader + 1) % 3, (leader + 2) % 3];
                others.iter().for_each(|other| site.seats[*other].mute_towards(&site.seats[leader]));
                stay(load);
                others.iter().for_each(|other| site.seats[*other].unmute_towards(&site.seats[leader]));
            }
            Kind::SlowDisk => {
                site.disks[leader].power().slow_down(SLOW);
                stay(load);
                site.disks[leader].power().slow_down(Duration::ZERO);
            }
            Kind::FullDisk => {
                site.disks[leader].power().leave_room(Some(0));
                let status = site.cluster.controllers[leader].ends();
                anyhow::ensure!(!status.success(), "a controller whose disk is full ends with {status}");
                goes_on(load);
                site.disks[leader].power().leave_room(None);
                site.cluster.controllers[leader].start();
            }
            Kind::RollingRestart => {
                for at in 0..3 {
                    site.cluster.controllers[at].stop();
                    goes_on(load);
                    site.cluster.controllers[at].start();
                }
            }
            Kind::CutAgent => {
                let seat = site.agent_seat(0).clone();
                seat.unplug();
                stay(load);
                seat.plug();
            }
        }
        site.all_are_ready();
        Ok(())
    }
}

/// The place of the one that leads, as somebody says who is right.
fn leader(site: &Site) -> usize {
    site.cluster.leader(0)
}

/// Writes are acknowledged.
fn goes_on(load: &Load) {
    let before = load.count();
    eventually("writes go on", SETTLE, || (load.count() >= before + WRITES).then_some(()));
}

/// So long, and writes are acknowledged meanwhile.
fn stay(load: &Load) {
    let begin = Instant::now();
    goes_on(load);
    eventually("the time is over", SETTLE * 2, || (begin.elapsed() >= STAYS).then_some(()));
}
