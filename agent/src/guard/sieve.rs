//! Answers that tell of many things: what the caller may not read is left out of them. Each thing is decided on as a
//! request to inspect it would be; nothing of it is reported, since nobody asked for it.

use super::{
    Guard,
    admit::Caller,
    exchange::ExchangeError,
    room::Holding,
    turns::{Turn, unless_wanted},
};
use crate::{
    bundle::Held,
    inventory::{EngineError, Lookups, look_up_all},
    limits::{EVENT_LINE_MAX, EVENT_STALL, EVENT_WEIGHT_MAX, HELD_FREE},
    wire::{Body, Inbox, LAST_CHUNK, Lines, ResponseHead, write_chunk},
};
use serde_json::Value;
use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use wharden_docker::{
    Listing, Lookup, Reading, SIFTED_AT_ONCE, Sifter, UnknownForm, View, attached, event_attached, event_container,
    event_reading, event_subject, listed_reading, service_of_task, weight,
};
use wharden_model::{Action, Posture, Principal, ResourceKind};

/// Lets through what one caller may see of one answer.
#[derive(Clone, Copy)]
pub struct Sieve<'a> {
    pub guard: &'a Guard,
    pub principal: &'a Principal,
    pub action: Action,
    pub listing: Listing,
    /// Things that are passed on at most.
    pub limit: Option<usize>,
    /// The user's turn to have a list made.
    pub turn: Option<&'a Turn>,
    /// The network that is described.
    pub network: Option<&'a str>,
    pub caller: &'a Caller,
}

