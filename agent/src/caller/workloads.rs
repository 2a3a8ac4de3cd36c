use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use wharden_model::Principal;

/// The containers that have connections open. Each stands in memory once: its labels may be long, and its connections many.
#[derive(Debug, Default)]
pub struct Workloads(Mutex<HashMap<String, Weak<Principal>>>);

impl Workloads {
    /// A caller, the same for all connections of one container for as long as there is any.
    pub fn one(&self, principal: Principal) -> Arc<Principal> {
        let Principal::Workload { container_id, .. } = &principal else { return Arc::new(principal) };
        let container_id = container_id.clone();
        // The map is whole after a panic.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.get(&container_id).and_then(Weak::upgrade).filter(|known| **known == principal);
        same.unwrap_or_else(|| {
            known.retain(|_, workload| workload.strong_count() > 0);
            let workload = Arc::new(principal);
            known.insert(container_id, Arc::downgrade(&workload));
            workload
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connections_of_a_container_share_one_caller_until_the_last_ends() {
        let workload = |id: &str, name: &str| Principal::Workload {
            container_id: id.to_owned(),
            name: name.to_owned(),
            image: String::new(),
            labels: Default::default(),
        };
        let workloads = Workloads::default();
        let first = workloads.one(workload("c1", "ci"));
        assert!(Arc::ptr_eq(&first, &workloads.one(workload("c1", "ci"))));
        let renamed = workloads.one(workload("c1", "renamed"));
        assert_eq!(*renamed, workload("c1", "renamed"));
        drop((first, renamed));
        let _other = workloads.one(workload("c2", "other"));
        assert_eq!(workloads.0.lock().expect("sound").len(), 1);
    }
}
