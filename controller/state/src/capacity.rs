//! Thresholds of capacity: the only durable thing about it. Samples, alerts and plans are not in the log.

use crate::{
    apply::{Context, State},
    command::CapacityCommand,
    entry::{Applied, Kind, Rejection, Reply},
};
use serde::{Deserialize, Serialize};
use wharden_model::{
    Timestamp,
    capacity::{ThresholdRule, Thresholds},
    limits::THRESHOLD_RULES_MAX,
};

/// One set of thresholds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdsHeld {
    pub rule: ThresholdRule,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

impl State {
    pub(crate) fn apply_capacity(&mut self, context: &Context<'_>, command: &CapacityCommand) -> Reply {
        match command {
            CapacityCommand::PutThresholds { name, rule } => {
                if !self.thresholds.contains_key(name) && self.thresholds.len() >= THRESHOLD_RULES_MAX {
                    return Err(Rejection::Limit { what: Kind::Thresholds, max: THRESHOLD_RULES_MAX });
                }
                let held = ThresholdsHeld {
                    rule: rule.clone(),
                    updated_by: context.entry.actor.to_string(),
                    updated_at: context.at,
                };
                self.thresholds.insert(name.clone(), held.into());
            }
            CapacityCommand::DeleteThresholds { name } => {
                self.thresholds
                    .remove(name)
                    .ok_or_else(|| Rejection::NotFound { kind: Kind::Thresholds, name: name.to_string() })?;
            }
        }
        Ok(Applied::Done)
    }

    /// All sets of thresholds.
    pub fn capacity_thresholds(&self) -> Thresholds {
        Thresholds(self.thresholds.iter().map(|(name, held)| (name.clone(), held.rule.clone())).collect())
    }
}
