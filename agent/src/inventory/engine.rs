use super::{Allowance, Mark, listed_ids::ListedIds};
use crate::{
    limits::{CONNECT_BUSY, CONNECT_BUSY_PAUSE, HEAD_MAX, LARGE_DECISIONS, LOOKUP_MAX, LOOKUP_POOL, LOOKUP_TIMEOUT},
    wire::{self, Body, BodyError, BodyFraming, Inbox, ResponseError, ResponseHead, Socket},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::Value;
use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    io::AsyncWriteExt,
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use wharden_docker::{ApiVersion, Sifter, UnknownForm, weight};
use wharden_model::Action;

/// Why the engine gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the Docker Engine does not answer on {path}: {source}")]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("the Docker Engine did not answer {path} within {} s", LOOKUP_TIMEOUT.as_secs())]
    Timeout { path: String },
    #[error("the connection to the Docker Engine broke while it answered {path}: {source}")]
    Broken { path: String, source: io::Error },
    #[error("the Docker Engine's answer to {path} cannot be read: {source}")]
    Head { path: String, source: ResponseError },
    #[error("the Docker Engine's answer to {path} cannot be read: {source}")]
    Body { path: String, source: BodyError },
    #[error("the Docker Engine's answer to {path} is not JSON")]
    Json { path: String },
    #[error("the Docker Engine answered {path} with status {status}: {message}")]
    Status { path: String, status: u16, message: String },
    #[error(
        "what the Docker Engine says of {path} is too much to decide by: whoever made it gave it too many labels, or too \
         long ones"
    )]
    TooMuch { path: String },
    #[error("many requests at one time are about things with very large labels, {path} too: try again in a moment")]
    Busy { path: String },
    #[error("the Docker Engine speaks API version {0:?}, which is older than any that Wharden knows")]
    Version(String),
    #[error(
        "behind the engine's socket is {0:?}, which takes requests in other ways than the Docker Engine does: what it would do \
         cannot be judged"
    )]
    Foreign(String),
}

impl EngineError {
    /// True when the engine serves, but for this one thing.
    pub fn is_of_one_thing(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::Body { .. } | Self::TooMuch { .. })
    }

    /// True when nothing listens at the socket.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// An answer of the engine, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// As it came, its empty line included.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
    /// The engine has closed the connection after it.
    pub close: bool,
}

/// A client of the engine's own socket. Connections for lookups are pooled; each connection of a client of the guard
/// gets one of its own, so that answers cannot be mixed up.
#[derive(Debug)]
pub struct Engine {
    socket: ArcSwap<PathBuf>,
    idle: Mutex<Vec<Socket>>,
    api: Mutex<Option<ApiVersion>>,
    /// One asks the engine what it is; those who want to know too wait for that answer.
    asking: tokio::sync::Mutex<()>,
    /// Held while the services and tasks of the swarm are listed for a decision.
    listing: tokio::sync::Mutex<()>,
    /// Where the engine keeps images and volumes, as it says.
    root: ArcSwapOption<PathBuf>,
    mark: Option<Mark>,
    /// Turns of decisions that need much of what it says.
    large: Arc<Semaphore>,
}

