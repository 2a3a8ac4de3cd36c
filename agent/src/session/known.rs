//! Which controllers there are, and which one a host belongs to.
//!
//! A controller tells the list when a session opens and whenever it changes; it is kept on disk, so that a host that was
//! off finds a cluster whose first controllers are gone. Each host ranks the controllers by a hash of its id and the
//! controller's number (rendezvous hashing): the hosts spread evenly, and when a controller comes or goes only those move
//! that have to. The first of its ranking is its home.

use super::Address;
use crate::{
    enrolment::{DataDir, DataDirError},
    limits::CONTROLLERS_MAX,
};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wharden_model::HostId;
use wharden_proto::v1;

/// In the data folder.
pub const FILE: &str = "controllers.json";

/// One of them, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    number: u64,
    address: String,
}

/// All of them, best first. Clones are the same list.
#[derive(Clone)]
pub struct Controllers {
    host: HostId,
    /// From the configuration or the enrolment: where to begin when nothing else is known.
    first: Arc<Vec<Address>>,
    told: Arc<ArcSwap<Vec<Known>>>,
}

impl Controllers {
    /// With what was told before, if it can be read: it is not needed to go on.
    pub fn load(dir: &DataDir, host: HostId, first: Vec<Address>) -> Self {
        let told = match dir.read(FILE) {
            Ok(bytes) => bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the list of controllers cannot be read");
                Vec::new()
            }
        };
        Self { host, first: Arc::new(first), told: Arc::new(ArcSwap::from_pointee(told)) }
    }

    /// Takes the list that a controller told, and keeps it. True when it is another than before. Blocks.
    ///
    /// # Errors
    /// When it cannot be written; it counts all the same.
    pub fn tell(&self, dir: &DataDir, list: v1::Controllers) -> Result<bool, DataDirError> {
        let list: Vec<Known> = list
            .controllers
            .into_iter()
            .filter(|c| c.address.parse::<Address>().is_ok())
            .take(CONTROLLERS_MAX)
            .map(|c| Known { number: c.number, address: c.address })
            .collect();
        // An empty list would leave nothing to go to.
        if list.is_empty() || **self.told.load() == list {
            return Ok(false);
        }
        let bytes = serde_json::to_vec(&list).unwrap_or_default();
        self.told.store(Arc::new(list));
        dir.write(FILE, &bytes)?;
        Ok(true)
    }

    /// Whom to try, in this order: the ranking, then where it began.
    pub fn ranked(&self) -> Vec<Address> {
        let mut told: Vec<Known> = self.told.load().as_ref().clone();
        told.sort_by_cached_key(|known| std::cmp::Reverse(weight(&self.host, known.number)));
        let mut all: Vec<Address> = told.iter().filter_map(|known| known.address.parse().ok()).collect();
        for address in self.first.iter() {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        all
    }

    /// The one that this host belongs to; `None` while no list was told.
    pub fn home(&self) -> Option<Address> {
        if self.told.load().is_empty() { None } else { self.ranked().into_iter().next() }
    }
}

/// How much a host wants a controller: it belongs to the one that it wants most.
pub fn weight(host: &HostId, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(host.as_str());
    hash.update(number.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn host(n: u64) -> HostId {
        HostId::new(format!("h-{n:016x}")).expect("id")
    }

    fn list(numbers: &[u64]) -> v1::Controllers {
        let of = |n: &u64| v1::ControllerAddress { number: *n, address: format!("ctl{n}:7441") };
        v1::Controllers { controllers: numbers.iter().map(of).collect() }
    }

    fn homes(numbers: &[u64], hosts: u64) -> Vec<Address> {
        let known = |n: &u64| Known { number: *n, address: format!("ctl{n}:7441") };
        let told = Arc::new(ArcSwap::from_pointee(numbers.iter().map(known).collect()));
        let of = |n| Controllers { host: host(n), first: Arc::default(), told: Arc::clone(&told) };
        (0..hosts).map(|n| of(n).home().expect("home")).collect()
    }

    #[test]
    fn hosts_spread_and_only_those_move_that_have_to() {
        let (three, two) = (homes(&[1, 2, 3], 600), homes(&[1, 3], 600));
        let mut counts: HashMap<String, usize> = HashMap::new();
        for home in &three {
            *counts.entry(home.host.clone()).or_default() += 1;
        }
        assert!(counts.len() == 3 && counts.values().all(|n| (140..=260).contains(n)), "{counts:?}");
        for (before, after) in three.iter().zip(&two) {
            assert!(before == after || before.host == "ctl2", "{before} moved to {after}");
        }
    }

    #[test]
    fn the_list_is_kept_and_what_was_first_known_comes_last() {
        let parent = tempfile::tempdir().expect("dir");
        let dir = DataDir::create(&parent.path().join("d")).expect("made");
        let first: Vec<Address> = vec!["ctl1:7441".parse().expect("address"), "old:1".parse().expect("address")];
        let controllers = Controllers::load(&dir, host(1), first.clone());
        assert_eq!((controllers.ranked(), controllers.home()), (first.clone(), None));
        assert!(controllers.tell(&dir, list(&[1, 2])).expect("kept"));
        assert!(!controllers.tell(&dir, list(&[1, 2])).expect("the same"));
        assert!(!controllers.tell(&dir, list(&[])).expect("nothing"), "an empty list is none");
        let again = Controllers::load(&dir, host(1), first);
        assert_eq!(again.ranked(), controllers.ranked());
        assert_eq!(again.ranked().len(), 3);
        assert_eq!(again.ranked()[2].to_string(), "old:1");
        let bad = v1::ControllerAddress { number: 3, address: "https://x".into() };
        let odd = v1::Controllers { controllers: vec![bad] };
        assert!(!controllers.tell(&dir, odd).expect("nothing"), "what is no address is left out");
    }
}
