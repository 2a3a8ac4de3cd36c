use crate::limits::{LAST_LABELS_BYTES_MAX, LAST_LABELS_MAX};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use wharden_docker::{NetworkView, View, VolumeView, label_bytes};
use wharden_model::ResourceKind;

type Labels = BTreeMap<String, String>;

/// Labels of the volumes and networks that were there at the last look. An event says that one of them is gone when the engine
/// says no more about it; who may see that event depends on labels all the same. They are kept whole or not at all.
#[derive(Debug, Default)]
pub struct LastLabels(Mutex<BTreeMap<(ResourceKind, String), Labels>>);

impl LastLabels {
    /// Takes note of all things of a kind.
    pub fn set(&self, kind: ResourceKind, things: impl IntoIterator<Item = (String, Labels)>) {
        let mut held = self.held();
        held.retain(|(of, _), _| *of != kind);
        for (id, labels) in things {
            if held.len() < LAST_LABELS_MAX && label_bytes(&labels) <= LAST_LABELS_BYTES_MAX {
                held.insert((kind, id), labels);
            }
        }
    }

    /// Adds to a view what it lacks of a thing that is gone, if that is known.
    pub fn fill(&self, view: &mut View, kind: ResourceKind, id: &str) {
        let Some(labels) = self.held().get(&(kind, id.to_owned())).cloned() else { return };
        match kind {
            ResourceKind::Volume => {
                let gone = VolumeView { name: id.to_owned(), labels, ..VolumeView::default() };
                view.volumes.entry(id.to_owned()).or_insert(gone);
            }
            ResourceKind::Network => {
                let gone = NetworkView { id: id.to_owned(), labels, ..NetworkView::default() };
                view.networks.entry(id.to_owned()).or_insert(gone);
            }
            _ => {}
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<(ResourceKind, String), Labels>> {
        // What is in it is whole after each of its steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(owner: &str) -> Labels {
        BTreeMap::from([("owner".to_owned(), owner.to_owned())])
    }

    #[test]
    fn what_is_gone_is_known_as_it_was_and_what_is_there_as_it_is() {
        let last = LastLabels::default();
        let long = "x".repeat(LAST_LABELS_BYTES_MAX);
        let things = [("a", "alice"), ("b", "bob"), ("long", long.as_str())];
        last.set(ResourceKind::Volume, things.map(|(name, owner)| (name.to_owned(), owned(owner))));
        last.set(ResourceKind::Network, [("a".to_owned(), owned("carol"))]);
        let mut view = View::default();
        view.volumes.insert("b".to_owned(), VolumeView { labels: owned("new"), ..VolumeView::default() });
        for id in ["a", "b", "long", "unknown"] {
            last.fill(&mut view, ResourceKind::Volume, id);
        }
        last.fill(&mut view, ResourceKind::Network, "a");
        let volumes: Vec<_> =
            view.volumes.iter().map(|(name, volume)| (name.as_str(), volume.labels.clone())).collect();
        assert_eq!(volumes, [("a", owned("alice")), ("b", owned("new"))]);
        assert_eq!(view.networks["a"].labels, owned("carol"));
        last.set(ResourceKind::Volume, []);
        let mut later = View::default();
        last.fill(&mut later, ResourceKind::Volume, "a");
        assert_eq!(later, View::default(), "another look, and it was not there");
    }
}