/// What decides at one moment about what is seen.
struct Eyes {
    held: Arc<Held>,
    /// Break-glass of the caller's: everything is shown.
    open: bool,
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
        let lines = taken_lines(head, inbox);
        let (body, to) = (Body::new(head.framing), Outgoing { lines, to, answered });
        match self.listing {
            Listing::Items => self.items(body, inbox, from, to, holding).await,
            Listing::Events => self.events(body, inbox, from, to, holding).await,
        }
    }

    /// Passes lists on thing by thing. A small one goes as a whole, and so not at all when it cannot be understood.
    async fn items(
        &self,
        mut body: Body,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        mut to: Outgoing<'_, impl AsyncWrite + Unpin>,
        holding: &mut Holding,
    ) -> Result<(), ExchangeError> {
        let unknown = |_: UnknownForm| ExchangeError::List;
        let (mut sifter, mut out) = (Sifter::new(self.action).map_err(unknown)?, Vec::new());
        let mut left = self.limit.unwrap_or(usize::MAX);
        let beside = Box::pin(self.shown_beside()).await.map_err(ExchangeError::Beside)?;
        loop {
            let at_hand = body.next(inbox, from).await.map_err(ExchangeError::EngineBody)?;
            let mut read = 0;
            while read < at_hand.data {
                let rest = inbox.bytes().get(read..at_hand.data).unwrap_or_default();
                read += self.sift(&mut sifter, rest, beside.as_ref(), &mut left, &mut out).map_err(unknown)?;
                let held = sifter.footprint() + out.capacity();
                // The client may read as slowly as it likes.
                holding.hold(held).await.map_err(ExchangeError::Full)?;
                if to.has_begun() || held >= SIFTED_AT_ONCE {
                    self.in_time(to.give(&std::mem::take(&mut out))).await?;
                }
            }
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                sifter.end().map_err(unknown)?;
                return self.in_time(to.end(&out)).await;
            }
        }
    }

    /// Gives a reader up that does not take its part of a list while others wait for the turn.
    async fn in_time(&self, giving: impl Future<Output = Result<(), ExchangeError>>) -> Result<(), ExchangeError> {
        let given = unless_wanted(self.turn, giving).await;
        given.unwrap_or_else(|| Err(given_up()))
    }

    /// What decides about the things told of, where they are not decided on by themselves, as far as the caller may see it: the
    /// containers on a network, the services of tasks, by their ids.
    async fn shown_beside(&self) -> Result<Option<HashSet<String>>, EngineError> {
        let (kind, action, path) = match (self.network, self.action) {
            (Some(id), _) => {
                let path = format!("/containers/json?all=1&filters=%7B%22network%22%3A%5B%22{id}%22%5D%7D");
                (ResourceKind::Container, Action::ContainerList, path)
            }
            (None, Action::TaskList) => (ResourceKind::Service, Action::ServiceList, "/services".to_owned()),
            _ => return Ok(None),
        };
        let (eyes, mut shown) = (self.eyes(), HashSet::new());
        let look = |thing: &[u8]| {
            shown.extend(self.listed(&eyes, kind, thing)?.map(|reading| reading.resource.id));
            Ok(())
        };
        self.guard.engine.list_raw(&path, action, look).await?;
        Ok(Some(shown))
    }

    /// A thing in a list, where the caller may see it.
    fn listed(&self, eyes: &Eyes, kind: ResourceKind, thing: &[u8]) -> Result<Option<Reading>, UnknownForm> {
        let reading = listed_reading(kind, thing, &|image: &str| self.guard.owners.of(image))?;
        Ok(Some(reading).filter(|reading| self.may(eyes, reading)))
    }

    /// As things are now: a stream of events outlives a bundle, and a break-glass.
    fn eyes(&self) -> Eyes {
        let open = self.caller.uid().is_some_and(|uid| self.guard.grant_of(uid).is_some());
        Eyes { held: self.guard.bundles.current(), open }
    }

    fn may(&self, eyes: &Eyes, reading: &Reading) -> bool {
        eyes.open || eyes.held.shows(self.principal, &self.guard.host_id, reading)
    }

    fn sift(
        &self,
        sifter: &mut Sifter,
        bytes: &[u8],
        beside: Option<&HashSet<String>>,
        left: &mut usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, UnknownForm> {
        let eyes = self.eyes();
        let mut passes = |kind, thing: &[u8]| -> Result<bool, UnknownForm> {
            if *left == 0 {
                return Ok(false);
            }
            if let Some(shown) = beside {
                let is_task = self.action == Action::TaskList;
                let of = if is_task { service_of_task(thing)? } else { attached(thing)? };
                return Ok(shown.contains(&of));
            }
            let shown = self.listed(&eyes, kind, thing)?.is_some();
            *left -= usize::from(shown);
            Ok(shown)
        };
        sifter.take(bytes, &mut passes, out)
    }

    /// Passes events on until the engine ends them.
    async fn events(
        &self,
        mut body: Body,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        mut to: Outgoing<'_, impl AsyncWrite + Unpin>,
        holding: &mut Holding,
    ) -> Result<(), ExchangeError> {
        // Before the first of them.
        taken(to.give(&[])).await?;
        let mut lines = Lines::new(EVENT_LINE_MAX);
        loop {
            let at_hand = body.next(inbox, from).await.map_err(ExchangeError::EngineBody)?;
            let (mut part, mut out) = (inbox.bytes().get(..at_hand.data).unwrap_or_default(), Vec::new());
            while !part.is_empty() {
                let line = lines.next(&mut part).flatten().map(|line| (weight(&line), line));
                let line = line.filter(|(weight, _)| *weight <= EVENT_WEIGHT_MAX);
                // Read once as it is, and once as a thing to be decided on.
                let read = line.as_ref().map_or(0, |(weight, line)| line.capacity() + 2 * weight);
                let held = lines.footprint() + read + out.capacity();
                holding.hold(held.saturating_sub(2 * HELD_FREE)).await.map_err(ExchangeError::Full)?;
                if let Some((_, line)) = line
                    && Box::pin(self.shows(&line)).await
                {
                    out.extend_from_slice(&line);
                }
            }
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                return taken(to.end(&out)).await;
            }
            taken(to.give(&std::mem::take(&mut out))).await?;
            holding.hold(lines.footprint().saturating_sub(2 * HELD_FREE)).await.map_err(ExchangeError::Full)?;
        }
    }

    /// Whether an event may be seen. To those from whom something may be hidden, what cannot be understood or looked up may not, and
    /// neither may what is too long.
    async fn shows(&self, line: &[u8]) -> bool {
        let eyes = self.eyes();
        if eyes.open || eyes.held.posture == Posture::Observe {
            return true;
        }
        let Ok(event) = serde_json::from_slice::<Value>(line) else { return false };
        let (kind, id) = match event_subject(&event) {
            Ok(None) => return true,
            Ok(Some(subject)) => subject,
            Err(_) => return false,
        };
        let wanted = match kind {
            ResourceKind::Volume => Some(Lookup::Volume(id.clone())),
            ResourceKind::Network => Some(Lookup::Network(id.clone())),
            ResourceKind::Image => Some(Lookup::Image(id.clone())),
            ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config | ResourceKind::Node => {
                Some(Lookup::Object(kind, id.clone()))
            }
            _ => None,
        };
        let Guard { engine, owners, .. } = self.guard;
        let allowance = engine.allowance();
        let wanted: Vec<_> = wanted.into_iter().chain(event_attached(&event).map(Lookup::Container)).collect();
        let look = async {
            if wanted.is_empty() {
                return Ok(View::default());
            }
            // As for a request: who follows many events does not slow the others down.
            let _turn = self.guard.deciding.take(self.caller.holder()).await;
            look_up_all(Lookups { engine, owners, allowance: &allowance, owner: "" }, wanted).await
        };
        // The engine waits for those who wait here.
        let Ok(Ok(mut view)) = timeout(EVENT_STALL, look).await else { return false };
        self.guard.labels.fill(&mut view, kind, &id);
        // By now there may be others.
        let eyes = self.eyes();
        let may = |reading: &Reading| self.may(&eyes, reading);
        let reading = event_reading(&event, &view, &|image: &str| self.guard.owners.of(image));
        let attached = event_container(&event, &view);
        reading.is_ok_and(|reading| reading.iter().chain(&attached).all(may))
    }
}

