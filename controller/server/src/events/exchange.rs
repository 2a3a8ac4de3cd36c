//! What goes to other controllers and comes from them.

use super::{
    incoming::{self, Incoming},
    order::Place,
    pending::Ticket,
    record::Header,
    runs::{Held, RunKey},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wharden_model::EventQuery;

/// Events that were stored before, with another stamp than they came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    pub host: u64,
    pub boot: u64,
    /// Their numbers.
    pub from: u64,
    pub to: u64,
    /// The stamp that counts; `None` when they were acknowledged long ago.
    pub stamp: Option<u64>,
}

impl Other {
    /// Notes one more, joined with the last where it can be.
    pub(super) fn note(all: &mut Vec<Self>, header: &Header, held: Held) {
        let stamp = match held {
            Held::No => return,
            Held::At(stamp) if stamp == header.stamp => return,
            Held::At(stamp) => Some(stamp),
            Held::Settled => None,
        };
        let (host, boot, seq) = (header.host, header.boot, header.seq);
        match all.last_mut() {
            Some(last) if (last.host, last.boot, last.stamp) == (host, boot, stamp) && last.to + 1 == seq => {
                last.to = seq;
            }
            _ => all.push(Self { host, boot, from: seq, to: seq, stamp }),
        }
    }

    fn is_of(&self, header: &Header) -> bool {
        (self.host, self.boot) == header.run() && (self.from..=self.to).contains(&header.seq)
    }
}

/// Events of an agent, stamped and not stored yet.
pub struct Taken {
    pub(super) run: RunKey,
    pub(super) events: Vec<Incoming>,
    /// Stored here before, and perhaps nowhere else: a copy of a controller that died, and the host came here.
    pub(super) held: Vec<Incoming>,
    /// The highest number of the message.
    pub(super) highest: u64,
    pub(super) ticket: Ticket,
}

impl Taken {
    /// Nothing of it is new, or may be.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.held.is_empty()
    }

    /// What is new, as records for another controller.
    pub fn records(&self) -> Bytes {
        incoming::encode(&self.events).into()
    }

    /// What was stored here before, as records with the stamp that they have for good.
    pub fn held(&self) -> Bytes {
        incoming::encode(&self.held).into()
    }

    /// Host and run.
    pub fn run(&self) -> RunKey {
        self.run
    }

    /// Takes over what another controller knew better.
    pub fn adopt(&mut self, others: &[Other]) {
        for other in others {
            self.ticket.pass(other.stamp.unwrap_or(0));
            self.events.retain_mut(|event| match other.stamp {
                _ if !other.is_of(&event.header) => true,
                Some(stamp) => {
                    event.header.stamp = stamp;
                    true
                }
                None => false,
            });
        }
    }
}

/// What became of copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Stored with another stamp than they came with.
    pub others: Vec<Other>,
    /// Not stored: these runs are being taken from their agents here.
    pub busy: Vec<RunKey>,
}

/// A question for one page of one store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Which events; its cursor, limit and wait do not count.
    pub query: EventQuery,
    /// The first after this place. Without it: the newest.
    pub after: Option<Place>,
    /// Only those before this place.
    pub before: Option<Place>,
    pub limit: usize,
    /// The clock of who asks: nothing that is taken later gets a stamp before it.
    pub clock: u64,
}

/// What a store holds of some runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPage {
    /// By run, the ranges of its numbers.
    pub runs: Vec<(RunKey, Vec<(u64, u64)>)>,
    /// Events up to this time have gone by age or size and are not wanted back.
    pub horizon: u64,
}
