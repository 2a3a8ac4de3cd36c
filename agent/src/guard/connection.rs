use super::{
    Guard,
    admit::{Admitted, Caller, Verdict},
    answer::{self, Answer},
    case::Refused,
    exchange::{self, End, ExchangeError, Failed, Plan},
    execs::ExecMaker,
    link::Link,
    remote,
    room::{Full, Holding},
    sieve::{Sieve, kept_lines},
    stream::Stream,
    tunnel,
    underway::Underway,
};
use crate::{
    caller::Peer,
    inventory::Reply,
    limits::{HEAD_MAX, HELD_FREE},
};
use bytes::Buf;
use std::{
    io,
    sync::{Arc, Mutex, atomic::AtomicBool},
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use wharden_docker::{ForwardBody, Head, Refusal, ResponseKind, parse_head};
use wharden_model::Action;

/// Serves one connection until either side ends it, or somebody elsewhere is no longer welcome: then it is cut off where it
/// stands, streams and tunnels too (see [`Underway`]). Errors of the streams end it silently: nobody is left to tell.
pub async fn serve(guard: Arc<Guard>, stream: Stream, peer: Peer, stop: CancellationToken) {
    let from = if let Peer::Remote(remote) = &peer { Some(remote.clone()) } else { None };
    // Apart: to wait for it takes as much again otherwise, and there may be thousands.
    let served = Box::pin(turns(&guard, stream, peer, &stop));
    let Some(from) = from else { return served.await };
    tokio::select! {
        biased;
        why = remote::until_unwelcome(&guard, &from) => {
            tracing::info!(user = %from.user, %why, "a connection was cut off");
        }
        () = served => {}
    }
}

async fn turns(guard: &Guard, stream: Stream, peer: Peer, stop: &CancellationToken) {
    let mut connection = Connection {
        holding: guard.room.holding(peer.holder()),
        client: Link::new(stream),
        engine: None,
        caller: Caller::new(peer),
        closes: false,
        guard,
    };
    loop {
        match connection.turn(stop).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%error, "a client's connection ended early");
                return;
            }
        }
    }
}

struct Connection<'g> {
    client: Link,
    /// The engine's end, kept for the next request.
    engine: Option<Link>,
    caller: Caller,
    /// Memory for the head and the body of the present request.
    holding: Holding,
    /// The client wants the connection closed after the present answer.
    closes: bool,
    guard: &'g Guard,
}

enum Next {
    Request(Head),
    Refuse(Refusal),
    End,
}

