//! Which bundle a session sends next, if any. No IO: it is told what happened and when.
//!
//! ```text
//!           want(newer)                take            ack(nonce)
//! settled ──────────────▶ wanted ──────────────▶ sent ────────────▶ settled
//!                          ▲  ▲ want: latest wins  │ nack(nonce)
//!                          │  └───────────────────┘ of a header: whole, now; of a bundle: again after a while
//!                          └── no answer in time, and a newer one is wanted
//! ```
//! One bundle is on its way at a time, so that an agent that is slow to apply gets the newest next, not each.

use super::limits::{ACK_TIMEOUT, NACK_RETRY, REVISION_LATEST, REVISION_QUIET};
use crate::publish::SignedBundle;
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::Instant;
use wharden_model::Revision;
use wharden_proto::v1::BundlePush;

type Digest = [u8; 32];

struct Wanted {
    bundle: Arc<SignedBundle>,
    not_before: Instant,
}

struct Sent {
    nonce: u64,
    bundle: Arc<SignedBundle>,
    is_whole: bool,
    at: Instant,
}

/// What the agent did with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is in force.
    Held { revision: Revision, digest: Digest },
    /// It was refused, and says something about the bundle.
    Refused,
    /// Only a header or a difference was refused; the whole bundle follows.
    HeaderRefused,
    /// Nobody asked.
    Unknown,
}

#[derive(Default)]
pub(super) struct Delivery {
    held: Option<(Revision, Digest)>,
    wanted: Option<Wanted>,
    sent: Option<Sent>,
    refused: Option<(Digest, Instant)>,
    /// Since when only the revision is behind.
    lagging: Option<Instant>,
    /// The agent did not know the digest that it said it holds.
    must_be_whole: bool,
    nonce: u64,
}

impl Delivery {
    /// What the agent says it holds when its session opens.
    pub fn starting_with(held: Option<(Revision, Digest)>) -> Self {
        Self { held, ..Self::default() }
    }

    /// The bundle that the agent should have now.
    pub fn want(&mut self, bundle: &Arc<SignedBundle>, now: Instant) {
        self.wanted = None;
        if self
            .sent
            .as_ref()
            .is_some_and(|sent| sent.bundle.revision == bundle.revision && sent.bundle.digest == bundle.digest)
        {
            return;
        }
        let mut not_before = now;
        match self.held {
            Some((revision, digest)) if digest == bundle.digest && self.sent.is_none() => {
                if revision >= bundle.revision {
                    self.lagging = None;
                    return;
                }
                let since = *self.lagging.get_or_insert(now);
                not_before = (now + REVISION_QUIET).min(since + REVISION_LATEST);
            }
            _ => self.lagging = None,
        }
        if let Some((digest, at)) = self.refused
            && digest == bundle.digest
        {
            not_before = not_before.max(at + NACK_RETRY);
        }
        self.wanted = Some(Wanted { bundle: Arc::clone(bundle), not_before });
    }

    /// When [`Delivery::take`] has something to send.
    pub fn due(&self) -> Option<Instant> {
        let wanted = self.wanted.as_ref()?;
        Some(match &self.sent {
            Some(sent) => wanted.not_before.max(sent.at + ACK_TIMEOUT),
            None => wanted.not_before,
        })
    }

    /// What is sent now, and the digest of what it may be sent as the difference from.
    pub fn next(&self, now: Instant) -> Option<(Arc<SignedBundle>, Option<Digest>)> {
        let bundle = &self.wanted.as_ref().filter(|_| self.due().is_some_and(|due| due <= now))?.bundle;
        let base = self.base().map(|(_, digest)| digest).filter(|digest| *digest != bundle.digest);
        Some((Arc::clone(bundle), base))
    }

    /// What the agent surely holds.
    fn base(&self) -> Option<(Revision, Digest)> {
        self.held.filter(|_| !self.must_be_whole && self.sent.is_none())
    }

