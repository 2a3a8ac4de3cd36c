use super::{
    case::Refused,
    execs::{ExecMaker, Execs},
    files::Carried,
    link::Link,
    load::Stopped,
    maker::Maker,
    room::{Full, Holding},
    sieve::Sieve,
    stream::Source,
    turns::{Turn, unless_wanted},
    underway::lock,
};
use crate::{
    inventory::EngineError,
    limits::{HANGUP_CHECK, HEAD_MAX, INTERIM_MAX},
    wire::{self, BodyError, BodyFraming, Inbox, ResponseError, ResponseHead},
};
use bytes::Buf;
use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::sleep,
};
use wharden_docker::{ForwardBody, Framing};

/// What is sent to the engine.
pub struct Plan<'a> {
    pub head: &'a [u8],
    pub body: &'a ForwardBody,
    /// The request is `HEAD`.
    pub head_request: bool,
    /// The engine may take the connection over.
    pub hijack: bool,
    /// Leaves out of the answer what the client must not see.
    pub sieve: Option<Sieve<'a>>,
    /// Given up when somebody else wants it and the client does not take the answer.
    pub turn: Option<&'a Turn>,
    /// Set when the client gets a part of the answer.
    pub answered: &'a AtomicBool,
    /// Given back when the engine answers: what was asked for is made, or found by its name.
    pub creation: &'a Mutex<Vec<Turn<String>>>,
    /// It is found by its name later, and perhaps again: when the registry has answered, which may be anybody's.
    pub finds_later: bool,
    /// Takes note of what the answer says was made.
    pub maker: Option<Maker<'a>>,
    /// Whose the exec is that is made.
    pub exec: Option<ExecMaker<'a>>,
    /// The exec that begins, where all are kept.
    pub begins: Option<(&'a Execs, &'a str)>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The answer has been passed on.
    Answered {
        /// The client may send another request.
        client_open: bool,
        /// The engine's connection may be used again.
        engine_open: bool,
    },
    /// The engine has switched: the connection is a tunnel from here on.
    Switched,
}

