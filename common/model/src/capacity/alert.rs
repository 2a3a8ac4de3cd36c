//! What is said when a host has too much to carry.

use super::{HostRef, Mark, Signal};
use crate::{id::UserName, time::Timestamp};
use serde::{Deserialize, Serialize};

/// How an alert stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AlertState {
    /// Nobody has said anything yet.
    Raised,
    /// Somebody takes care of it.
    Acknowledged { by: UserName, at: Timestamp },
    /// Nobody wants to hear of it, and nothing is advised for it, until then.
    Snoozed { by: UserName, until: Timestamp },
}

/// One signal of one host that has been above its mark for long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityAlert {
    pub host: HostRef,
    pub signal: Signal,
    pub raised_at: Timestamp,
    /// Smoothed, in thousandths.
    pub value_permille: u16,
    /// The highest since it was raised.
    pub worst_permille: u16,
    pub mark: Mark,
    /// The same hour of earlier days is about as high: a peak that comes every day, not growth.
    pub usual_peak: bool,
    #[serde(flatten)]
    pub state: AlertState,
}

/// What has happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AlertTransition))]
pub enum Transition {
    Raised,
    Acknowledged,
    Snoozed,
    /// The time of the snooze is over and the host is still above its mark.
    Woken,
    /// By itself: the value has stayed under the low mark for the hold time.
    Resolved,
}