impl Engine {
    /// A client of the engine at this socket. Does not connect yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: ArcSwap::from_pointee(socket.into()),
            idle: Mutex::new(Vec::new()),
            api: Mutex::new(None),
            asking: tokio::sync::Mutex::new(()),
            listing: tokio::sync::Mutex::new(()),
            root: ArcSwapOption::empty(),
            mark: None,
            large: Arc::new(Semaphore::new(LARGE_DECISIONS)),
        }
    }

    /// The same, with a mark on every request.
    #[must_use]
    pub fn with_mark(self, mark: Mark) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The head of a request as it is sent: with the mark, if there is one.
    pub fn marked(&self, mut head: Vec<u8>) -> Vec<u8> {
        if let Some(mark) = &self.mark {
            mark.put(&mut head);
        }
        head
    }

    /// True when the value of a header is this client's mark.
    pub fn knows(&self, value: &str) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.is(value))
    }

    /// Uses another path from now on. Open connections stay.
    pub fn move_to(&self, socket: &Path) {
        if self.socket.load().as_path() != socket {
            self.socket.store(Arc::new(socket.to_owned()));
            lock(&self.idle).clear();
            self.forget();
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`].
    pub async fn connect(&self) -> Result<Socket, EngineError> {
        let socket = self.socket.load_full();
        connect(&socket).await.map_err(|source| {
            // Whatever comes up at this socket next may be another engine; a busy one is the same.
            if source.kind() != io::ErrorKind::WouldBlock {
                self.forget();
                lock(&self.idle).clear();
            }
            EngineError::Unreachable { path: socket.as_path().to_owned(), source }
        })
    }

    /// The newest API version that both the engine and this build know.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn api(&self) -> Result<ApiVersion, EngineError> {
        if let Some(api) = *lock(&self.api) {
            return Ok(api);
        }
        // Once: what it takes is not for every connection to hold.
        Box::pin(self.ask_api()).await
    }

    /// A decision's turn to list all services and tasks of the swarm, which may be much: the engine makes a list whole before it answers.
    ///
    /// # Errors
    /// [`EngineError::Timeout`].
    pub async fn turn_to_list(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, EngineError> {
        let turn = timeout_at(Instant::now() + LOOKUP_TIMEOUT, self.listing.lock()).await;
        turn.map_err(|_| EngineError::Timeout { path: "/services".to_owned() })
    }

    async fn ask_api(&self) -> Result<ApiVersion, EngineError> {
        let path = "/version";
        let turn = timeout_at(Instant::now() + LOOKUP_TIMEOUT, self.asking.lock()).await;
        let _turn = turn.map_err(|_| EngineError::Timeout { path: path.to_owned() })?;
        if let Some(api) = *lock(&self.api) {
            return Ok(api);
        }
        let version = self.get(path).await?;
        let text = version.get("ApiVersion").and_then(Value::as_str).unwrap_or_default();
        let api = known(text).ok_or_else(|| EngineError::Version(text.chars().take(40).collect()))?;
        if let Some(name) = foreign(&version) {
            return Err(EngineError::Foreign(name.chars().take(40).collect()));
        }
        let info = self.get("/info").await?;
        let root = info.get("DockerRootDir").and_then(Value::as_str).filter(|root| root.starts_with('/'));
        self.root.store(root.map(|root| Arc::new(PathBuf::from(root))));
        *lock(&self.api) = Some(api);
        Ok(api)
    }

    /// The folder where the engine keeps images and volumes; `None` while it has not said.
    pub fn root(&self) -> Option<Arc<PathBuf>> {
        self.root.load_full()
    }

    /// Forgets what is known of the engine: it may have been replaced.
    pub fn forget(&self) {
        *lock(&self.api) = None;
    }

    /// What a decision may read.
    pub fn allowance(&self) -> Allowance {
        Allowance::shared(&self.large)
    }

    /// The JSON answer to a `GET` of the agent's own, which asks one thing after the other.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Status`] for every status but 200.
    pub async fn get(&self, path: &str) -> Result<Value, EngineError> {
        self.get_within(path, &Allowance::alone()).await
    }

    /// The same for a decision.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn get_within(&self, path: &str, allowance: &Allowance) -> Result<Value, EngineError> {
        let Reply { status, body, .. } = self.ask(path, allowance).await?;
        if status != 200 {
            return Err(refused(path, status, &body));
        }
        serde_json::from_slice(&body).map_err(|_| EngineError::Json { path: path.to_owned() })
    }

    /// The ids of all images, those too that only others are made of.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn image_ids(&self) -> Result<Vec<String>, EngineError> {
        let (path, mut ids) = ("/images/json?all=1", ListedIds::default());
        self.read(path, |part| {
            ids.take(part);
            Some(())
        })
        .await?;
        ids.end().ok_or_else(|| EngineError::Json { path: path.to_owned() })
    }

    /// Gives each of the things in a list, but for those that are too large to be read.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn list(&self, path: &str, action: Action, mut each: impl FnMut(&Value)) -> Result<(), EngineError> {
        self.list_raw(path, action, |thing| {
            each(&serde_json::from_slice(thing).map_err(|_| UnknownForm)?);
            Ok(())
        })
        .await
    }

    /// The same, as the engine wrote them.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn list_raw(
        &self,
        path: &str,
        action: Action,
        mut each: impl FnMut(&[u8]) -> Result<(), UnknownForm>,
    ) -> Result<(), EngineError> {
        let unknown = |_: UnknownForm| EngineError::Json { path: path.to_owned() };
        let (mut sifter, mut rest) = (Sifter::new(action).map_err(unknown)?, Vec::new());
        let mut look = |_, thing: &[u8]| each(thing).map(|()| false);
        self.read(path, |mut part| {
            while !part.is_empty() {
                rest.clear();
                let read = sifter.take(part, &mut look, &mut rest).ok()?;
                part = part.get(read..)?;
            }
            Some(())
        })
        .await?;
        sifter.end().map_err(unknown)
    }

    /// Reads the answer to a `GET` as it comes. `take` gives `None` for what it does not understand.
    async fn read(&self, path: &str, mut take: impl FnMut(&[u8]) -> Option<()>) -> Result<(), EngineError> {
        let json = || EngineError::Json { path: path.to_owned() };
        let read = async {
            let mut stream = self.connect().await?;
            let (head, mut inbox) = self.begin(&mut stream, path).await?;
            inbox.consume(head.bytes);
            let mut body = Body::new(head.framing);
            let failed = |source| EngineError::Body { path: path.to_owned(), source };
            if head.status != 200 {
                let mut bytes = Vec::new();
                while body.append(HEAD_MAX, &mut inbox, &mut stream, &mut bytes).await.map_err(failed)? {}
                return Err(refused(path, head.status, &bytes));
            }
            loop {
                let at_hand = body.next(&mut inbox, &mut stream).await.map_err(failed)?;
                take(inbox.bytes().get(..at_hand.data).unwrap_or_default()).ok_or_else(json)?;
                Body::used(&mut inbox, &at_hand);
                if at_hand.is_last {
                    return Ok(());
                }
            }
        };
        let late = |_| EngineError::Timeout { path: path.to_owned() };
        timeout_at(Instant::now() + LOOKUP_TIMEOUT, read).await.map_err(late)?
    }

    /// The answer to a `GET`, whatever it is.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn ask(&self, path: &str, allowance: &Allowance) -> Result<Reply, EngineError> {
        let deadline = Instant::now() + LOOKUP_TIMEOUT;
        let late = |_| EngineError::Timeout { path: path.to_owned() };
        let pooled = lock(&self.idle).pop();
        if let Some(stream) = pooled {
            // The engine may have closed it meanwhile, and nothing here changes anything: try once more on a new one.
            match timeout_at(deadline, self.exchange(stream, path, allowance)).await.map_err(late)? {
                Err(EngineError::Broken { .. }) => self.forget(),
                other => return other,
            }
        }
        let fresh = async {
            let stream = self.connect().await?;
            self.exchange(stream, path, allowance).await
        };
        timeout_at(deadline, fresh).await.map_err(late)?
    }

    /// Asks, and reads the head of the answer, which stays in the inbox.
    async fn begin(&self, stream: &mut Socket, path: &str) -> Result<(ResponseHead, Inbox), EngineError> {
        let broken = |source| EngineError::Broken { path: path.to_owned(), source };
        let request = format!("GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: wharden-agent\r\n\r\n");
        stream.write_all(&self.marked(request.into_bytes())).await.map_err(broken)?;
        let mut inbox = Inbox::default();
        loop {
            let head = wire::parse_response(inbox.bytes(), false)
                .map_err(|source| EngineError::Head { path: path.to_owned(), source })?;
            match head {
                Some(ResponseHead { status: 100..=199, bytes, .. }) => inbox.consume(bytes),
                Some(head) => return Ok((head, inbox)),
                None if inbox.len() > HEAD_MAX => {
                    return Err(EngineError::Head { path: path.to_owned(), source: ResponseError::Malformed });
                }
                None => {
                    if inbox.fill(stream).await.map_err(broken)? == 0 {
                        return Err(broken(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
            }
        }
    }

    async fn exchange(&self, mut stream: Socket, path: &str, allowance: &Allowance) -> Result<Reply, EngineError> {
        let (head, mut inbox) = self.begin(&mut stream, path).await?;
        let lines = inbox.bytes().get(..head.bytes).unwrap_or_default().to_vec();
        inbox.consume(head.bytes);
        let (mut body, mut bytes, mut taken) = (Body::new(head.framing), Vec::new(), 0);
        let failed = |source| EngineError::Body { path: path.to_owned(), source };
        while body.append(LOOKUP_MAX, &mut inbox, &mut stream, &mut bytes).await.map_err(failed)? {
            allowance.take(bytes.len() - taken, path).await?;
            taken = bytes.len();
        }
        allowance.take(weight(&bytes) - taken, path).await?;
        if !head.close && head.framing != BodyFraming::UntilClose && inbox.is_empty() {
            let mut idle = lock(&self.idle);
            if idle.len() < LOOKUP_POOL {
                idle.push(stream);
            }
        }
        Ok(Reply { status: head.status, head: lines, body: bytes, close: head.close })
    }
}

/// The error that an answer with another status than 200 is.
fn refused(path: &str, status: u16, body: &[u8]) -> EngineError {
    let json = serde_json::from_slice::<Value>(body).ok();
    let message = json.and_then(|v| v.get("message")?.as_str().map(str::to_owned)).unwrap_or_default();
    EngineError::Status { path: path.to_owned(), status, message }
}

/// What an engine says to be that has Docker's API and is none. Docker's own name themselves from API 1.35 on.
fn foreign(version: &Value) -> Option<&str> {
    let components = version.get("Components").and_then(Value::as_array)?;
    let mut names =
        components.iter().map(|component| component.get("Name").and_then(Value::as_str).unwrap_or_default());
    if names.clone().any(|name| name == "Engine") { None } else { names.next() }
}

/// The version in common with an engine that speaks `text`.
fn known(text: &str) -> Option<ApiVersion> {
    let (major, minor) = text.split_once('.')?;
    let version = ApiVersion { major: major.parse().ok()?, minor: minor.parse().ok()? };
    (version >= ApiVersion::OLDEST).then(|| version.min(ApiVersion::NEWEST))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both hold values that are whole after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects. An engine that has as many connections waiting as its socket takes is busy, not away: it is asked again for a
/// while.
async fn connect(socket: &Path) -> io::Result<Socket> {
    let deadline = Instant::now() + CONNECT_BUSY;
    loop {
        match dial(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                sleep(CONNECT_BUSY_PAUSE).await;
            }
            other => return Socket::new(other?),
        }
    }
}

/// Connects to a unix socket at once or not at all.
fn dial(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let stream = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::connect(&stream, &SocketAddrUnix::new(path)?)?;
    Ok(stream.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{accept, bind, listen, socket};
    use tokio::time::timeout;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_busy_engine_is_waited_for() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("engine.sock");
        let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("socket");
        bind(&listener, &SocketAddrUnix::new(&path).expect("address")).expect("bind");
        listen(&listener, 0).expect("listen");
        // As many as wait without being accepted.
        let mut waiting = Vec::new();
        while let Ok(stream) = dial(&path) {
            waiting.push(stream);
        }
        let engine = Engine::new(&path);
        let mut connected = tokio::spawn(async move { engine.connect().await.map(drop) });
        assert!(timeout(CONNECT_BUSY_PAUSE * 4, &mut connected).await.is_err(), "it waits");
        accept(&listener).expect("accepted");
        connected.await.expect("no panic").expect("connected");
    }

    #[test]
    fn a_newer_engine_is_spoken_to_in_the_newest_version_known() {
        assert_eq!(known("1.41"), Some(ApiVersion { major: 1, minor: 41 }));
        assert_eq!(known("1.99"), Some(ApiVersion::NEWEST));
        assert_eq!(known("2.0"), Some(ApiVersion::NEWEST));
        assert_eq!(known("1.12"), None);
        assert_eq!(known("x"), None);
    }
}
