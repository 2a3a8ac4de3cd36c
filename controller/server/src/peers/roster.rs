//! Who the other controllers are: where each is reached, and whose certificate counts.
//!
//! The state says it. A controller that has just joined has no state yet and goes by the list that came with its
//! certificate. One that is behind may meet a controller that came later: its number is higher than any that is known
//! here, and the CA vouches for it; it cannot be refused, or a leader that came later could not bring this one up to date.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::watch;
use wharden_model::ClusterId;
use wharden_pki::ControllerCert;
use wharden_state::State;

/// A controller as a joiner hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub number: u64,
    pub peer: String,
    pub serial: String,
}

/// Why a certificate does not make its holder a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    #[error("it is of cluster {0}")]
    Cluster(ClusterId),
    #[error("controller {0} was removed")]
    Removed(u64),
    #[error("controller {0} has another certificate")]
    Certificate(u64),
    #[error("it says that it is controller {0}, which this is")]
    Own(u64),
}

/// Reads the newest state whenever it is asked.
#[derive(Clone)]
pub struct Roster {
    own: u64,
    state: watch::Receiver<Arc<State>>,
    first: Arc<Vec<Known>>,
}

impl Roster {
    /// For controller `own`; `first` is what it heard when it joined.
    pub fn new(own: u64, state: watch::Receiver<Arc<State>>, first: Vec<Known>) -> Self {
        Self { own, state, first: Arc::new(first) }
    }

    /// Number of this controller.
    pub fn own(&self) -> u64 {
        self.own
    }

    /// What every controller must be able to do.
    pub fn level(&self) -> u32 {
        self.state.borrow().level
    }

    /// Where a controller is reached, and the serial number of its certificate.
    pub fn of(&self, number: u64) -> Option<Known> {
        let state = self.state.borrow();
        if state.controllers.is_empty() {
            return self.first.iter().find(|known| known.number == number).cloned();
        }
        let known = state.controllers.members.get(&number)?;
        Some(Known { number, peer: known.seat.peer.clone(), serial: known.serial.clone() })
    }

    /// Every other controller that is known here.
    pub fn others(&self) -> Vec<u64> {
        let state = self.state.borrow();
        let all: Vec<u64> = if state.controllers.is_empty() {
            self.first.iter().map(|known| known.number).collect()
        } else {
            state.controllers.members.keys().copied().collect()
        };
        all.into_iter().filter(|number| *number != self.own).collect()
    }

    /// Whether the holder of this certificate is a peer. The handshake has verified that our CA made it.
    ///
    /// # Errors
    /// [`Stranger`].
    pub fn judge(&self, cert: &ControllerCert, cluster: &ClusterId) -> Result<u64, Stranger> {
        if cert.cluster_id != *cluster {
            return Err(Stranger::Cluster(cert.cluster_id.clone()));
        }
        let number = cert.number;
        if number == self.own {
            return Err(Stranger::Own(number));
        }
        match self.of(number) {
            Some(known) if known.serial == cert.serial => Ok(number),
            Some(_) => Err(Stranger::Certificate(number)),
            None if self.state.borrow().controllers.was_removed(number) => Err(Stranger::Removed(number)),
            None => Ok(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Timestamp;
    use wharden_state::{Controller, ControllerStatus, Seat};

    fn cluster(n: u8) -> ClusterId {
        ClusterId::new(format!("c-{n:016x}")).expect("id")
    }

    fn cert(number: u64, serial: &str) -> ControllerCert {
        let (not_before, not_after) = (Timestamp(0), Timestamp(u64::MAX));
        ControllerCert { cluster_id: cluster(1), number, serial: serial.to_owned(), not_before, not_after }
    }

    fn state() -> State {
        let mut state = State::default();
        let member = |serial: &str| Controller {
            seat: Seat { name: "a".into(), peer: format!("{serial}:7442"), rest: String::new(), agent: String::new() },
            serial: serial.to_owned(),
            status: ControllerStatus::Voter,
            wants_vote: true,
            leaving: false,
            replaces: None,
            joined_at: Timestamp(0),
        };
        state.controllers.members.insert(1, member("a"));
        state.controllers.members.insert(3, member("c"));
        state.controllers.last_number = 3;
        state
    }

    #[test]
    fn members_with_their_certificate_are_peers_and_removed_ones_are_not() {
        let (_sender, held) = watch::channel(Arc::new(state()));
        let roster = Roster::new(1, held, vec![Known { number: 2, peer: "b:1".into(), serial: "b".into() }]);
        let judge = |cert| roster.judge(&cert, &cluster(1));
        assert_eq!(judge(cert(3, "c")), Ok(3));
        assert_eq!(judge(cert(3, "x")), Err(Stranger::Certificate(3)));
        assert_eq!(judge(cert(2, "b")), Err(Stranger::Removed(2)), "the first list counts no more");
        assert_eq!(judge(cert(1, "a")), Err(Stranger::Own(1)));
        assert_eq!(judge(cert(4, "d")), Ok(4), "it came later");
        assert_eq!(roster.judge(&cert(3, "c"), &cluster(2)), Err(Stranger::Cluster(cluster(1))));
        assert_eq!(roster.of(3).map(|known| known.peer), Some("c:7442".to_owned()));
        assert_eq!(roster.of(2), None);
    }

    #[test]
    fn a_joiner_without_a_state_goes_by_what_it_heard() {
        let (_sender, held) = watch::channel(Arc::new(State::default()));
        let roster = Roster::new(4, held, vec![Known { number: 1, peer: "a:1".into(), serial: "a".into() }]);
        assert_eq!(roster.judge(&cert(1, "a"), &cluster(1)), Ok(1));
        assert_eq!(roster.judge(&cert(1, "b"), &cluster(1)), Err(Stranger::Certificate(1)));
        assert_eq!(roster.of(1).map(|known| known.peer), Some("a:1".to_owned()));
    }
}