/// Gives a reader of events up that takes none of them: the engine would have everybody who makes one wait for it.
async fn taken(giving: impl Future<Output = Result<(), ExchangeError>>) -> Result<(), ExchangeError> {
    let given = timeout(EVENT_STALL, giving).await;
    given.unwrap_or_else(|_| Err(given_up()))
}

/// A reader that took nothing in time.
fn given_up() -> ExchangeError {
    ExchangeError::ClientWrite(io::ErrorKind::TimedOut.into())
}

/// An answer on its way to the client: in chunks, unless it is at its end before it has begun.
struct Outgoing<'a, W> {
    /// What is kept of the head, until it is on its way.
    lines: Vec<u8>,
    to: &'a mut W,
    answered: &'a AtomicBool,
}

impl<W: AsyncWrite + Unpin> Outgoing<'_, W> {
    fn has_begun(&self) -> bool {
        self.answered.load(Relaxed)
    }

    async fn give(&mut self, part: &[u8]) -> Result<(), ExchangeError> {
        if !self.has_begun() {
            self.begin("Transfer-Encoding: chunked").await?;
        }
        write_chunk(part, self.to).await.map_err(ExchangeError::ClientWrite)
    }

    async fn end(mut self, last: &[u8]) -> Result<(), ExchangeError> {
        if self.has_begun() {
            self.give(last).await?;
            return self.to.write_all(LAST_CHUNK).await.map_err(ExchangeError::ClientWrite);
        }
        self.begin(&format!("Content-Length: {}", last.len())).await?;
        self.to.write_all(last).await.map_err(ExchangeError::ClientWrite)
    }

    async fn begin(&mut self, framing: &str) -> Result<(), ExchangeError> {
        let mut head = std::mem::take(&mut self.lines);
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        self.answered.store(true, Relaxed);
        self.to.write_all(&head).await.map_err(ExchangeError::ClientWrite)
    }
}

/// Takes an answer's head, for a body that gets a framing of its own: see [`kept_lines`].
pub fn taken_lines(head: &ResponseHead, inbox: &mut Inbox) -> Vec<u8> {
    let lines = kept_lines(inbox.bytes().get(..head.bytes).unwrap_or_default());
    inbox.consume(head.bytes);
    lines
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

    #[tokio::test(start_paused = true)]
    async fn who_takes_no_events_is_given_up() {
        assert!(matches!(taken(std::future::pending()).await, Err(ExchangeError::ClientWrite(_))));
        assert!(taken(async { Ok(()) }).await.is_ok());
    }

    #[test]
    fn a_head_keeps_everything_but_its_framing() {
        let head =
            b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\ncontent-length: 4\r\nA: b\r\n\r\n";
        assert_eq!(kept_lines(head), b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nA: b\r\n");
    }
}
