//! One message, as every channel says it.

use serde::Serialize;
use wharden_model::{AlertState, ClusterId, Severity, alert::episode, api::Alert};
use wharden_state::Message;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    Raised,
    Repeated,
    Resolved,
    /// Somebody tries the channel.
    Test,
}

/// A message.
#[derive(Clone, Debug, Serialize)]
pub struct Letter {
    pub cluster_id: ClusterId,
    /// The same for every attempt to deliver this message: receivers drop what they have had.
    pub delivery: String,
    pub occasion: Occasion,
    pub alert: Alert,
}

impl Letter {
    /// About an alert.
    pub fn new(cluster_id: ClusterId, message: Message, alert: Alert) -> Self {
        let occasion = match message {
            Message::Raised => Occasion::Raised,
            Message::Repeated(_) => Occasion::Repeated,
            Message::Resolved => Occasion::Resolved,
        };
        let delivery = format!("{}#{message}", episode(&alert.id, alert.raised_at));
        Self { cluster_id, delivery, occasion, alert }
    }

    /// One line.
    pub fn subject(&self) -> String {
        let Alert { subject, summary, severity, .. } = &self.alert;
        let word = match self.occasion {
            Occasion::Raised => severity.as_str(),
            Occasion::Repeated if *severity == Severity::Critical => "still critical",
            Occasion::Repeated => "still",
            Occasion::Resolved => "resolved",
            Occasion::Test => "test",
        };
        format!("[Wharden {word}] {subject}: {summary}")
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let Alert { id, severity, state, subject, summary, detail, advice, raised_at, resolved_at, .. } = &self.alert;
        let mut text = format!("{subject}: {summary}\n");
        if !detail.is_empty() {
            text.push_str(&format!("{detail}\n"));
        }
        if *state != AlertState::Resolved && !advice.is_empty() {
            text.push_str(&format!("\nWhat to do: {advice}\n"));
        }
        text.push_str(&format!("\nSeverity: {severity}\nRaised:   {raised_at}\n"));
        if let Some(over) = resolved_at {
            text.push_str(&format!("Resolved: {over}\n"));
        }
        text.push_str(&format!("Alert:    {id}\nCluster:  {}\n", self.cluster_id));
        if self.occasion != Occasion::Test {
            text.push_str(&format!("\nwharden alerts show {id}\nwharden alerts ack {id}\n"));
        }
        text
    }
}
