use super::{Container, HostFacts, Image, Network, Volume, bound};
use crate::limits::{
    INVENTORY_CONTAINERS_MAX, INVENTORY_ID_MAX, INVENTORY_IMAGES_MAX, INVENTORY_NETWORKS_MAX, INVENTORY_VOLUMES_MAX,
};
use serde::{Deserialize, Serialize};

/// What changed on a host between two sequences of its agent. What is there replaces what was; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    /// Sequence that it starts from; 0 for nothing: then what is not in it, is not there.
    pub base: u64,
    /// Sequence that it leads to. Grows only, within one run of the agent.
    pub sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<HostFacts>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    #[serde(skip_serializing_if = "Removed::is_empty")]
    pub removed: Removed,
}

/// Ids of what is gone; names of volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
}

impl Removed {
    /// True when nothing is gone.
    pub fn is_empty(&self) -> bool {
        [&self.containers, &self.images, &self.volumes, &self.networks].into_iter().all(Vec::is_empty)
    }
}

impl Delta {
    /// True when it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.host.is_none()
            && self.containers.is_empty()
            && self.images.is_empty()
            && self.volumes.is_empty()
            && self.networks.is_empty()
            && self.removed.is_empty()
    }

    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        if let Some(host) = &mut self.host {
            host.bound();
        }
        bound::list(&mut self.containers, INVENTORY_CONTAINERS_MAX, Container::bound);
        bound::list(&mut self.images, INVENTORY_IMAGES_MAX, Image::bound);
        bound::list(&mut self.volumes, INVENTORY_VOLUMES_MAX, Volume::bound);
        bound::list(&mut self.networks, INVENTORY_NETWORKS_MAX, Network::bound);
        for (ids, max) in [
            (&mut self.removed.containers, INVENTORY_CONTAINERS_MAX),
            (&mut self.removed.images, INVENTORY_IMAGES_MAX),
            (&mut self.removed.volumes, INVENTORY_VOLUMES_MAX),
            (&mut self.removed.networks, INVENTORY_NETWORKS_MAX),
        ] {
            bound::list(ids, max, |id| bound::text(id, INVENTORY_ID_MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ContainerState, Health, MountKind, RestartKind};
    use crate::limits::{INVENTORY_LABEL_VALUE_MAX, INVENTORY_LABELS_MAX, INVENTORY_TEXT_MAX};

    #[test]
    fn what_a_newer_agent_says_is_read_as_far_as_it_is_known() {
        let text = r#"{"base":0,"sequence":7,"moon":1,"containers":[{"id":"c1","state":"levitating","health":"odd",
            "mounts":[{"kind":"hologram","source":"/x"}],"restart":{"kind":"perhaps"},"colour":"red"}]}"#;
        let delta: Delta = serde_json::from_str(text).expect("reads");
        let container = &delta.containers[0];
        assert_eq!((delta.sequence, container.id.as_str()), (7, "c1"));
        assert_eq!((container.state, container.health), (ContainerState::Unknown, Health::None));
        assert_eq!((container.mounts[0].kind, container.restart.kind), (MountKind::Other, RestartKind::No));
        let again: Delta = serde_json::from_str(&serde_json::to_string(&delta).expect("writes")).expect("reads");
        assert_eq!(again, delta);
    }

    #[test]
    fn everything_is_cut_to_its_limit() {
        let labels = (0..INVENTORY_LABELS_MAX + 9).map(|n| (format!("k{n:04}"), "ä".repeat(1000))).collect();
        let container =
            Container { name: "n\u{1b}[31m".to_owned() + &"n".repeat(1000), labels, ..Container::default() };
        let mut containers = vec![container];
        containers.resize(INVENTORY_CONTAINERS_MAX + 1, Container::default());
        let mut delta = Delta { containers, ..Delta::default() };
        delta.removed.volumes = vec!["v".repeat(1000); 2];
        delta.bound();
        let first = &delta.containers[0];
        assert_eq!(delta.containers.len(), INVENTORY_CONTAINERS_MAX);
        assert_eq!((first.name.len(), first.labels.len()), (INVENTORY_TEXT_MAX, INVENTORY_LABELS_MAX));
        assert!(first.name.starts_with("n[31mn"), "no control characters");
        assert!(first.labels.values().all(|value| value.len() <= INVENTORY_LABEL_VALUE_MAX && value.starts_with('ä')));
        assert_eq!(delta.removed.volumes[1].len(), INVENTORY_ID_MAX);
    }
}
