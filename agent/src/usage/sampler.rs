//! Measures the host, the containers and the agent at intervals.

use super::{
    container::{self, Reading},
    counters::{Counters, Rates},
    hierarchy::{Groups, Hierarchies},
    host,
    own::{self, OwnReading},
    pace::{self, Own, Pace},
};
use crate::{
    inventory::{Process, Told},
    limits::SAMPLE_FIRST,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::spawn_blocking, time::sleep};
use wharden_model::{
    Timestamp,
    inventory::{AgentUse, ContainerUsage, Disk, HostUsage, UsageSample},
};
use wharden_runtime::clock::Clock;

/// See the module.
pub struct Sampler {
    told: Arc<Told>,
    clock: Arc<dyn Clock>,
}

/// What the last sample saw, for the differences of the next.
#[derive(Default)]
struct Before {
    at: Option<Instant>,
    host: Counters,
    own: OwnReading,
    containers: BTreeMap<String, Known>,
    hierarchies: Option<Hierarchies>,
}

struct Known {
    process: Process,
    groups: Groups,
    counters: Counters,
}

/// One look at everything.
struct Seen {
    host: HostUsage,
    own: Own,
    containers: BTreeMap<String, ContainerUsage>,
}

impl Sampler {
    /// Does not measure yet.
    pub fn new(told: Arc<Told>, clock: Arc<dyn Clock>) -> Self {
        Self { told, clock }
    }

    /// Measures, for ever.
    pub async fn run(self) {
        let (mut pace, mut before) = (Pace::default(), Before::default());
        loop {
            let (disks, processes) = (self.told.host_facts().disks, self.told.processes());
            let looked = spawn_blocking(move || {
                let seen = before.look(&disks, &processes);
                (before, seen)
            });
            let Ok((after, seen)) = looked.await else { return };
            before = after;
            // The first look has nothing to compare with.
            let pause = if let Some(seen) = seen {
                pace = self.tell(seen, pace);
                pace.interval()
            } else {
                SAMPLE_FIRST
            };
            sleep(pause).await;
        }
    }

    fn tell(&self, seen: Seen, pace: Pace) -> Pace {
        let facts = self.told.host_facts();
        let strain = pace::strain(&seen.host, facts.cpu_millicores, seen.own, &facts.agent);
        let next = pace.after(strain);
        self.told.strain(strain.is_some());
        if strain.is_some() && pace == Pace::default() {
            tracing::info!(?strain, "under pressure: measuring less, and looking at the engine later");
        }
        self.told.measured(UsageSample {
            at: Timestamp(self.clock.now()),
            interval_s: u32::try_from(next.interval().as_secs()).unwrap_or(u32::MAX),
            host: seen.host,
            agent: AgentUse {
                memory_bytes: seen.own.memory_bytes,
                cpu_millicores: small(seen.own.cpu_millicores),
                put_off: self.told.times_put_off(),
                strain,
            },
            containers: seen.containers,
        });
        next
    }
}

impl Before {
    /// Measures. The first time gives nothing: there is no difference yet.
    fn look(&mut self, disks: &[Disk], processes: &BTreeMap<String, Process>) -> Option<Seen> {
        let hierarchies = self.hierarchies.get_or_insert_with(Hierarchies::of_this_machine).clone();
        let now = Instant::now();
        let time = self.at.replace(now).map(|at| now.duration_since(at));
        let reading = host::measure(Path::new("/proc"), Path::new("/sys"), disks);
        let own_now = own::measure(hierarchies.of_process("self").as_ref());
        let (host_before, own_before) =
            (std::mem::replace(&mut self.host, reading.counters), std::mem::replace(&mut self.own, own_now));
        self.containers.retain(|id, known| processes.get(id) == Some(&known.process));
        let mut containers = BTreeMap::new();
        for (id, process) in processes {
            if let Some(usage) = self.container(id, *process, &hierarchies, time) {
                containers.insert(id.clone(), usage);
            }
        }
        let time = time?;
        let rates = reading.counters.since(&host_before, time);
        let own_rate = Counters { cpu_ns: own_now.cpu_ns, ..Counters::default() }
            .since(&Counters { cpu_ns: own_before.cpu_ns, ..Counters::default() }, time);
        Some(Seen {
            host: HostUsage {
                cpu_millicores: rates.cpu_millicores,
                memory_bytes: reading.memory_bytes,
                load_milli: reading.load_milli,
                pids: reading.pids,
                pressure: reading.pressure,
                disks: reading.disks,
                net_rx_bps: rates.net_rx_bps,
                net_tx_bps: rates.net_tx_bps,
                disk_read_bps: rates.disk_read_bps,
                disk_write_bps: rates.disk_write_bps,
            },
            own: Own {
                memory_bytes: own_now.memory_bytes,
                cpu_millicores: own_rate.cpu_millicores,
                periods: own_now.periods.saturating_sub(own_before.periods),
                held_back: own_now.held_back.saturating_sub(own_before.held_back),
            },
            containers,
        })
    }

    /// What a container uses; nothing the first time that it is seen.
    fn container(
        &mut self,
        id: &str,
        process: Process,
        hierarchies: &Hierarchies,
        time: Option<Duration>,
    ) -> Option<ContainerUsage> {
        let network = (!process.in_host_network).then_some(process.pid);
        if let Some(known) = self.containers.get_mut(id) {
            let Reading { memory_bytes, pids, pressure, counters } = container::measure(&known.groups, network);
            let rates = counters.since(&std::mem::replace(&mut known.counters, counters), time?);
            return Some(usage(memory_bytes, pids, pressure, rates));
        }
        // Another process may have got the number of one that has ended: its groups are not of this container then.
        let groups = hierarchies.of_process(&process.pid.to_string()).filter(|groups| groups.names(id))?;
        let Reading { memory_bytes, pids, pressure, counters } = container::measure(&groups, network);
        self.containers.insert(id.to_owned(), Known { process, groups, counters });
        Some(usage(memory_bytes, pids, pressure, Rates::default()))
    }
}

fn usage(memory_bytes: u64, pids: u32, pressure: wharden_model::inventory::Pressure, rates: Rates) -> ContainerUsage {
    ContainerUsage {
        cpu_millicores: small(rates.cpu_millicores),
        memory_bytes,
        pids,
        pressure,
        disk_read_bps: rates.disk_read_bps,
        disk_write_bps: rates.disk_write_bps,
        net_rx_bps: rates.net_rx_bps,
        net_tx_bps: rates.net_tx_bps,
    }
}

fn small(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
