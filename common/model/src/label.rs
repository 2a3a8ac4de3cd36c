//! Labels: `key=value` pairs on hosts and containers. On a host each pair is one host group.

use crate::limits::{LABEL_KEY_MAX, LABEL_VALUE_MAX, LABELS_MAX};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// Why labels were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    #[error("label {0:?} has no '=': write key=value")]
    NoEquals(String),
    #[error("label key {0:?} is not 1 to 63 of A-Z a-z 0-9 _ . / -")]
    Key(String),
    #[error("the value of label {0:?} is not 1 to 63 of A-Z a-z 0-9 _ . / : @ -")]
    Value(String),
    #[error("{0} labels are more than the {LABELS_MAX} that one thing may have")]
    TooMany(usize),
}

/// A checked set of labels of a host, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = std::collections::BTreeMap<String, String>))]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// No labels.
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Reads `key=value` pairs, as a command line gives them.
    ///
    /// # Errors
    /// [`LabelError`] naming the first pair that is not valid.
    pub fn parse<S: AsRef<str>>(pairs: impl IntoIterator<Item = S>) -> Result<Self, LabelError> {
        let mut map = BTreeMap::new();
        for pair in pairs {
            let pair = pair.as_ref();
            let (key, value) = pair.split_once('=').ok_or_else(|| LabelError::NoEquals(pair.to_owned()))?;
            map.insert(key.to_owned(), value.to_owned());
        }
        Self::try_from(map)
    }

    /// Pairs in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The names of the host groups that these labels make: `key=value` each.
    pub fn groups(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(k, v)| format!("{k}={v}"))
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn fits(s: &str, max: usize, extra: &[u8]) -> bool {
    (1..=max).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = LabelError;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, LabelError> {
        if map.len() > LABELS_MAX {
            return Err(LabelError::TooMany(map.len()));
        }
        for (key, value) in &map {
            if !fits(key, LABEL_KEY_MAX, b"_./-") {
                return Err(LabelError::Key(key.clone()));
            }
            if !fits(value, LABEL_VALUE_MAX, b"_./:@-") {
                return Err(LabelError::Value(key.clone()));
            }
        }
        Ok(Self(map))
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl FromStr for Labels {
    type Err = LabelError;

    /// Comma-separated pairs, `env=prod,zone=a`; the empty string is no labels.
    fn from_str(s: &str) -> Result<Self, LabelError> {
        Self::parse(s.split(',').filter(|p| !p.is_empty()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (k, v)) in self.0.iter().enumerate() {
            write!(f, "{}{k}={v}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_round_trip_and_bad_ones_are_named() {
        let labels: Labels = "zone=a,env=prod".parse().expect("valid");
        assert_eq!(labels.to_string(), "env=prod,zone=a");
        assert_eq!(labels.groups().collect::<Vec<_>>(), ["env=prod", "zone=a"]);
        assert_eq!("env".parse::<Labels>(), Err(LabelError::NoEquals("env".into())));
        assert_eq!("e v=x".parse::<Labels>(), Err(LabelError::Key("e v".into())));
        assert_eq!("env=".parse::<Labels>(), Err(LabelError::Value("env".into())));
    }
}
