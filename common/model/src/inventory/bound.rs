//! Cuts what engines and agents say to limits. What is cut is shown to people; nothing is decided by it.

use crate::limits::{
    INVENTORY_LABEL_KEY_MAX, INVENTORY_LABEL_VALUE_MAX, INVENTORY_LABELS_MAX, INVENTORY_LIST_MAX, INVENTORY_TEXT_MAX,
};
use std::collections::BTreeMap;

/// Without control characters, since texts end up on terminals, and no longer than so many bytes.
pub fn text(text: &mut String, max: usize) {
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(max));
    text.shrink_to_fit();
}

pub fn list<T>(list: &mut Vec<T>, max: usize, each: impl FnMut(&mut T)) {
    list.truncate(max);
    list.shrink_to_fit();
    list.iter_mut().for_each(each);
}

pub fn texts(texts: &mut Vec<String>) {
    list(texts, INVENTORY_LIST_MAX, |one| text(one, INVENTORY_TEXT_MAX));
}

/// A key that is too long names nothing any more: it is left out. A value is cut.
pub fn labels(labels: &mut BTreeMap<String, String>) {
    labels.retain(|key, _| key.len() <= INVENTORY_LABEL_KEY_MAX && !key.chars().any(char::is_control));
    while labels.len() > INVENTORY_LABELS_MAX {
        labels.pop_last();
    }
    labels.values_mut().for_each(|value| text(value, INVENTORY_LABEL_VALUE_MAX));
}