impl Connection<'_> {
    /// Serves one request; true when another may follow.
    async fn turn(&mut self, stop: &CancellationToken) -> io::Result<bool> {
        // What waits for an answer to stream needs none of this.
        let head = match stop.run_until_cancelled(Box::pin(self.next_head())).await {
            Some(Next::Request(head)) => head,
            Some(Next::Refuse(refusal)) => {
                let refused = Refused { status: refusal.status, message: refusal.message, body_read: false };
                return self.refuse(refused, false).await;
            }
            Some(Next::End) | None => return Ok(false),
        };
        let head_request = head.method == "HEAD";
        self.closes = wants_close(&head);
        let api = match self.guard.engine.api().await {
            Ok(api) => api,
            Err(error) => {
                let refused = self.guard.engine_failed(&error, false);
                return self.refuse(refused, head_request).await;
            }
        };
        // Apart, so that what a decision needs is given back before an answer begins to stream.
        let admitted =
            Box::pin(self.guard.admit(&mut self.client, &mut self.caller, &mut self.holding, &head, api)).await;
        drop(head);
        match admitted {
            Ok(Verdict::Forward(admitted)) => Box::pin(self.forward(*admitted, head_request)).await,
            Ok(Verdict::Answer(reply)) => Box::pin(self.answer(&reply)).await,
            Ok(Verdict::Refuse(refused)) => self.refuse(refused, head_request).await,
            Err(super::admit::Lost) => Ok(false),
        }
    }

    async fn next_head(&mut self) -> Next {
        self.guard.valve.pass(|| self.caller.holder()).await;
        let limits = &self.guard.limits;
        let mut deadline = Instant::now()
            + if self.client.inbox.is_empty() {
                self.client.inbox.shrink();
                limits.idle_timeout()
            } else {
                limits.head_timeout()
            };
        // Up to here nothing can end the head: a client that sends byte by byte must not make us parse as often.
        let mut seen = 0;
        loop {
            let bytes = self.client.inbox.bytes();
            if seen == 0 && !bytes.is_empty() || ends_within(bytes, seen) || bytes.len() > HEAD_MAX {
                match parse_head(bytes) {
                    Ok(Some((head, length))) => {
                        self.client.inbox.consume(length);
                        return Next::Request(head);
                    }
                    Ok(None) if bytes.len() > HEAD_MAX => {
                        return Next::Refuse(Refusal::with(431, format!("the head is longer than {HEAD_MAX} bytes")));
                    }
                    Ok(None) => {}
                    Err(refusal) => return Next::Refuse(refusal),
                }
            }
            seen = bytes.len();
            let footprint = self.client.inbox.next_footprint();
            if let Err(full) = self.holding.hold(footprint.saturating_sub(HELD_FREE)).await {
                return Next::Refuse(self.guard.no_room(full));
            }
            match timeout_at(deadline, self.client.inbox.fill(&mut self.client.stream)).await {
                Err(_) if seen == 0 => return Next::End,
                Err(_) => {
                    let waited = limits.head_timeout_s;
                    return Next::Refuse(Refusal::with(408, format!("the head did not arrive within {waited} s")));
                }
                Ok(Ok(0)) if seen == 0 => return Next::End,
                Ok(Ok(0)) => return Next::Refuse(Refusal::bad("the request ends in the middle of its head")),
                Ok(Ok(_)) if seen == 0 => deadline = Instant::now() + limits.head_timeout(),
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Next::End,
            }
        }
    }

    async fn refuse(&mut self, refused: Refused, head_request: bool) -> io::Result<bool> {
        let close = !refused.body_read || self.closes;
        if close {
            self.client.inbox.consume(usize::MAX);
            self.client.inbox.shrink();
        }
        self.holding.release();
        let api = if refused.status == 503 { None } else { self.guard.engine.api().await.ok() };
        let answer = Answer { status: refused.status, message: refused.message, head_request, close, api };
        answer.send(&mut self.client).await?;
        Ok(!close)
    }

    /// Passes on what the engine has answered already.
    async fn answer(&mut self, reply: &Reply) -> io::Result<bool> {
        let mut head = kept_lines(&reply.head);
        head.extend_from_slice(format!("Content-Length: {}\r\n\r\n", reply.body.len()).as_bytes());
        self.client.stream.write_all_buf(&mut head.chain(reply.body.as_slice())).await?;
        Ok(!self.closes && !reply.close)
    }

    async fn refuse_full(&mut self, full: Full, body_read: bool, head_request: bool) -> io::Result<bool> {
        let Refusal { status, message, .. } = self.guard.no_room(full);
        self.refuse(Refused { status, message, body_read }, head_request).await
    }

    async fn forward(&mut self, admitted: Admitted<'_>, head_request: bool) -> io::Result<bool> {
        let Admitted {
            mut judged,
            mut carried,
            archive,
            list,
            creation,
            still,
            events: _until_over,
            claims: _until_done,
            continue_first,
            closes,
        } = admitted;
        let creation = Mutex::new(creation);
        let mut underway = Underway { engine: None, answered: AtomicBool::new(false), list, creation, still };
        judged.head = self.guard.engine.marked(judged.head);
        let first_of = |action| judged.resources.first().filter(|_| judged.action == action).map(|it| it.id.clone());
        let (network, begins) = (first_of(Action::NetworkInspect), first_of(Action::ExecStart));
        // What was decided on is not needed while the answer streams, and there may be thousands of these.
        (judged.resources, judged.facts) = Default::default();
        let streams = matches!(judged.body, ForwardBody::Stream(_) | ForwardBody::Archive(_));
        let makes_exec = judged.action == Action::ContainerExec;
        let wanted = judged.listing.is_some() || judged.makes.is_some() || makes_exec;
        let principal = self.caller.known().filter(|_| wanted).cloned();
        let maker = judged.makes.zip(principal.as_ref()).map(|(makes, who)| self.guard.maker(makes, who));
        let exec = principal.as_ref().filter(|_| makes_exec);
        let exec = exec.map(|who| ExecMaker { guard: self.guard, owner: who.as_owner() });
        let sieve = judged.listing.zip(principal.as_ref()).map(|(listing, principal)| Sieve {
            guard: self.guard,
            principal,
            action: judged.action,
            listing,
            limit: judged.limit,
            turn: underway.list.as_ref(),
            network: network.as_deref(),
            caller: &self.caller,
        });
        let plan = Plan {
            head: &judged.head,
            body: &judged.body,
            head_request,
            hijack: judged.response == ResponseKind::Hijack,
            sieve,
            turn: underway.list.as_ref(),
            answered: &underway.answered,
            creation: &underway.creation,
            finds_later: judged.action == Action::ImagePush,
            maker,
            exec,
            begins: begins.as_deref().map(|id| (&self.guard.execs, id)),
        };
        // Only what changes nothing and has no body can be sent twice.
        let mut again = !streams && matches!(judged.body, ForwardBody::Empty) && reads_only(&judged.head);
        if continue_first && streams {
            self.client.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        loop {
            let (engine, used) = match self.engine.take().filter(Link::is_quiet) {
                Some(engine) => (engine, true),
                None => match self.guard.engine.connect().await {
                    Ok(stream) => {
                        let engine = Link::from(stream);
                        engine.stream.narrow(self.guard.connections.of_user_and_all(self.caller.holder()));
                        (engine, false)
                    }
                    Err(error) => {
                        let refused = self.guard.engine_failed(&error, !streams);
                        return self.refuse(refused, head_request).await;
                    }
                },
            };
            let engine = underway.engine.insert(engine);
            let exchanged = exchange::run(&mut self.client, engine, &plan, &mut self.holding, carried.as_mut()).await;
            let place = carried.take().and_then(|carried| {
                carried.conclude(&match &exchanged {
                    Ok(_) => "the Docker Engine answered before its end".to_owned(),
                    Err(failed) => failed.error.to_string(),
                })
            });
            if let Err(Failed { error: ExchangeError::ClientGone | ExchangeError::ClientWrite(_), .. }) = &exchanged {
                // The engine goes on with a build that it has got, and has its place until then.
                let builds = streams && archive.is_some();
                match underway.engine.take_if(|_| place.is_some() || builds) {
                    Some(engine) => exchange::see_out(engine).await,
                    None => underway.see_begin().await,
                }
                return Ok(false);
            }
            // What follows waits for the client, and not for the engine.
            drop(place);
            let failed = match exchanged {
                Ok(End::Answered { client_open, engine_open }) => {
                    self.engine = underway.engine.take().filter(|_| engine_open);
                    if let Some(engine) = &mut self.engine {
                        engine.inbox.shrink();
                    }
                    let stray = plan.hijack && !self.client.inbox.is_empty();
                    if !client_open && streams {
                        // The engine has answered before it had the whole body.
                        answer::linger(&mut self.client).await?;
                    }
                    // Input meant for a tunnel that did not open must not be taken for requests.
                    return Ok(client_open && !closes && !stray);
                }
                Ok(End::Switched) => {
                    self.guard.stats.tunnels.inc();
                    tunnel::run(&mut self.client, engine).await?;
                    return Ok(false);
                }
                Err(failed) => failed,
            };
            // What the engine has got of a body has no end, and so comes to nothing.
            underway.engine = None;
            match failed.error {
                ExchangeError::EngineClosed if used && again && !failed.answered => {
                    again = false;
                    self.guard.engine.forget();
                }
                error if failed.answered => {
                    // Half an answer is out: only closing tells the client that it is no whole one.
                    tracing::warn!(%error, "an answer was cut off");
                    let stats = &self.guard.stats;
                    if matches!(error, ExchangeError::Full(_)) { &stats.no_room } else { &stats.engine_errors }.inc();
                    return Ok(false);
                }
                ExchangeError::Refused(refused) => return self.refuse(refused, head_request).await,
                ExchangeError::Full(full) => return self.refuse_full(full, !streams, head_request).await,
                ExchangeError::ClientBody(error) => {
                    let message = format!("the request's body: {error}");
                    return self.refuse(Refused { status: 400, message, body_read: false }, head_request).await;
                }
                error => {
                    tracing::warn!(%error, "a request could not be served");
                    self.guard.stats.engine_errors.inc();
                    self.guard.engine.forget();
                    let message = format!("Wharden: {error}. What to do: see the engine's log.");
                    return self.refuse(Refused { status: 502, message, body_read: false }, head_request).await;
                }
            }
        }
    }
}

fn wants_close(head: &Head) -> bool {
    head.headers
        .iter()
        .filter(|(name, _)| name == "connection")
        .flat_map(|(_, value)| value.split(|b| *b == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

fn reads_only(head: &[u8]) -> bool {
    head.starts_with(b"GET ") || head.starts_with(b"HEAD ")
}

/// True when an empty line may end at or after `seen`.
fn ends_within(bytes: &[u8], seen: usize) -> bool {
    let tail = bytes.get(seen.saturating_sub(3)..).unwrap_or_default();
    tail.windows(2).any(|pair| pair == b"\n\n") || tail.windows(3).any(|three| three == b"\n\r\n")
}
