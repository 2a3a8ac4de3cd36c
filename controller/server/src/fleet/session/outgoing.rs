//! What a session sends, and what it makes of the answers.

use super::Session;
use crate::fleet::{delivery::Answer, refusal::Refusal};
use tokio::time::Instant;
use wharden_model::Revision;
use wharden_proto::v1::{ControllerMessage, Controllers, HeartbeatAck, Welcome, controller_message::Body};

impl Session<'_> {
    pub(super) async fn next_message(&mut self) -> Option<ControllerMessage> {
        let body = if std::mem::take(&mut self.welcome) {
            let heartbeat = self.fleet.beats.interval().as_secs();
            let heartbeat_seconds = u32::try_from(heartbeat).unwrap_or(u32::MAX);
            Body::Welcome(Welcome { heartbeat_seconds, epoch: self.fleet.ledger.state().epoch })
        } else if std::mem::take(&mut self.tell_controllers) {
            Body::Controllers(Controllers::clone(&self.controllers.borrow_and_update()))
        } else if std::mem::take(&mut self.beat) {
            let next = self.fleet.beats.next(self.live.number(), Instant::now());
            Body::HeartbeatAck(HeartbeatAck { next_ms: u32::try_from(next.as_millis()).unwrap_or(0) })
        } else if let Some(ack) = self.events_ack.take() {
            Body::EventsAck(ack)
        } else if let Some(ack) = self.recorded.pop() {
            Body::NoticeAck(ack)
        } else if let Some(answer) = self.telling.answer() {
            answer
        } else {
            let difference = match self.delivery.next(Instant::now())? {
                (bundle, Some(base)) if self.takes_differences => {
                    let published = self.published.borrow().clone()?;
                    published.difference(base, &bundle).await
                }
                _ => None,
            };
            let push = self.delivery.take(Instant::now(), difference)?;
            self.fleet.metrics.pushes.inc();
            self.fleet.metrics.differences.inc_by(u64::from(push.from != 0));
            self.fleet.metrics.pushed_bytes.inc_by(push.payload.len() as u64);
            Body::Bundle(push)
        };
        Some(ControllerMessage { body: Some(body) })
    }

    pub(super) async fn look_at_published(&mut self) -> Result<(), Refusal> {
        let Some(published) = self.published.borrow_and_update().clone() else {
            // There is nothing to be in step with yet.
            self.place = None;
            return Ok(());
        };
        let state = self.fleet.ledger.state();
        if let Some(bundle) = published.bundle(&self.peer.host_id, &state).await {
            self.delivery.want(&bundle, Instant::now());
        }
        self.judge(published.revision());
        Ok(())
    }

    pub(super) fn answered(&mut self, answer: Answer, reason: String) {
        match answer {
            Answer::Held { revision, digest } => {
                self.fleet.metrics.acks.inc();
                self.live.holds(revision, Some(digest));
            }
            Answer::Refused => {
                self.fleet.metrics.nacks.inc();
                tracing::warn!(host = %self.peer.host_id, %reason, "the host refused its bundle; it keeps the one it has");
                self.live.refused(reason);
            }
            Answer::HeaderRefused => {
                self.fleet.metrics.nacks.inc();
            }
            Answer::Unknown => tracing::debug!(host = %self.peer.host_id, "an answer to no bundle that is on its way"),
        }
        let revision = self.published.borrow().as_ref().map_or(0, |published| published.revision());
        if !self.published.has_changed().unwrap_or(false) {
            self.judge(revision);
        }
    }

    fn judge(&mut self, revision: Revision) {
        let behind = self.delivery.is_behind();
        if !behind {
            self.place = None;
        }
        self.live.judged(revision, behind);
    }
}