    /// The message to send now; `difference` is from what [`Delivery::next`] said.
    pub fn take(&mut self, now: Instant, difference: Option<Bytes>) -> Option<BundlePush> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let Wanted { bundle, .. } = self.wanted.take()?;
        self.nonce += 1;
        let (from, payload) = match (self.base(), difference) {
            (Some((_, digest)), _) if digest == bundle.digest => (0, Bytes::new()),
            (Some((revision, _)), Some(difference)) => (revision, difference),
            _ => (0, bundle.payload.clone()),
        };
        let is_whole = from == 0 && !payload.is_empty();
        let push = BundlePush {
            nonce: self.nonce,
            revision: bundle.revision,
            from,
            digest: Bytes::copy_from_slice(&bundle.digest),
            payload,
            signature: Bytes::copy_from_slice(&bundle.signature),
        };
        self.lagging = None;
        self.sent = Some(Sent { nonce: self.nonce, bundle, is_whole, at: now });
        Some(push)
    }

    pub fn ack(&mut self, nonce: u64, revision: Revision, now: Instant) -> Answer {
        let Some(sent) = self.sent.take_if(|sent| sent.nonce == nonce && sent.bundle.revision == revision) else {
            return Answer::Unknown;
        };
        self.must_be_whole = false;
        self.refused = None;
        self.held = Some((revision, sent.bundle.digest));
        // What is wanted next may now be a header only.
        if let Some(next) = self.wanted.take() {
            self.want(&next.bundle, now);
        }
        Answer::Held { revision, digest: sent.bundle.digest }
    }

    pub fn nack(&mut self, nonce: u64, now: Instant) -> Answer {
        let Some(sent) = self.sent.take_if(|sent| sent.nonce == nonce) else { return Answer::Unknown };
        if !sent.is_whole {
            self.must_be_whole = true;
            self.wanted.get_or_insert(Wanted { bundle: sent.bundle, not_before: now }).not_before = now;
            return Answer::HeaderRefused;
        }
        self.refused = Some((sent.bundle.digest, now));
        let next = self.wanted.take().map_or(sent.bundle, |wanted| wanted.bundle);
        self.want(&next, now);
        Answer::Refused
    }

    /// The agent enforces something else than it should. A revision that changes nothing for it does not count.
    pub fn is_behind(&self) -> bool {
        let other = |bundle: &SignedBundle| self.held.is_none_or(|(_, digest)| digest != bundle.digest);
        self.wanted.as_ref().is_some_and(|w| other(&w.bundle)) || self.sent.as_ref().is_some_and(|s| other(&s.bundle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bundle(revision: Revision, content: u8) -> Arc<SignedBundle> {
        let payload = Bytes::from(vec![content; 4]);
        Arc::new(SignedBundle { revision, digest: [content; 32], payload, signature: [0; 64] })
    }

    fn at(seconds: u64) -> Instant {
        thread_local!(static START: Instant = Instant::now());
        START.with(|start| *start) + Duration::from_secs(seconds)
    }

    #[test]
    fn the_newest_is_sent_and_the_ones_between_are_not() {
        let mut delivery = Delivery::default();
        assert!(delivery.take(at(0), None).is_none());
        delivery.want(&bundle(1, 1), at(0));
        let first = delivery.take(at(0), None).expect("due");
        assert_eq!((first.revision, first.payload.len()), (1, 4));
        for revision in 2..=4 {
            delivery.want(&bundle(revision, revision as u8), at(0));
            assert!(delivery.take(at(0), None).is_none(), "one at a time");
        }
        assert_eq!(delivery.ack(first.nonce, 1, at(0)), Answer::Held { revision: 1, digest: [1; 32] });
        assert!(delivery.is_behind());
        let next = delivery.take(at(0), None).expect("due");
        assert_eq!(next.revision, 4);
        assert_eq!(delivery.ack(first.nonce, 4, at(0)), Answer::Unknown, "an old nonce");
        assert_eq!(delivery.ack(next.nonce, 3, at(0)), Answer::Unknown, "another revision");
        assert_eq!(delivery.ack(next.nonce, 4, at(0)), Answer::Held { revision: 4, digest: [4; 32] });
        assert!(!delivery.is_behind() && delivery.due().is_none());
    }

    #[test]
    fn a_revision_that_changes_nothing_is_one_header_after_a_quiet_moment() {
        let mut delivery = Delivery::starting_with(Some((1, [1; 32])));
        delivery.want(&bundle(1, 1), at(0));
        assert_eq!(delivery.due(), None);
        for second in 0..8 {
            delivery.want(&bundle(2 + second, 1), at(second));
            assert!(delivery.take(at(second), None).is_none() && !delivery.is_behind());
        }
        let push = delivery.take(at(8), None).expect("quiet");
        assert_eq!((push.revision, push.payload.len()), (9, 0));
        assert_eq!(delivery.nack(push.nonce, at(8)), Answer::HeaderRefused);
        let push = delivery.take(at(8), None).expect("at once");
        assert_eq!((push.revision, push.payload.len()), (9, 4));
        assert!(matches!(delivery.ack(push.nonce, 9, at(8)), Answer::Held { .. }));
        let mut busy = Delivery::starting_with(Some((1, [1; 32])));
        let sent = (0..40).filter(|step| {
            busy.want(&bundle(2 + step, 1), at(0) + Duration::from_millis(step * 500));
            busy.take(at(0) + Duration::from_millis(step * 500), None).is_some()
        });
        assert_eq!(sent.count(), 1, "at the latest after a while");
    }

    #[test]
    fn a_refused_bundle_waits_and_another_one_does_not() {
        let mut delivery = Delivery::starting_with(Some((1, [1; 32])));
        delivery.want(&bundle(2, 2), at(0));
        let push = delivery.take(at(0), None).expect("due");
        assert_eq!(delivery.nack(push.nonce, at(0)), Answer::Refused);
        assert!(delivery.is_behind());
        delivery.want(&bundle(3, 2), at(1));
        assert_eq!(delivery.due(), Some(at(0) + NACK_RETRY));
        delivery.want(&bundle(4, 3), at(2));
        assert_eq!(delivery.take(at(2), None).expect("due").revision, 4);
    }

    #[test]
    fn an_answer_that_does_not_come_holds_up_for_a_while_only() {
        let mut delivery = Delivery::default();
        delivery.want(&bundle(1, 1), at(0));
        let first = delivery.take(at(0), None).expect("due");
        delivery.want(&bundle(1, 1), at(1));
        assert_eq!(delivery.due(), None, "it is on its way");
        delivery.want(&bundle(2, 2), at(1));
        assert_eq!(delivery.due(), Some(at(0) + ACK_TIMEOUT));
        assert_eq!(delivery.take(at(0) + ACK_TIMEOUT, None).expect("due").revision, 2);
        assert_eq!(delivery.ack(first.nonce, 1, at(30)), Answer::Unknown);
    }

    #[test]
    fn back_to_what_is_held_while_another_is_on_its_way_is_sent_whole() {
        let mut delivery = Delivery::starting_with(Some((1, [1; 32])));
        delivery.want(&bundle(2, 2), at(0));
        let push = delivery.take(at(0), None).expect("due");
        delivery.want(&bundle(3, 1), at(0));
        assert!(matches!(delivery.ack(push.nonce, 2, at(0)), Answer::Held { .. }));
        assert_eq!(delivery.take(at(0), None).expect("due").payload.len(), 4);
    }

    #[test]
    fn a_difference_is_from_what_the_agent_surely_holds() {
        let difference = || Some(Bytes::from_static(b"d"));
        let mut delivery = Delivery::starting_with(Some((1, [1; 32])));
        delivery.want(&bundle(2, 2), at(0));
        assert_eq!(delivery.next(at(0)).map(|(bundle, base)| (bundle.revision, base)), Some((2, Some([1; 32]))));
        let push = delivery.take(at(0), difference()).expect("due");
        assert_eq!((push.from, push.revision, &*push.payload), (1, 2, &b"d"[..]));
        delivery.want(&bundle(3, 3), at(0));
        assert!(delivery.next(at(0)).is_none(), "one at a time");
        let late = at(0) + ACK_TIMEOUT;
        assert_eq!(delivery.next(late).map(|(_, base)| base), Some(None), "it may hold one or the other");
        let push = delivery.take(late, difference()).expect("due");
        assert_eq!((push.from, push.payload.len()), (0, 4), "whole");
        assert!(matches!(delivery.ack(push.nonce, 3, late), Answer::Held { .. }));

        delivery.want(&bundle(4, 4), late);
        let push = delivery.take(late, difference()).expect("due");
        assert_eq!((push.from, delivery.nack(push.nonce, late)), (3, Answer::HeaderRefused));
        assert_eq!(delivery.next(late).map(|(_, base)| base), Some(None));
        let push = delivery.take(late, difference()).expect("at once");
        assert_eq!((push.from, push.payload.len()), (0, 4), "whole after a refusal");
        assert!(Delivery::default().next(at(0)).is_none());
    }
}
