//! Answers that tell which images a request has made: they get their owner before the end of the answer is passed on, so
//! that whatever the client asks next finds it. What has come is not held back.
//!
//! Only what was not there before the engine could make it is the caller's. A body may take hours to come, and nothing is
//! made of it before its end: so the engine gets that once it is known what is there. BuildKit's context comes in a session
//! of its own, which says nothing of its end: there it is what was there at the request, and the maker's name on the image.

use super::{
    Guard,
    exchange::{ExchangeError, passing},
    sieve::taken_lines,
};
use crate::{
    inventory::Before,
    wire::{Body, BodyFraming, Inbox, ResponseHead, write_end, write_part},
};
use std::{borrow::Cow, sync::OnceLock};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use wharden_docker::{MadeImages, MakesImage};
use wharden_model::Principal;

/// Whose the images are that one answer tells of.
pub struct Maker<'a> {
    guard: &'a Guard,
    owner: Cow<'a, str>,
    makes: MakesImage,
    begun: OnceLock<Begun>,
}

/// From here on the engine may make images.
struct Begun {
    before: Before,
    /// Ids of those that an archive holds.
    loaded: Vec<String>,
}

impl Guard {
    /// The maker of what a request makes.
    pub(super) fn maker<'a>(&'a self, makes: MakesImage, who: &'a Principal) -> Maker<'a> {
        Maker { guard: self, owner: who.as_owner(), makes, begun: OnceLock::new() }
    }
}

impl Maker<'_> {
    /// What the engine gets next may make images, of an archive these. When it does not say what is there, nobody gets them.
    pub async fn begins(&self, loaded: Vec<String>) {
        if let Some(before) = self.guard.owners.before(&self.guard.engine).await {
            // Once for each request.
            let _ = self.begun.set(Begun { before, loaded });
        }
    }

    /// Passes the answer on, with a head of its own framing.
    pub async fn pass(
        &self,
        head: &ResponseHead,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), ExchangeError> {
        let mut out = taken_lines(head, inbox);
        let counted = match head.framing {
            BodyFraming::Length(length) => Some(length),
            _ => None,
        };
        let framing = counted.map_or("Transfer-Encoding: chunked".to_owned(), |n| format!("Content-Length: {n}"));
        out.extend_from_slice(format!("{framing}\r\n\r\n").as_bytes());
        to.write_all(&out).await.map_err(ExchangeError::ClientWrite)?;
        let mut images = MadeImages::new(self.makes);
        let mut body = Body::new(head.framing);
        loop {
            let at_hand = body.next(inbox, from).await.map_err(passing)?;
            let part = inbox.bytes().get(..at_hand.data).unwrap_or_default();
            images.take(part);
            if at_hand.is_last {
                self.made(&mut images).await;
            }
            write_part(counted.is_none(), part, to).await.map_err(ExchangeError::ClientWrite)?;
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                return write_end(counted.is_none(), to).await.map_err(ExchangeError::ClientWrite);
            }
        }
    }

    async fn made(&self, images: &mut MadeImages) {
        let Some(Begun { before, loaded }) = self.begun.get() else { return };
        let Guard { owners, engine, clock, .. } = self.guard;
        owners.made(engine, images.end(loaded), &self.owner, *before, self.makes.labels(), clock.now()).await;
    }
}
