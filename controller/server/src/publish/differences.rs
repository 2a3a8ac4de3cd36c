//! Bundles as the differences from earlier ones: each made once, shared by all sessions that send it.

use super::{
    limits::{DIFFERENCES_MAX, PAST_BYTES_MAX, PAST_MAX},
    plan::Content,
};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;
use wharden_proto::difference;

type Digest = [u8; 32];
/// `None` when the whole bundle is no longer than the difference would be, or the old one is not known any more.
type Made = Arc<OnceCell<Option<Bytes>>>;

/// The contents of late, and what was made of them.
#[derive(Debug, Default)]
pub(super) struct Differences(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first.
    past: VecDeque<Arc<Content>>,
    past_bytes: usize,
    made: HashMap<(Digest, Digest), Made>,
    /// Keys of `made`, oldest first.
    order: VecDeque<(Digest, Digest)>,
}

impl Differences {
    /// A content that hosts may hold from now on.
    pub fn remember(&self, content: &Arc<Content>) {
        let mut kept = self.kept();
        if kept.past.iter().any(|known| known.digest == content.digest) {
            return;
        }
        kept.past_bytes += content.payload.len();
        kept.past.push_back(Arc::clone(content));
        // The newest always stays.
        while kept.past.len() > 1 && (kept.past.len() > PAST_MAX || kept.past_bytes > PAST_BYTES_MAX) {
            kept.past_bytes -= kept.past.pop_front().map_or(0, |oldest| oldest.payload.len());
        }
    }

    /// The difference between a content that was remembered and these bytes. The first that asks makes it; others that
    /// ask meanwhile wait for the same.
    pub async fn between(&self, from: Digest, to: Digest, payload: &Bytes) -> Option<Bytes> {
        let made = self.kept().cell((from, to));
        if let Some(made) = made.get() {
            return made.clone();
        }
        let old = self.kept().past.iter().find(|content| content.digest == from).cloned();
        let new = payload.clone();
        let make = || async move {
            let old = old?;
            let made = tokio::task::spawn_blocking(move || {
                let made = Bytes::from(difference::between(&old.payload, &new));
                (made.len() < new.len() / 2).then_some(made)
            });
            made.await.ok().flatten()
        };
        made.get_or_init(make).await.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn cell(&mut self, key: (Digest, Digest)) -> Made {
        if let Some(made) = self.made.get(&key) {
            return Arc::clone(made);
        }
        if self.order.len() >= DIFFERENCES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.made.remove(&oldest);
        }
        self.order.push_back(key);
        Arc::clone(self.made.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    fn content(n: usize) -> Arc<Content> {
        let rule = |rule: usize| format!("permit (principal, action, resource) when {{ rule == {} }};", rule * (n + 1));
        let payload = (0..100).map(rule).collect::<String>() + "the end that all have in common;";
        Arc::new(Content { digest: Sha256::digest(&payload).into(), payload: payload.into() })
    }

    #[tokio::test]
    async fn a_difference_is_made_once_and_only_from_what_is_remembered() {
        let all = Differences::default();
        let (old, mut new) = (content(0), content(0).payload.to_vec());
        new.extend_from_slice(b"one rule more, which is long enough to be one;");
        let (new, to) = (Bytes::from(new), [7; 32]);
        assert_eq!(all.between([1; 32], to, &new).await, None, "nobody knows the old one");
        all.remember(&old);
        let (one, two) = tokio::join!(all.between(old.digest, to, &new), all.between(old.digest, to, &new));
        let (one, two) = (one.expect("made"), two.expect("made"));
        assert_eq!(one.as_ptr(), two.as_ptr(), "shared");
        assert_eq!(difference::apply(&old.payload, &one).as_deref(), Ok(&*new));
        let other = content(5);
        all.remember(&other);
        assert_eq!(all.between(other.digest, to, &new).await, None, "too little in common");
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let all = Differences::default();
        for n in 0..PAST_MAX + 3 {
            all.remember(&content(n));
            all.remember(&content(n));
        }
        let kept = || all.kept().past.len();
        assert_eq!(kept(), PAST_MAX);
        let new = content(0).payload.clone();
        assert_eq!(all.between(content(0).digest, [9; 32], &new).await, None);
        for n in 0..DIFFERENCES_MAX + 5 {
            let mut to = [0; 32];
            to[..8].copy_from_slice(&n.to_be_bytes());
            all.between(content(PAST_MAX).digest, to, &new).await;
        }
        let counts = {
            let kept = all.kept();
            (kept.made.len(), kept.order.len())
        };
        assert_eq!(counts, (DIFFERENCES_MAX, DIFFERENCES_MAX));
        let huge = Content { digest: [3; 32], payload: vec![0; PAST_BYTES_MAX + 1].into() };
        all.remember(&Arc::new(huge));
        assert_eq!(kept(), 1);
    }
}
