//! Raw bytes to the guard, and what comes back.

use std::path::Path;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    time::{Duration, timeout},
};

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client<S = UnixStream> {
    pub stream: S,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        json["message"].as_str().expect("message").to_owned()
    }
}

impl Client {
    pub async fn connect(path: &Path) -> Self {
        Self::over(UnixStream::connect(path).await.expect("connect"))
    }

    /// As another OS user: the kernel records who a thread is when it connects.
    pub async fn connect_as(uid: u32, path: &Path) -> Self {
        let path = path.to_owned();
        let connect = move || {
            let uid = rustix::process::Uid::from_raw(uid);
            rustix::thread::set_thread_res_uid(uid, uid, uid).expect("run by root");
            let stream = std::os::unix::net::UnixStream::connect(path).expect("connect");
            stream.set_nonblocking(true).expect("non-blocking");
            stream
        };
        let stream = std::thread::spawn(connect).join().expect("connected");
        Self::over(UnixStream::from_std(stream).expect("stream"))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).await.expect("write");
        self
    }

    async fn more(&mut self) -> usize {
        timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("in time").unwrap_or(0)
    }

    pub async fn head(&mut self) -> (u16, String) {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                let head = String::from_utf8(head).expect("text");
                return (head[9..12].parse().expect("status"), head);
            }
            assert_ne!(self.more().await, 0, "closed within the head: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    pub async fn take(&mut self, n: usize) -> Vec<u8> {
        while self.buffer.len() < n {
            assert_ne!(self.more().await, 0, "closed early");
        }
        self.buffer.drain(..n).collect()
    }

    /// A whole answer, if it has a body with `Content-Length` or in chunks.
    pub async fn answer(&mut self) -> Answer {
        let (status, head) = self.head().await;
        if head.contains("Transfer-Encoding: chunked\r\n") {
            return Answer { status, head, body: self.chunks().await };
        }
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map(|rest| rest.split("\r\n").next().expect("value").parse::<usize>().expect("number"));
        let body = self.take(length.unwrap_or(0)).await;
        Answer { status, head, body }
    }

    /// The body of an answer in chunks, up to its end.
    pub async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.append(&mut self.take(1).await);
            }
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim_end(), 16).expect("a chunk");
            body.append(&mut self.take(size).await);
            assert_eq!(self.take(2).await, b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    /// Everything up to these bytes, and them.
    pub async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|some| some == end) {
                return self.buffer.drain(..at + end.len()).collect();
            }
            assert_ne!(self.more().await, 0, "closed early");
        }
    }

    /// Everything until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.buffer)
    }
}

pub async fn ask(path: &Path, request: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::connect(path).await;
    client.send(request).await;
    client.answer().await
}

pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n")
}

pub fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Waits until something is true.
pub async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not become true");
}