/// Why an exchange did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("the client went away")]
    ClientGone,
    #[error("the request's body: {0}")]
    ClientBody(#[source] BodyError),
    #[error("refused while its body was being passed on")]
    Refused(Refused),
    #[error("writing to the client failed: {0}")]
    ClientWrite(#[source] io::Error),
    #[error("the Docker Engine closed the connection without an answer")]
    EngineClosed,
    #[error("reading from the Docker Engine failed: {0}")]
    EngineRead(#[source] io::Error),
    #[error("the Docker Engine's answer cannot be read: {0}")]
    EngineHead(#[from] ResponseError),
    #[error("the Docker Engine's answer: {0}")]
    EngineBody(#[source] BodyError),
    #[error("the Docker Engine's list cannot be understood")]
    List,
    #[error("what the list is decided by cannot be looked at: {0}")]
    Beside(#[source] EngineError),
    #[error(transparent)]
    Full(Full),
    #[error("the Docker Engine switched protocols without being asked to")]
    UnaskedSwitch,
}

/// An error, and whether the client has already got a part of an answer.
#[derive(Debug)]
pub struct Failed {
    pub error: ExchangeError,
    pub answered: bool,
}

/// Sends the request and passes the answer on, both at the same time: an engine may answer before it has read a body, and
/// a slow side slows the other down. `holding` is for what has to be held of the answer; `carried` passes an archive on that is read meanwhile.
///
/// # Errors
/// [`Failed`]. Neither connection may be used again.
pub async fn run(
    client: &mut Link,
    engine: &mut Link,
    plan: &Plan<'_>,
    holding: &mut Holding,
    carried: Option<&mut Carried<'_>>,
) -> Result<End, Failed> {
    let (mut client_read, mut client_write) = client.stream.split();
    let (mut engine_read, mut engine_write) = engine.stream.split();
    let sent = AtomicBool::new(false);
    let up = upload(&mut client_read, &mut client.inbox, &mut engine_write, plan, carried, &sent);
    let down = download(&mut engine_read, &mut engine.inbox, &mut client_write, plan, holding);
    let result = tokio::select! {
        biased;
        result = down => result,
        error = up => Err(error),
    };
    match result {
        Ok(Answered::Switched) => Ok(End::Switched),
        Ok(Answered::Whole { close }) => Ok(End::Answered {
            client_open: sent.load(Relaxed) && !close,
            engine_open: sent.load(Relaxed) && !close && engine.inbox.is_empty(),
        }),
        Err(error) => Err(Failed { error, answered: plan.answered.load(Relaxed) }),
    }
}

/// Sends the request; from then on watches for the client going away. Ends only with an error.
async fn upload(
    from: &mut impl Source,
    inbox: &mut Inbox,
    to: &mut (impl AsyncWrite + Unpin),
    plan: &Plan<'_>,
    carried: Option<&mut Carried<'_>>,
    sent: &AtomicBool,
) -> ExchangeError {
    let body: &[u8] = if let ForwardBody::Bytes(bytes) = plan.body { bytes } else { &[] };
    let mut request = plan.head.chain(body);
    let maker = plan.maker.as_ref();
    if let Some(maker) = maker.filter(|_| matches!(plan.body, ForwardBody::Empty | ForwardBody::Bytes(_))) {
        Box::pin(maker.begins(Vec::new())).await;
    }
    let written = match to.write_all_buf(&mut request).await {
        Err(error) => Err(BodyError::Write(error)),
        Ok(()) => match (plan.body, carried) {
            (ForwardBody::Archive(framing), Some(carried)) => {
                match Box::pin(carried.pass(framed(*framing), inbox, from, to, maker)).await {
                    Ok(()) => Ok(()),
                    Err(Stopped::Body(error)) => Err(error),
                    Err(Stopped::Refused(refused)) => return ExchangeError::Refused(refused),
                }
            }
            (ForwardBody::Stream(framing), _) => match maker {
                Some(maker) => {
                    let begins = maker.begins(Vec::new());
                    Box::pin(wire::copy_with_end(framed(*framing), inbox, from, to, begins)).await
                }
                None => wire::copy_reframed(framed(*framing), inbox, from, to).await,
            },
            // Whoever admits an archive says how it is passed on.
            (ForwardBody::Archive(_), None) => Err(BodyError::Cut),
            (ForwardBody::Empty | ForwardBody::Bytes(_), _) => Ok(()),
        },
    };
    match written {
        Ok(()) => sent.store(true, Relaxed),
        // The engine takes no more. It may still have an answer that says why.
        Err(BodyError::Write(error)) => tracing::debug!(%error, "the engine stopped reading a request"),
        Err(BodyError::Cut | BodyError::Read(_)) if from.hung_up() => return ExchangeError::ClientGone,
        Err(error) => return ExchangeError::ClientBody(error),
    }
    loop {
        // Further requests, or early input for a tunnel: what one read brings waits here, the rest in the socket. There may be
        // thousands of these.
        let more = if inbox.is_empty() { inbox.fill(from).await } else { Ok(0) };
        let Ok(more) = more else { return ExchangeError::ClientGone };
        if more == 0 {
            while !from.hung_up() {
                sleep(HANGUP_CHECK).await;
            }
            return ExchangeError::ClientGone;
        }
    }
}

/// Waits until the engine is done with a request that nobody waits for any more: it goes on with what it has got, and ends
/// the connection behind its answer.
pub async fn see_out(mut engine: Link) {
    if engine.stream.shutdown().await.is_err() {
        return;
    }
    while let Ok(1..) = engine.inbox.fill(&mut engine.stream).await {
        engine.inbox.consume(usize::MAX);
    }
}

/// Waits until the engine begins to answer such a request. What it does then, it gives up when nobody takes it.
pub async fn see_begin(engine: &mut Link) {
    if engine.stream.shutdown().await.is_ok() {
        let begun = engine.inbox.fill(&mut engine.stream).await;
        tracing::debug!(?begun, "an answer that nobody waits for");
    }
}

enum Answered {
    Whole { close: bool },
    Switched,
}

async fn download(
    from: &mut impl Source,
    inbox: &mut Inbox,
    to: &mut (impl AsyncWrite + Unpin),
    plan: &Plan<'_>,
    holding: &mut Holding,
) -> Result<Answered, ExchangeError> {
    for _ in 0..=INTERIM_MAX {
        let head = response_head(from, inbox, plan.head_request).await?;
        if head.status == 100 {
            // The guard has answered the client's Expect itself.
            inbox.consume(head.bytes);
            continue;
        }
        if head.status == 101 && !plan.hijack {
            return Err(ExchangeError::UnaskedSwitch);
        }
        let whole = Answered::Whole { close: head.close || head.framing == BodyFraming::UntilClose };
        if let Some(sieve) = plan.sieve.filter(|_| head.status == 200 && head.framing != BodyFraming::None) {
            // Few answers are such: apart, so that the others do not carry it.
            Box::pin(sieve.pass(&head, inbox, from, to, holding, plan.answered)).await?;
            return Ok(whole);
        }
        plan.answered.store(true, Relaxed);
        if head.status >= 200 && !plan.finds_later {
            lock(plan.creation).clear();
        }
        if let Some(maker) = plan.maker.as_ref().filter(|_| matches!(head.status, 200 | 201)) {
            Box::pin(maker.pass(&head, inbox, from, to)).await?;
            return Ok(whole);
        }
        if let Some(exec) = plan.exec.as_ref().filter(|_| head.status == 201) {
            Box::pin(exec.pass(&head, inbox, from, to)).await?;
            return Ok(whole);
        }
        if let Some((execs, id)) = plan.begins.filter(|_| matches!(head.status, 101 | 200)) {
            execs.begun(id);
        }
        if head.status == 101 || (plan.hijack && takes_over(&head)) {
            wire::copy_raw(BodyFraming::None, head.bytes, inbox, from, to).await.map_err(passing)?;
            return Ok(Answered::Switched);
        }
        let copied = wire::copy_raw(head.framing, head.bytes, inbox, from, to);
        let copied = unless_wanted(plan.turn, copied).await;
        copied.unwrap_or_else(|| Err(BodyError::Write(io::ErrorKind::TimedOut.into()))).map_err(passing)?;
        if head.status >= 200 {
            return Ok(whole);
        }
    }
    Err(ResponseError::Malformed.into())
}

async fn response_head(
    from: &mut impl Source,
    inbox: &mut Inbox,
    head_request: bool,
) -> Result<ResponseHead, ExchangeError> {
    loop {
        if !inbox.is_empty()
            && let Some(head) = wire::parse_response(inbox.bytes(), head_request)?
        {
            return Ok(head);
        }
        if inbox.len() > HEAD_MAX {
            return Err(ResponseError::Malformed.into());
        }
        match inbox.fill(from).await {
            Ok(0) => return Err(ExchangeError::EngineClosed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && inbox.is_empty() => {
                return Err(ExchangeError::EngineClosed);
            }
            Err(error) => return Err(ExchangeError::EngineRead(error)),
        }
    }
}

/// The engine's older way to take a connection over: status 200, a raw stream, no length.
fn takes_over(head: &ResponseHead) -> bool {
    head.status == 200
        && head.framing == BodyFraming::UntilClose
        && matches!(
            head.content_type.as_str(),
            "application/vnd.docker.raw-stream" | "application/vnd.docker.multiplexed-stream"
        )
}

pub fn passing(error: BodyError) -> ExchangeError {
    match error {
        BodyError::Write(error) => ExchangeError::ClientWrite(error),
        other => ExchangeError::EngineBody(other),
    }
}

/// The same in the words of `wire`.
pub fn framed(framing: Framing) -> BodyFraming {
    match framing {
        Framing::None => BodyFraming::None,
        Framing::Length(length) => BodyFraming::Length(length),
        Framing::Chunked => BodyFraming::Chunked,
    }
}
