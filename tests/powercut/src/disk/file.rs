//! The content of one file, and the writes that wait.

use rand::{RngExt, rngs::Xoshiro256PlusPlus};

/// A change that is not on the platter yet.
#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// Content as it is seen and as it is on the platter.
#[derive(Debug, Default)]
pub struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    waiting: Vec<Change>,
}

impl File {
    pub fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let change = Change::Write { at: usize::try_from(at).unwrap_or(usize::MAX), bytes: bytes.to_vec() };
        change.apply(&mut self.seen);
        self.waiting.push(change);
    }

    pub(super) fn resize(&mut self, len: u64) {
        let change = Change::Resize(usize::try_from(len).unwrap_or(usize::MAX));
        change.apply(&mut self.seen);
        self.waiting.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.waiting.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.seen = self.durable.clone();
    }

    /// What a cut leaves. `sector` bytes are written whole or not at all.
    pub(super) fn cut(&mut self, sector: usize, rng: &mut Xoshiro256PlusPlus) {
        let waiting = std::mem::take(&mut self.waiting);
        match rng.random_range(0..5) {
            // Nothing was written back yet.
            0 => {}
            // All of it was, as far as it got.
            1 => waiting.iter().for_each(|change| change.apply(&mut self.durable)),
            // In order, up to some change, which is torn.
            2 if !waiting.is_empty() => {
                let torn = rng.random_range(0..waiting.len());
                waiting[..torn].iter().for_each(|change| change.apply(&mut self.durable));
                waiting[torn].apply_torn(&mut self.durable, sector, 0.5, rng);
            }
            // Out of order: each sector by itself.
            _ => {
                let survives = [0.05, 0.5, 0.95][rng.random_range(0..3)];
                for change in &waiting {
                    change.apply_torn(&mut self.durable, sector, survives, rng);
                }
            }
        }
        self.seen = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => overwrite(content, *at, bytes),
            Self::Resize(len) => content.resize(*len, 0),
        }
    }

    fn apply_torn(&self, content: &mut Vec<u8>, sector: usize, survives: f64, rng: &mut Xoshiro256PlusPlus) {
        match self {
            Self::Resize(_) => {
                if rng.random_bool(survives) {
                    self.apply(content);
                }
            }
            Self::Write { at, bytes } => {
                let mut from = 0;
                while from < bytes.len() {
                    let to = bytes.len().min(from + sector - (at + from) % sector);
                    if rng.random_bool(survives) {
                        overwrite(content, at + from, &bytes[from..to]);
                    } else if at + to > content.len() && rng.random_bool(0.5) {
                        // The new length was written, the data was not.
                        content.resize(at + to, 0);
                    }
                    from = to;
                }
            }
        }
    }
}

fn overwrite(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}
