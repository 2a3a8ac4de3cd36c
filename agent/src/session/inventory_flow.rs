use crate::{
    inventory::Told,
    limits::{INVENTORY_ACK_TIMEOUT, SAMPLES_SILENT},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{sync::watch, time::Instant};
use wharden_model::inventory::{ContainerUsage, UsageSample};
use wharden_proto::{
    INVENTORY_MAX,
    v1::{Inventory, InventoryAck, Usage},
};

/// Tells the inventory one change at a time: the next once the last is acknowledged. Usage follows what is acknowledged.
pub struct InventoryFlow {
    told: Arc<Told>,
    samples: watch::Receiver<Option<Arc<UsageSample>>>,
    /// What the controller knows, as far as this session can tell.
    base: u64,
    /// When the acknowledgement of what is on its way must be there, and the containers in it.
    waiting: Option<(Instant, Vec<String>)>,
    /// The controller has acknowledged something in this session.
    known: bool,
    /// The controller knows of no inventories.
    quiet: bool,
    usage: BTreeMap<String, ContainerUsage>,
    silent: u32,
}

impl InventoryFlow {
    /// Begins from what some controller knew.
    pub fn new(told: Arc<Told>) -> Self {
        let mut samples = told.samples();
        samples.mark_changed();
        let base = told.known();
        Self { told, samples, base, waiting: None, known: false, quiet: false, usage: BTreeMap::new(), silent: 0 }
    }

    /// True when a change may be told.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_none() && !self.quiet
    }

    /// When the controller is given up as one that knows of no inventories.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|(at, _)| *at)
    }

    /// What changed, if there is something and nothing is on its way. The first time even nothing: what the controller holds
    /// may be of another time.
    pub fn next(&mut self) -> Option<Inventory> {
        let newest = self.told.sequence();
        if !self.is_idle() || newest == 0 || (self.known && newest == self.base) {
            return None;
        }
        let delta = self.told.since(self.base);
        let containers = delta.containers.iter().map(|container| container.id.clone()).collect();
        self.waiting = Some((Instant::now() + INVENTORY_ACK_TIMEOUT, containers));
        let json = serde_json::to_vec(&delta).ok().filter(|json| json.len() <= INVENTORY_MAX)?;
        Some(Inventory { json: json.into() })
    }

    /// Takes an acknowledgement.
    pub fn acknowledged(&mut self, ack: InventoryAck) {
        // New containers have no usage there yet.
        for id in self.waiting.take().into_iter().flat_map(|(_, ids)| ids) {
            self.usage.remove(&id);
        }
        (self.base, self.known) = (ack.sequence, true);
        self.told.acknowledged(ack.sequence);
    }

    /// The controller holds something else: everything is told.
    pub fn reset(&mut self) {
        self.waiting = None;
        (self.base, self.known) = (0, false);
        self.usage.clear();
    }

    /// The acknowledgement did not come.
    pub fn give_up(&mut self) {
        self.waiting = None;
        self.quiet = true;
    }

    /// Waits for a new sample; for ever while the controller knows of no inventory of this host.
    pub async fn sampled(&mut self) {
        if !self.known || self.samples.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What the newest sample has to say. When nothing moves, nothing is said for a while.
    pub fn usage(&mut self) -> Option<Usage> {
        let sample = self.samples.borrow_and_update().clone()?;
        let mut containers = BTreeMap::new();
        for (id, usage) in &sample.containers {
            if self.usage.get(id).is_none_or(|told| has_moved(told, usage)) {
                containers.insert(id.clone(), *usage);
            }
        }
        self.usage.retain(|id, _| sample.containers.contains_key(id));
        self.usage.extend(containers.iter().map(|(id, usage)| (id.clone(), *usage)));
        if containers.is_empty() && self.silent > 0 && sample.agent.strain.is_none() {
            self.silent -= 1;
            return None;
        }
        self.silent = SAMPLES_SILENT;
        let told = UsageSample { containers, ..UsageSample::clone(&sample) };
        let json = serde_json::to_vec(&told).ok().filter(|json| json.len() <= INVENTORY_MAX)?;
        Some(Usage { json: json.into() })
    }
}

