//! Texts that many things share, each held once and counted.

use std::{collections::HashMap, sync::Arc};

/// A text that is held. Good as long as whoever took it has not given it back.
pub type Sym = u32;

/// The empty text, which is always held.
pub const EMPTY: Sym = 0;

struct Slot {
    text: Arc<str>,
    uses: u32,
}

/// See the module.
pub struct Strings {
    found: HashMap<Arc<str>, Sym>,
    slots: Vec<Slot>,
    free: Vec<Sym>,
    /// Of all texts together.
    bytes: usize,
}

impl Default for Strings {
    fn default() -> Self {
        let slots = vec![Slot { text: "".into(), uses: 1 }];
        Self { found: HashMap::new(), slots, free: Vec::new(), bytes: 0 }
    }
}

impl Strings {
    /// Holds a text once more.
    pub fn take(&mut self, text: &str) -> Sym {
        if text.is_empty() {
            return EMPTY;
        }
        if let Some(sym) = self.found.get(text).copied() {
            if let Some(slot) = self.slots.get_mut(sym as usize) {
                slot.uses = slot.uses.saturating_add(1);
            }
            return sym;
        }
        self.bytes += text.len();
        let text: Arc<str> = text.into();
        let slot = Slot { text: Arc::clone(&text), uses: 1 };
        let sym = match self.free.pop() {
            Some(sym) => {
                if let Some(place) = self.slots.get_mut(sym as usize) {
                    *place = slot;
                }
                sym
            }
            None => {
                self.slots.push(slot);
                // As many texts as fit into four billion are not reached: hosts and their things are bounded.
                u32::try_from(self.slots.len() - 1).unwrap_or(EMPTY)
            }
        };
        self.found.insert(text, sym);
        sym
    }

    /// Gives one hold back; the last one lets the text go.
    pub fn release(&mut self, sym: Sym) {
        let Some(slot) = self.slots.get_mut(sym as usize).filter(|_| sym != EMPTY) else { return };
        slot.uses = slot.uses.saturating_sub(1);
        if slot.uses == 0 {
            let text = std::mem::replace(&mut slot.text, "".into());
            self.found.remove(&text);
            self.bytes = self.bytes.saturating_sub(text.len());
            self.free.push(sym);
        }
    }

    /// The text.
    pub fn get(&self, sym: Sym) -> &str {
        self.slots.get(sym as usize).map_or("", |slot| &slot.text)
    }

    /// The same, shared.
    pub fn shared(&self, sym: Sym) -> Arc<str> {
        self.slots.get(sym as usize).map_or_else(|| "".into(), |slot| Arc::clone(&slot.text))
    }

    /// The text's symbol, when it is held.
    pub fn find(&self, text: &str) -> Option<Sym> {
        if text.is_empty() { Some(EMPTY) } else { self.found.get(text).copied() }
    }

    /// About the bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        // Each text has its counts beside it, and is known by itself.
        let each = size_of::<Slot>() + 2 * size_of::<usize>();
        self.bytes + self.slots.capacity() * each + self.found.capacity() * size_of::<(Arc<str>, Sym)>()
    }

    /// Texts held.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.found.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_until_the_last_hold_is_given_back() {
        let mut strings = Strings::default();
        let (one, again, other) = (strings.take("a"), strings.take("a"), strings.take("b"));
        assert_eq!((one == again, one == other, strings.len()), (true, false, 2));
        strings.release(one);
        assert_eq!((strings.get(again), strings.find("a"), strings.bytes), ("a", Some(again), 2));
        strings.release(again);
        assert_eq!((strings.find("a"), strings.len(), strings.bytes), (None, 1, 1));
        assert_eq!(strings.take("c"), one, "the place is used again");
        strings.release(EMPTY);
        assert_eq!((strings.take(""), strings.get(EMPTY)), (EMPTY, ""));
    }
}
