use super::SimulatedChange;
use crate::Action;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// `POST /v1/policy/suggest`: the least set of rules that allows what a user did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuggestRequest {
    /// The user or service account.
    pub user: String,
    /// Only what was done on this host, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only what was done on hosts that have this label, `key=value`; with the wildcard `host` the rules hold on all of
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Not before: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Before: milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// What the rules may leave open; without any they permit exactly what was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wildcards: Vec<Wildcard>,
    /// Permit also what was refused.
    #[serde(default)]
    pub include_refused: bool,
}

/// Something that suggested rules leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Wildcard {
    /// Any tag or digest of an image's repository.
    ImageTag,
    /// Any repository of an image's registry.
    ImageRepository,
    /// Any name of a container, with the image and the owner as they were.
    ContainerName,
    /// Any command and entry point.
    Command,
    /// Any host; with a label, any that has it.
    Host,
    /// Whatever a list that was asked for, disk usage or events show: each thing of its kind, whoever made it.
    Listed,
}

impl Wildcard {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::ImageTag, Self::ImageRepository, Self::ContainerName, Self::Command, Self::Host, Self::Listed];

    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImageTag => "image-tag",
            Self::ImageRepository => "image-repository",
            Self::ContainerName => "container-name",
            Self::Command => "command",
            Self::Host => "host",
            Self::Listed => "listed",
        }
    }
}

impl FromStr for Wildcard {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|w| w.as_str() == s).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("{s:?} is not a wildcard: use {words}")
        })
    }
}

/// Answer to [`SuggestRequest`]. The text was validated, and tried: by itself it allows every event that it was made
/// from, and refuses every one of `mutations` requests that differ from one of them in one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicySuggestion {
    /// Cedar text; empty when there was nothing to permit.
    pub text: String,
    pub rules: u64,
    /// Events that it was made from.
    pub events: u64,
    /// Events that were left out because they were refused.
    pub refused: u64,
    /// Events that were left out because not all of their facts were kept, because they were invalid, or because a text in
    /// them mixes scripts or turns the direction of writing around, which no policy may hold.
    pub skipped: u64,
    /// Events that need no rule: everybody may do it.
    pub open: u64,
    /// What was listed with rules that say nothing of what the lists show: of each thing, whether it may be inspected decides.
    #[serde(default)]
    pub lists: Vec<Action>,
    /// There were more events than one suggestion reads; older ones were left out.
    pub truncated: bool,
    /// Requests near the events that were tried and are refused.
    pub mutations: u64,
    /// What stored rules would go on refusing, with the suggestion beside them; the most frequent first.
    pub still_refused: Vec<SimulatedChange>,
}
