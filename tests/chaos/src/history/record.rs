//! The history as it is written down.

use super::model::{Call, Key, Outcome};
use std::{collections::BTreeMap, fmt};

/// Something that was asked.
#[derive(Clone, Debug)]
pub struct Operation {
    pub client: u64,
    pub key: Key,
    pub call: Call,
    /// Order of the moment at which it was asked, among all that was asked and heard.
    pub asked: u64,
    /// The same for the answer, and the answer; `None` while nobody knows what became of it.
    pub heard: Option<(u64, Outcome)>,
    /// The id that it was asked under.
    pub request: String,
    /// Milliseconds since the beginning at which it was asked, and heard of.
    pub at: (u64, u64),
}

#[derive(Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    moments: u64,
}

impl History {
    /// Something is asked. The place of its answer.
    pub fn ask(&mut self, client: u64, key: Key, call: Call, request: &str, now: u64) -> usize {
        let asked = self.moment();
        let request = request.to_owned();
        self.operations.push(Operation { client, key, call, asked, heard: None, request, at: (now, 0) });
        self.operations.len() - 1
    }

    /// It was answered.
    pub fn hear(&mut self, place: usize, outcome: Outcome, now: u64) {
        let moment = self.moment();
        if let Some(operation) = self.operations.get_mut(place) {
            operation.heard = Some((moment, outcome));
            operation.at.1 = now;
        }
    }

    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// By key. Reads that nobody heard the answer of say nothing and are left out.
    pub fn by_key(&self) -> BTreeMap<Key, Vec<Operation>> {
        let mut keys: BTreeMap<Key, Vec<Operation>> = BTreeMap::new();
        for operation in self.operations.iter().filter(|o| o.heard.is_some() || o.call != Call::Read) {
            keys.entry(operation.key).or_default().push(operation.clone());
        }
        keys
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, key, call, asked, heard, at, .. } = self;
        write!(f, "client {client}, {key}: {call:?} asked at {} ms (#{asked})", at.0)?;
        match heard {
            Some((moment, outcome)) => write!(f, ", heard {outcome:?} at {} ms (#{moment})", at.1),
            None => write!(f, ", never heard of"),
        }
    }
}
