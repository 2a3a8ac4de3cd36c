use crate::limits::{READING_MAX, READINGS_MAX};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use wharden_docker::{Reading, label_bytes};
use wharden_model::{FactValue, Principal};

/// What was decided about reading things, as long as the bundle that decided it is in force: lists tell of the same
/// things again and again. A decision depends on nothing but the bundle, who asks, and the reading, and all of the two is
/// the key.
#[derive(Debug, Default)]
pub struct Readings(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_principal: HashMap<Principal, HashMap<Reading, bool>>,
    count: usize,
}

impl Readings {
    /// The decision, remembered or made now.
    pub fn may(&self, principal: &Principal, reading: &Reading, decide: impl FnOnce() -> bool) -> bool {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().by_principal.get(principal).and_then(|mine| mine.get(reading)) {
            return *known;
        }
        let may = decide();
        if weight(reading) <= READING_MAX {
            let mut kept = lock();
            if kept.count >= READINGS_MAX {
                // What is in use comes back at once, and nothing grows.
                *kept = Kept::default();
            }
            let mine = kept.by_principal.entry(principal.clone()).or_default();
            if mine.insert(reading.clone(), may).is_none() {
                kept.count += 1;
            }
        }
        may
    }
}

/// Bytes of text in it, which clients choose.
fn weight(reading: &Reading) -> usize {
    let thing = &reading.resource;
    let labels = label_bytes(&thing.labels);
    let facts = reading.facts.0.values().map(|fact| match fact {
        FactValue::String(text) => text.len(),
        FactValue::Set(set) => set.iter().map(String::len).sum(),
        FactValue::LongSet(set) => set.len() * size_of::<i64>(),
        FactValue::Bool(_) | FactValue::Long(_) => 0,
    });
    thing.id.len() + thing.name.len() + thing.image.len() + thing.owner.len() + labels + facts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use wharden_model::{Action, Facts, Resource, ResourceKind};

    fn reading(id: &str, labels: &[(&str, &str)]) -> Reading {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let resource = Resource {
            kind: ResourceKind::Container,
            id: id.to_owned(),
            name: "n".into(),
            image: "i".into(),
            owner: String::new(),
            labels,
        };
        Reading { action: Action::ContainerInspect, resource, facts: Facts::zero(Action::ContainerInspect) }
    }

    fn user(name: &str) -> Principal {
        Principal::User { name: name.to_owned() }
    }

    #[test]
    fn what_differs_in_anything_is_decided_anew() {
        let readings = Readings::default();
        let mut made = Vec::new();
        let mut ask = |name: &str, reading: &Reading, answer: bool| {
            readings.may(&user(name), reading, || {
                made.push((name.to_owned(), reading.resource.id.clone()));
                answer
            })
        };
        let (plain, labelled) = (reading("1", &[]), reading("1", &[("team", "a")]));
        assert!(ask("ann", &plain, true) && ask("ann", &plain, false), "remembered");
        assert!(!ask("bob", &plain, false) && !ask("bob", &plain, true), "each has their own");
        assert!(!ask("ann", &labelled, false), "the thing has changed");
        let renamed = Reading { resource: Resource { name: "m".into(), ..plain.resource.clone() }, ..plain.clone() };
        assert!(!ask("ann", &renamed, false));
        assert!(ask("ann", &plain, false));
        assert_eq!(made.len(), 4, "{made:?}");
    }

    #[test]
    fn little_is_kept_whatever_there_is() {
        let readings = Readings::default();
        let long = "x".repeat(READING_MAX);
        assert!(readings.may(&user("ann"), &reading("big", &[("l", &long)]), || true));
        assert_eq!(readings.0.lock().expect("lock").count, 0, "too large to be kept");
        for n in 0..READINGS_MAX * 2 + 1 {
            assert!(readings.may(&user(&format!("u{}", n % 7)), &reading(&n.to_string(), &[]), || true));
            assert!(readings.0.lock().expect("lock").count <= READINGS_MAX);
        }
    }
}
