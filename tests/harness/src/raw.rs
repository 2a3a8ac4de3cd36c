//! HTTP as bytes, for requests that no client would send.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long a peer may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Sends bytes to a unix socket, ends the sending side, and reads to the end.
///
/// # Panics
/// When nobody listens, or the peer is silent for half a minute.
#[track_caller]
pub fn exchange(socket: &Path, request: &[u8]) -> String {
    let mut stream = open(socket);
    // A refusal may come, and the connection end, before everything is sent.
    drop(stream.write_all(request));
    drop(stream.shutdown(Shutdown::Write));
    read_all(&mut stream)
}

/// Sends bytes and reads to the end while keeping the sending side open.
///
/// # Panics
/// As [`exchange`].
#[track_caller]
pub fn exchange_open(socket: &Path, request: &[u8]) -> String {
    let mut stream = open(socket);
    drop(stream.write_all(request));
    read_all(&mut stream)
}

/// Connects, with a limit on silence.
///
/// # Panics
/// When nobody listens.
#[track_caller]
pub fn open(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap_or_else(|e| panic!("cannot connect to {}: {e}", socket.display()));
    stream.set_read_timeout(Some(SILENCE)).expect("read timeout");
    stream.set_write_timeout(Some(SILENCE)).expect("write timeout");
    stream
}

#[track_caller]
fn read_all(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(e) => panic!("no end of the answer ({e}) after: {}", String::from_utf8_lossy(&bytes)),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of an answer; 0 when there is none.
pub fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok()).unwrap_or(0)
}
