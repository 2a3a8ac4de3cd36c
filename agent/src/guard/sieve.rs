//! Answers that tell of many things: what the caller may not read is left out of them. Each thing is decided on as a
//! request to inspect it would be; nothing of it is reported, since nobody asked for it.

use super::{
    Guard,
    exchange::ExchangeError,
    room::Holding,
    whole::{Unread, read_whole},
};
use crate::{
    inventory::look_up_all,
    limits::{EVENT_LINE_MAX, LIST_MAX},
    wire::{Body, BodyError, Inbox, LAST_CHUNK, ResponseHead, write_chunk},
};
use bytes::Buf;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use wharden_docker::{Listing, Lookup, Reading, View, event_reading, event_subject, sift};
use wharden_model::{Action, Principal, ResourceKind};

/// Lets through what one caller may see of one answer.
#[derive(Clone, Copy)]
pub struct Sieve<'a> {
    pub guard: &'a Guard,
    pub principal: &'a Principal,
    pub action: Action,
    pub listing: Listing,
}

impl Sieve<'_> {
    /// Passes the answer on, with a head of its own framing. `answered` is set once the client has got a part of it.
    pub async fn pass(
        &self,
        head: &ResponseHead,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        holding: &mut Holding,
        answered: &AtomicBool,
    ) -> Result<(), ExchangeError> {
        let mut out = kept_lines(inbox.bytes().get(..head.bytes).unwrap_or_default());
        inbox.consume(head.bytes);
        match self.listing {
            Listing::Items => {
                // Held until the client has it all: it may read as slowly as it likes.
                let list = self.items(head, inbox, from, holding).await?;
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", list.len()).as_bytes());
                answered.store(true, Relaxed);
                to.write_all_buf(&mut out.chain(list.as_slice())).await.map_err(ExchangeError::ClientWrite)
            }
            Listing::Events => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                answered.store(true, Relaxed);
                to.write_all(&out).await.map_err(ExchangeError::ClientWrite)?;
                self.events(Body::new(head.framing), inbox, from, to).await
            }
        }
    }

    /// The whole list, sifted.
    async fn items(
        &self,
        head: &ResponseHead,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        holding: &mut Holding,
    ) -> Result<Vec<u8>, ExchangeError> {
        let read = read_whole(head.framing, LIST_MAX, inbox, from, holding, 0).await;
        let mut list = read.map_err(|unread| match unread {
            Unread::Body(BodyError::TooLarge(most)) => ExchangeError::LargeList(most),
            Unread::Body(error) => ExchangeError::EngineBody(error),
            Unread::Full(full) => ExchangeError::Full(full),
        })?;
        let held = self.guard.bundles.current();
        let mut may = |reading: &Reading| held.shows(self.principal, &self.guard.host_id, reading);
        sift(self.action, &mut list, &|image: &str| self.guard.owners.of(image), &mut may)
            .map_err(|_| ExchangeError::List)?;
        Ok(list)
    }

    /// Passes events on until the engine ends them.
    async fn events(
        &self,
        mut body: Body,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), ExchangeError> {
        let mut held = Vec::new();
        loop {
            let more = body.append(EVENT_LINE_MAX, inbox, from, &mut held).await.map_err(ExchangeError::EngineBody)?;
            let mut out = Vec::new();
            let mut done = 0;
            while let Some(length) = held.get(done..).and_then(|rest| rest.iter().position(|b| *b == b'\n')) {
                let line = held.get(done..=done + length).unwrap_or_default();
                if self.shows(line).await {
                    out.extend_from_slice(line);
                }
                done += length + 1;
            }
            held.drain(..done);
            write_chunk(&out, to).await.map_err(ExchangeError::ClientWrite)?;
            if !more {
                return to.write_all(LAST_CHUNK).await.map_err(ExchangeError::ClientWrite);
            }
        }
    }

    /// Whether an event may be seen. What cannot be understood or looked up may not.
    async fn shows(&self, line: &[u8]) -> bool {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return false };
        let wanted = match event_subject(&event) {
            Ok(None) => return true,
            Ok(Some((kind, id))) => match kind {
                ResourceKind::Volume => Some(Lookup::Volume(id)),
                ResourceKind::Network => Some(Lookup::Network(id)),
                ResourceKind::Image => Some(Lookup::Image(id)),
                ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config | ResourceKind::Node => {
                    Some(Lookup::Swarm(kind, id))
                }
                _ => None,
            },
            Err(_) => return false,
        };
        let view = match wanted {
            None => Ok(View::default()),
            Some(lookup) => look_up_all(&self.guard.engine, &self.guard.owners, vec![lookup]).await,
        };
        let held = self.guard.bundles.current();
        let may = |reading: &Reading| held.shows(self.principal, &self.guard.host_id, reading);
        view.ok()
            .and_then(|view| event_reading(&event, &view, &|image: &str| self.guard.owners.of(image)).ok())
            .is_some_and(|reading| reading.as_ref().is_none_or(may))
    }
}

/// The status line and the headers without those that say how the body is framed.
pub fn kept_lines(head: &[u8]) -> Vec<u8> {
    let framing = |line: &[u8]| {
        let name = line.split(|b| *b == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    };
    let mut out = Vec::with_capacity(head.len());
    for line in head.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        if !line.is_empty() && !framing(line) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_everything_but_its_framing() {
        let head =
            b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\ncontent-length: 4\r\nA: b\r\n\r\n";
        assert_eq!(kept_lines(head), b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nA: b\r\n");
    }
}
