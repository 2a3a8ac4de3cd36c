//! A client that is quick to write and costs the same on every path: blocking, one connection, no parsing beyond framing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

/// Read buffer of a connection, in bytes.
const BUFFER: usize = 256 * 1024;
/// How long a peer may be silent.
const SILENCE: Duration = Duration::from_secs(120);

/// What came back.
pub struct Answer {
    pub status: u16,
    /// Bytes of the body, without its framing.
    pub bytes: u64,
    /// The first bytes of it.
    pub start: Vec<u8>,
    /// From the end of the head to the end of the body.
    pub body_took: Duration,
}

pub struct Http {
    stream: BufReader<UnixStream>,
}

impl Http {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap_or_else(|e| panic!("{}: {e}", socket.display()));
        stream.set_read_timeout(Some(SILENCE)).expect("read timeout");
        stream.set_write_timeout(Some(SILENCE)).expect("write timeout");
        Self { stream: BufReader::with_capacity(BUFFER, stream) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("sent");
    }

    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let framing = match method {
            "POST" => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
            _ => String::new(),
        };
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: docker\r\n{framing}\r\n{body}").as_bytes());
        self.answer(u64::MAX)
    }

    /// Sends a body in chunks of 64 KiB, as clients that do not know its length do.
    pub fn upload(&mut self, path: &str, mut from: impl Read) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        self.send(head.as_bytes());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = from.read(&mut buffer).expect("read");
            let mut chunk = format!("{n:x}\r\n").into_bytes();
            chunk.extend_from_slice(&buffer[..n]);
            chunk.extend_from_slice(b"\r\n");
            self.send(&chunk);
            if n == 0 {
                return self.answer(u64::MAX);
            }
        }
    }

    /// Reads an answer, at most `most` bytes of its body.
    pub fn answer(&mut self, most: u64) -> Answer {
        let (status, length) = self.head();
        let begin = Instant::now();
        let mut answer = Answer { status, bytes: 0, start: Vec::new(), body_took: Duration::ZERO };
        match length {
            Length::Known(length) => self.skip(length, &mut answer),
            Length::Chunked => loop {
                let size = u64::from_str_radix(self.line().trim(), 16).expect("size of a chunk");
                self.skip(size, &mut answer);
                self.line();
                if size == 0 || answer.bytes >= most {
                    break;
                }
            },
            Length::UntilClose => while self.some(u64::MAX, &mut answer) > 0 {},
        }
        answer.body_took = begin.elapsed();
        answer
    }

    fn head(&mut self) -> (u16, Length) {
        let first = self.line();
        let status = first.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{first:?}"));
        let mut length = match status {
            204 | 304 => Length::Known(0),
            _ => Length::UntilClose,
        };
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.trim().is_empty() {
                return (status, length);
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Length::Known(value.trim().parse().expect("length"));
            } else if line.starts_with("transfer-encoding:") {
                length = Length::Chunked;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "the connection ended early");
        line
    }

    fn skip(&mut self, mut n: u64, answer: &mut Answer) {
        while n > 0 {
            let some = self.some(n, answer);
            assert!(some > 0, "the body ended early");
            n -= some;
        }
    }

    fn some(&mut self, most: u64, answer: &mut Answer) -> u64 {
        let bytes = self.stream.fill_buf().expect("a part of the body");
        let n = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        let wanted = 4096_usize.saturating_sub(answer.start.len()).min(n);
        answer.start.extend_from_slice(&bytes[..wanted]);
        self.stream.consume(n);
        answer.bytes += n as u64;
        n as u64
    }
}

enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}
