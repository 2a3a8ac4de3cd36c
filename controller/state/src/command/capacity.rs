use super::Line;
use serde::{Deserialize, Serialize};
use wharden_model::capacity::{ThresholdName, ThresholdRule};

/// When hosts have too much to carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityCommand {
    /// Creates or replaces. It was checked before.
    PutThresholds {
        name: ThresholdName,
        rule: ThresholdRule,
    },
    DeleteThresholds {
        name: ThresholdName,
    },
}

impl CapacityCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::PutThresholds { name, rule } => {
                let mark = |(signal, mark): (_, &wharden_model::capacity::Mark)| {
                    format!("{signal} {}/{} for {} s", mark.high_permille, mark.low_permille, mark.hold_s)
                };
                let marks: Vec<String> = rule.marks.iter().map(|(signal, m)| mark((*signal, m))).collect();
                let hosts = if rule.selector.is_empty() { "all hosts".to_owned() } else { rule.selector.to_string() };
                Line::new("capacity.thresholds.put", about(name), format!("{hosts}: {}", marks.join(", ")))
            }
            Self::DeleteThresholds { name } => Line::new("capacity.thresholds.delete", about(name), ""),
        }
    }
}

fn about(name: &ThresholdName) -> String {
    format!("thresholds {name}")
}
