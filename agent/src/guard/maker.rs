//! Answers that tell which images a request has made: they get their owner before the end of the answer is passed on, so
//! that whatever the client asks next finds it. What has come is not held back.

use super::{
    Guard,
    case::owner,
    exchange::{ExchangeError, passing},
    sieve::kept_lines,
};
use crate::{
    inventory::Before,
    wire::{Body, BodyFraming, Inbox, LAST_CHUNK, ResponseHead, write_chunk},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use wharden_docker::{Made, MadeImages, MakesImage};
use wharden_model::Principal;

/// Whose the images are that one answer tells of.
#[derive(Clone, Copy)]
pub struct Maker<'a> {
    guard: &'a Guard,
    owner: &'a str,
    makes: MakesImage,
    before: Before,
}

impl Guard {
    /// The maker of what a request makes. `None` when nobody may get it.
    pub(super) async fn maker<'a>(&'a self, makes: MakesImage, who: &'a Principal) -> Option<Maker<'a>> {
        let before = self.owners.before(&self.engine).await?;
        Some(Maker { guard: self, owner: owner(who), makes, before })
    }
}

impl Maker<'_> {
    /// Passes the answer on, with a head of its own framing.
    pub async fn pass(
        &self,
        head: &ResponseHead,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), ExchangeError> {
        let mut out = kept_lines(inbox.bytes().get(..head.bytes).unwrap_or_default());
        inbox.consume(head.bytes);
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
                self.made(images.end()).await;
            }
            let written = if counted.is_some() { to.write_all(part).await } else { write_chunk(part, to).await };
            written.map_err(ExchangeError::ClientWrite)?;
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                let end = if counted.is_some() { &[] } else { LAST_CHUNK };
                return to.write_all(end).await.map_err(ExchangeError::ClientWrite);
            }
        }
    }

    async fn made(&self, made: Vec<Made>) {
        let Guard { owners, engine, .. } = self.guard;
        owners.made(engine, made, self.owner, self.before, self.makes.labels()).await;
    }
}
