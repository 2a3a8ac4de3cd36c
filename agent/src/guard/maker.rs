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
    wire::{Body, BodyFraming, Inbox, ResponseHead},
};
use bytes::Buf;
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
    pub(super) async fn maker<'a>(
        &'a self,
        makes: Option<MakesImage>,
        who: Option<&'a Principal>,
    ) -> Option<Maker<'a>> {
        let (makes, owner) = (makes?, owner(who?));
        let before = self.owners.before(&self.engine).await?;
        Some(Maker { guard: self, owner, makes, before })
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
        let (mut body, mut part) = (Body::new(head.framing), Vec::new());
        loop {
            // As much as the inbox holds, which is bounded.
            let more = body.append(usize::MAX, inbox, from, &mut part).await.map_err(passing)?;
            images.take(&part);
            if !more {
                self.made(images.end()).await;
            }
            let size =
                if part.is_empty() || counted.is_some() { String::new() } else { format!("{:x}\r\n", part.len()) };
            let end = match (counted, part.is_empty(), more) {
                (Some(_), ..) | (None, true, true) => "",
                (None, true, false) => "0\r\n\r\n",
                (None, false, true) => "\r\n",
                (None, false, false) => "\r\n0\r\n\r\n",
            };
            let mut framed = size.as_bytes().chain(part.as_slice()).chain(end.as_bytes());
            to.write_all_buf(&mut framed).await.map_err(ExchangeError::ClientWrite)?;
            if !more {
                return Ok(());
            }
            part.clear();
        }
    }

    async fn made(&self, made: Vec<Made>) {
        let Guard { owners, engine, .. } = self.guard;
        owners.made(engine, made, self.owner, self.before, self.makes.labels()).await;
    }
}
