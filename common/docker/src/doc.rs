//! Reads a canonical JSON body: its types are known, what is absent reads as empty.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

static NULL: Value = Value::Null;

/// A part of a body.
#[derive(Clone, Copy, Debug)]
pub struct Doc<'a>(&'a Value);

impl<'a> Doc<'a> {
    /// A body; none reads as empty.
    pub fn new(body: Option<&'a Value>) -> Self {
        Self(body.unwrap_or(&NULL))
    }

    /// As it is.
    pub fn value(self) -> &'a Value {
        self.0
    }

    /// A member.
    pub fn at(self, name: &str) -> Self {
        Self(self.0.get(name).unwrap_or(&NULL))
    }

    /// Whether a member is there.
    pub fn has(self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    pub fn truth(self, name: &str) -> bool {
        self.at(name).0.as_bool().unwrap_or_default()
    }

    pub fn text(self, name: &str) -> &'a str {
        self.at(name).0.as_str().unwrap_or_default()
    }

    /// A whole number; one beyond the range of `i64` is its end.
    pub fn number(self, name: &str) -> i64 {
        self.at(name).own_number()
    }

    pub fn own_number(self) -> i64 {
        self.0.as_i64().or_else(|| self.0.as_u64().map(|_| i64::MAX)).unwrap_or_default()
    }

    pub fn own_text(self) -> &'a str {
        self.0.as_str().unwrap_or_default()
    }

    /// Elements of this list.
    pub fn own_items(self) -> impl Iterator<Item = Doc<'a>> {
        self.0.as_array().into_iter().flatten().map(Doc)
    }

    /// Texts of this list.
    pub fn own_texts(self) -> Vec<&'a str> {
        self.own_items().map(Doc::own_text).collect()
    }

    /// Elements of a member that is a list.
    pub fn items(self, name: &str) -> impl Iterator<Item = Doc<'a>> {
        self.at(name).own_items()
    }

    /// Texts of a member that is a list.
    pub fn texts(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.items(name).map(Doc::own_text)
    }

    /// The same, each once.
    pub fn text_set(self, name: &str) -> BTreeSet<String> {
        self.texts(name).map(str::to_owned).collect()
    }

    /// Texts of a member that is a list, joined by a space.
    pub fn words(self, name: &str) -> String {
        self.texts(name).collect::<Vec<_>>().join(" ")
    }

    /// Members of a member.
    pub fn members(self, name: &str) -> impl Iterator<Item = (&'a str, Doc<'a>)> {
        self.at(name).own_members()
    }

    /// Members of this.
    pub fn own_members(self) -> impl Iterator<Item = (&'a str, Doc<'a>)> {
        self.0.as_object().into_iter().flat_map(Map::iter).map(|(k, v)| (k.as_str(), Doc(v)))
    }

    /// Names of the members of this.
    pub fn own_keys(self) -> BTreeSet<String> {
        self.own_members().map(|(k, _)| k.to_owned()).collect()
    }

    /// Names of the members of a member.
    pub fn keys(self, name: &str) -> BTreeSet<String> {
        self.at(name).own_keys()
    }

    /// A member that maps texts to texts.
    pub fn pairs(self, name: &str) -> BTreeMap<String, String> {
        self.members(name).map(|(k, v)| (k.to_owned(), v.own_text().to_owned())).collect()
    }

    /// The same as `key=value`.
    pub fn pair_set(self, name: &str) -> BTreeSet<String> {
        self.members(name).map(|(k, v)| format!("{k}={}", v.own_text())).collect()
    }
}