/// By more than a twentieth, and by more than what is noise.
fn has_moved(told: &ContainerUsage, now: &ContainerUsage) -> bool {
    let moved = |one: u64, other: u64, noise: u64| one.abs_diff(other) > noise.max(one / 20);
    let stalls = |usage: &ContainerUsage| {
        let all = [usage.pressure.cpu, usage.pressure.memory, usage.pressure.io];
        all.map(|stall| stall.map_or(0, |stall| u64::from(stall.avg10)))
    };
    moved(told.cpu_millicores.into(), now.cpu_millicores.into(), 10)
        || moved(told.memory_bytes, now.memory_bytes, 1024 * 1024)
        || moved(told.pids.into(), now.pids.into(), 1)
        || moved(told.disk_read_bps, now.disk_read_bps, 64 * 1024)
        || moved(told.disk_write_bps, now.disk_write_bps, 64 * 1024)
        || moved(told.net_rx_bps, now.net_rx_bps, 16 * 1024)
        || moved(told.net_tx_bps, now.net_tx_bps, 16 * 1024)
        || stalls(told).into_iter().zip(stalls(now)).any(|(one, other)| moved(one, other, 100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::inventory::{Container, Delta};

    fn told(inventory: Option<Inventory>) -> Option<Delta> {
        inventory.map(|inventory| serde_json::from_slice(&inventory.json).expect("a delta"))
    }

    fn with(ids: &[&str]) -> Arc<Told> {
        let told = Arc::new(Told::default());
        ids.iter().for_each(|id| add(&told, id));
        told
    }

    fn add(told: &Told, id: &str) {
        told.change(|ledger| ledger.put_container(Container { id: id.to_owned(), ..Container::default() }));
    }

    #[test]
    fn one_change_at_a_time_and_everything_to_a_controller_that_holds_something_else() {
        let known = with(&["a"]);
        let mut flow = InventoryFlow::new(Arc::clone(&known));
        let first = told(flow.next()).expect("everything");
        assert_eq!((first.base, first.containers.len()), (0, 1));
        assert!(flow.next().is_none(), "one at a time");
        flow.acknowledged(InventoryAck { sequence: first.sequence });
        assert!(flow.next().is_none(), "nothing new");
        add(&known, "b");
        let second = told(flow.next()).expect("the change");
        assert_eq!((second.base, second.containers.len()), (first.sequence, 1));
        flow.acknowledged(InventoryAck { sequence: second.sequence });

        // Another session asks, even when there is nothing new, whether the controller knows.
        let mut flow = InventoryFlow::new(Arc::clone(&known));
        let asked = told(flow.next()).expect("a question");
        assert_eq!((asked.base, asked.sequence, asked.is_empty()), (second.sequence, second.sequence, true));
        flow.reset();
        let whole = told(flow.next()).expect("everything");
        assert_eq!((whole.base, whole.containers.len()), (0, 2));
    }

    #[test]
    fn a_controller_that_never_answers_is_told_no_more() {
        let known = with(&["a"]);
        let mut flow = InventoryFlow::new(Arc::clone(&known));
        assert!(flow.next().is_some() && flow.deadline().is_some());
        flow.give_up();
        add(&known, "b");
        assert!(flow.next().is_none() && flow.deadline().is_none() && !flow.is_idle());
    }

    #[test]
    fn usage_is_told_when_it_has_moved_and_of_containers_that_are_new() {
        let known = with(&["a", "b"]);
        let mut flow = InventoryFlow::new(Arc::clone(&known));
        let measured = |cpu: u32| {
            let usage = |cpu_millicores| ContainerUsage { cpu_millicores, ..ContainerUsage::default() };
            let containers = [("a".to_owned(), usage(cpu)), ("b".to_owned(), usage(500))].into();
            known.measured(UsageSample { containers, ..UsageSample::default() });
        };
        let ids = |flow: &mut InventoryFlow| {
            let sample: UsageSample = serde_json::from_slice(&flow.usage()?.json).expect("a sample");
            Some(sample.containers.into_keys().collect::<Vec<_>>())
        };
        measured(100);
        assert_eq!(ids(&mut flow), Some(vec!["a".to_owned(), "b".to_owned()]));
        measured(108);
        assert_eq!(ids(&mut flow), None, "noise");
        measured(300);
        assert_eq!(ids(&mut flow), Some(vec!["a".to_owned()]));
        for _ in 0..SAMPLES_SILENT {
            assert_eq!(ids(&mut flow), None);
        }
        assert_eq!(ids(&mut flow), Some(vec![]), "the host itself, from time to time");
        add(&known, "c");
        let delta = told(flow.next()).expect("all of them");
        flow.acknowledged(InventoryAck { sequence: delta.sequence });
        assert_eq!(ids(&mut flow), Some(vec!["a".to_owned(), "b".to_owned()]));
    }
}
