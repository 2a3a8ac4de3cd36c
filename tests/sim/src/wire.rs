//! gRPC on one HTTP/2 connection, with nothing in between.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream, client};
use http::{HeaderMap, Request, header};
use prost::Message;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use wharden_proto::MESSAGE_MAX;

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Why a call ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WireError {
    #[error("{0}")]
    Io(String),
    #[error("no answer in time")]
    Late,
    #[error("the controller answered {code}: {message}")]
    Status { code: i32, message: String, retry_after: Option<Duration> },
    #[error("the stream ended")]
    Closed,
    #[error("what came is no message: {0}")]
    Malformed(&'static str),
}

impl From<h2::Error> for WireError {
    fn from(error: h2::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// Connects from an address of this machine.
///
/// # Errors
/// What the system says, or no answer in time.
pub async fn connect(from: SocketAddr, to: SocketAddr, limit: Duration) -> Result<TcpStream, WireError> {
    let socket = TcpSocket::new_v4()?;
    // Many connections may share a port of an address as long as they go to different controllers.
    socket.set_reuseaddr(true)?;
    socket.bind(from)?;
    let stream = timeout(limit, socket.connect(to)).await.map_err(|_| WireError::Late)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Speaks HTTP/2 on a connection. What it gives back beside the client must be polled for anything to move.
///
/// # Errors
/// [`WireError`].
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    window: u32,
) -> Result<(client::SendRequest<Bytes>, client::Connection<S, Bytes>), WireError> {
    let mut builder = client::Builder::new();
    builder.initial_window_size(window).initial_connection_window_size(window).enable_push(false);
    Ok(builder.handshake(stream).await?)
}

/// A message with its prefix.
pub fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer grows, so there is always room.
    let _ = message.encode(&mut bytes);
    bytes.freeze()
}

/// A call on its way.
pub struct Call {
    pub to: SendStream<Bytes>,
    pub answer: client::ResponseFuture,
}

/// Begins a call of `path`, `/package.Service/Method`.
///
/// # Errors
/// [`WireError`].
pub fn begin(client: &mut client::SendRequest<Bytes>, path: &str) -> Result<Call, WireError> {
    let request = Request::post(format!("http://controller{path}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(())
        .map_err(|error| WireError::Io(error.to_string()))?;
    let (answer, to) = client.send_request(request, false)?;
    Ok(Call { to, answer })
}

/// The messages that come back.
pub struct Inbox {
    body: RecvStream,
    held: BytesMut,
    /// Bytes that came so far.
    pub received: u64,
}

impl Inbox {
    /// From the answer's head, unless that says no.
    ///
    /// # Errors
    /// [`WireError::Status`] with what it says.
    pub async fn open(answer: client::ResponseFuture) -> Result<Self, WireError> {
        let response = answer.await?;
        if let Some(refused) = refused(response.headers()) {
            return Err(refused);
        }
        Ok(Self { body: response.into_body(), held: BytesMut::new(), received: 0 })
    }

    /// The next message. Loses nothing when it is cancelled.
    ///
    /// # Errors
    /// [`WireError`]; the end of the stream is one.
    pub async fn next<M: Message + Default>(&mut self) -> Result<M, WireError> {
        loop {
            if let Some(message) = self.take()? {
                return M::decode(message).map_err(|_| WireError::Malformed("not of this type"));
            }
            match self.body.data().await {
                Some(chunk) => {
                    let chunk = chunk?;
                    self.received += chunk.len() as u64;
                    self.body.flow_control().release_capacity(chunk.len())?;
                    self.held.extend_from_slice(&chunk);
                }
                None => {
                    let trailers = self.body.trailers().await?;
                    return Err(trailers.as_ref().and_then(refused).unwrap_or(WireError::Closed));
                }
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, WireError> {
        let Some((prefix, rest)) = self.held.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let [compressed, a, b, c, d] = *prefix;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if compressed != 0 || length > MESSAGE_MAX {
            return Err(WireError::Malformed("compressed or too long"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.held.advance(PREFIX);
        let message = self.held.split_to(length).freeze();
        if self.held.is_empty() {
            // A silent session holds no buffer.
            self.held = BytesMut::new();
        }
        Ok(Some(message))
    }
}

fn refused(headers: &HeaderMap) -> Option<WireError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status")?.parse().unwrap_or(-1);
    let message = text("grpc-message").unwrap_or_default().replace("%20", " ");
    let retry_after = text(wharden_proto::RETRY_AFTER_MS).and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    (code != 0).then_some(WireError::Status { code, message, retry_after })
}

/// One question, one answer.
///
/// # Errors
/// [`WireError`].
pub async fn ask<M: Message + Default>(
    client: &mut client::SendRequest<Bytes>,
    path: &str,
    question: &impl Message,
) -> Result<M, WireError> {
    let mut call = begin(client, path)?;
    call.to.send_data(frame(question), true)?;
    Inbox::open(call.answer).await?.next().await
}
