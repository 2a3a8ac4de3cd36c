//! What a text says about its rules, apart from their conditions.

use std::{collections::BTreeSet, ops::Range};
use wharden_model::Effect;

/// A valid text, rule by rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of the text.
    pub rules: Vec<RuleInfo>,
    /// What it took to check it, of [`EFFORT_MAX`](crate::limits::EFFORT_MAX); nothing when that was done before.
    pub effort: usize,
}

/// One rule of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its `@id`, else its number, from 1.
    pub id: String,
    /// It has an `@id`.
    pub named: bool,
    /// `permit` is `Allow`, `forbid` is `Deny`.
    pub effect: Effect,
    /// Its `@reason`; empty when it has none.
    pub reason: String,
    /// Its `@severity`; empty when it has none.
    pub severity: String,
    /// Its `@cis` number; empty when it has none.
    pub cis: String,
    /// It has `@hide`.
    pub hides: bool,
    /// Its `@mend`; empty when it has none.
    pub mends: String,
    /// The groups of accounts that it names.
    pub groups: BTreeSet<String>,
    /// Where it stands in the text, in bytes, annotations included.
    pub span: Range<usize>,
}
