//! What the view tells of itself.

use super::{Inventory, Size, shard::Applied};
use prometheus_client::metrics::counter::Counter;
use wharden_runtime::metrics::Metrics;

/// What has been taken since the start.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    deltas: Counter,
    resyncs: Counter,
}

impl Counters {
    /// Adds them to the metrics, and how much the view holds whenever somebody looks.
    pub fn new(metrics: &Metrics, view: &Inventory) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register("inventory_deltas", "Changes of inventories taken", own.deltas.clone());
            let resyncs = "Changes of inventories that began elsewhere, so that the host was asked for all";
            registry.register("inventory_resyncs", resyncs, own.resyncs.clone());
        });
        let view = view.clone();
        metrics.gauges(move || gauges(view.size()));
        own
    }

    /// Counts what became of a delta.
    pub fn took(&self, applied: Applied) {
        match applied {
            Applied::To(_) => self.deltas.inc(),
            Applied::Elsewhere => self.resyncs.inc(),
        };
    }
}

/// Name, description and value of each.
fn gauges(size: Size) -> Vec<(&'static str, &'static str, i64)> {
    let Size { hosts, containers, images, memory } = size;
    let values = [
        ("inventory_hosts", "Hosts whose inventory is held", hosts),
        ("inventory_containers", "Containers held", containers),
        ("inventory_images", "Images held", images),
        ("inventory_memory_bytes", "About the memory that the inventory takes", memory),
    ];
    values.map(|(name, help, value)| (name, help, i64::try_from(value).unwrap_or(i64::MAX))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::{
        BootId, HostId,
        inventory::{Container, Delta, Image},
    };

    #[test]
    fn what_is_held_and_what_was_taken_is_told() {
        let (metrics, view) = (Metrics::new("wharden"), Inventory::default());
        let counters = Counters::new(&metrics, &view);
        let told = |name: &str| {
            let text = metrics.encode();
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("wharden_{name} ")).map(str::to_owned));
            line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse::<u64>().expect("a number")
        };
        let empty = told("inventory_memory_bytes");
        let boot = BootId::new("0123456789abcdef").expect("an id");
        let host = |n: u64| HostId::new(format!("h-{n:016x}")).expect("an id");
        for n in 0..3 {
            let containers = (0..4).map(|c| Container { id: format!("{n}{c}"), ..Container::default() }).collect();
            let images = vec![Image { id: format!("i{n}"), ..Image::default() }];
            counters.took(view.apply(&host(n), &boot, Delta { sequence: 5, containers, images, ..Delta::default() }));
        }
        counters.took(view.apply(&host(0), &boot, Delta { base: 4, sequence: 6, ..Delta::default() }));
        let counts = ["inventory_hosts", "inventory_containers", "inventory_images", "inventory_deltas_total"];
        assert_eq!(counts.map(told), [3, 12, 3, 3]);
        assert_eq!(told("inventory_resyncs_total"), 1);
        assert!(told("inventory_memory_bytes") > empty);
        (0..3).for_each(|n| view.forget(&host(n)));
        assert_eq!((told("inventory_hosts"), told("inventory_containers"), told("inventory_images")), (0, 0, 0));
    }
}
