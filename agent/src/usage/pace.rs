//! How often is measured: rarer and rarer under pressure, and back step by step.
//!
//! ```text
//! every 15 s ─pressure─▶ 30 ─▶ 60 ─▶ 120 ─▶ 240 s
//!            ◀──calm───     ◀──    ◀──     ◀──
//! ```

use crate::limits::{SAMPLE_EVERY, SAMPLE_RAREST, STRAIN_LOAD, STRAIN_MEMORY_STALL, STRAIN_OWN, STRAIN_STALL};
use std::time::Duration;
use wharden_model::inventory::{AgentFacts, HostUsage, Strain};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(Duration);

impl Default for Pace {
    fn default() -> Self {
        Self(SAMPLE_EVERY)
    }
}

impl Pace {
    /// Time to the next sample.
    pub const fn interval(self) -> Duration {
        self.0
    }

    /// The pace after a sample.
    #[must_use]
    pub fn after(self, strain: Option<Strain>) -> Self {
        match strain {
            Some(_) => Self((self.0 * 2).min(SAMPLE_RAREST)),
            None => Self((self.0 / 2).max(SAMPLE_EVERY)),
        }
    }
}

/// The agent between two samples.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own {
    pub memory_bytes: u64,
    pub cpu_millicores: u64,
    pub periods: u64,
    pub held_back: u64,
}

/// What presses, if anything does. The agent's own limits first: it is what can be given up.
pub fn strain(host: &HostUsage, cpu_millicores: u64, own: Own, limits: &AgentFacts) -> Option<Strain> {
    let near = |used: u64, limit: u64| limit > 0 && used.saturating_mul(100) >= limit.saturating_mul(STRAIN_OWN);
    if near(own.memory_bytes, limits.memory_limit_bytes) {
        return Some(Strain::AgentMemory);
    }
    let held_back = own.periods > 0 && own.held_back * 2 >= own.periods;
    if held_back || near(own.cpu_millicores, limits.cpu_limit_millicores) {
        return Some(Strain::AgentCpu);
    }
    if host.pressure.memory.is_some_and(|stall| stall.avg10 >= STRAIN_MEMORY_STALL) {
        return Some(Strain::HostMemory);
    }
    if host.pressure.io.is_some_and(|stall| stall.avg10 >= STRAIN_STALL) {
        return Some(Strain::HostIo);
    }
    let waits = match host.pressure.cpu {
        Some(stall) => stall.avg10 >= STRAIN_STALL,
        None => host.load_milli.saturating_mul(1000) >= cpu_millicores.saturating_mul(STRAIN_LOAD),
    };
    (waits && cpu_millicores > 0).then_some(Strain::HostCpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::inventory::{Pressure, Stall};

    #[test]
    fn samples_become_rarer_up_to_a_bound_and_come_back_step_by_step() {
        let mut pace = Pace::default();
        let mut seen = Vec::new();
        for _ in 0..6 {
            pace = pace.after(Some(Strain::HostCpu));
            seen.push(pace.interval().as_secs());
        }
        assert_eq!(seen, [30, 60, 120, 240, 240, 240]);
        for _ in 0..6 {
            pace = pace.after(None);
            seen.push(pace.interval().as_secs());
        }
        assert_eq!(seen.split_off(6), [120, 60, 30, 15, 15, 15]);
    }

    #[test]
    fn each_kind_of_pressure_is_seen() {
        let stall = |avg10| Some(Stall { avg10, avg60: 0 });
        let pressed = |pressure| HostUsage { pressure, ..HostUsage::default() };
        let limits = AgentFacts { memory_limit_bytes: 1000, cpu_limit_millicores: 200, ..AgentFacts::default() };
        let of = |host: &HostUsage, own| strain(host, 2000, own, &limits);
        let calm = HostUsage::default();
        assert_eq!(of(&calm, Own::default()), None);
        for (own, wanted) in [
            (Own { memory_bytes: 800, ..Own::default() }, Strain::AgentMemory),
            (Own { cpu_millicores: 160, ..Own::default() }, Strain::AgentCpu),
            (Own { periods: 10, held_back: 5, ..Own::default() }, Strain::AgentCpu),
        ] {
            assert_eq!(of(&calm, own), Some(wanted));
        }
        let near_nothing = Own { memory_bytes: 799, cpu_millicores: 159, periods: 10, held_back: 4 };
        assert_eq!(of(&calm, near_nothing), None);
        for (pressure, wanted) in [
            (Pressure { memory: stall(1_000), ..Pressure::default() }, Strain::HostMemory),
            (Pressure { io: stall(5_000), ..Pressure::default() }, Strain::HostIo),
            (Pressure { cpu: stall(5_000), ..Pressure::default() }, Strain::HostCpu),
        ] {
            assert_eq!(of(&pressed(pressure), Own::default()), Some(wanted));
        }
        let little = Pressure { memory: stall(999), io: stall(4_999), cpu: stall(4_999) };
        assert_eq!(of(&HostUsage { load_milli: 90_000, ..pressed(little) }, Own::default()), None, "PSI counts");
        let loaded = HostUsage { load_milli: 3_000, ..calm };
        assert_eq!(of(&loaded, Own::default()), Some(Strain::HostCpu), "without PSI the load counts");
        assert_eq!(strain(&loaded, 4000, Own::default(), &limits), None);
    }
}
