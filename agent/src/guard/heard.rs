//! The answer to a push. The engine says which repository it is about, asks the registry, for as long as that takes, and only then finds
//! the image by its name; the next that it says is about the image's layers.

use super::{turns::Turn, underway::lock};
use std::{
    io,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;

/// How each message begins.
const MESSAGE: &[u8] = b"{\"status\"";

/// Passes the answer on, and gives the turns back with its second message.
pub struct Heard<'a, W> {
    to: &'a mut W,
    turns: &'a Mutex<Vec<Turn<String>>>,
    /// Bytes of a beginning that have come.
    matched: usize,
    messages: usize,
}

impl<'a, W> Heard<'a, W> {
    pub fn new(to: &'a mut W, turns: &'a Mutex<Vec<Turn<String>>>) -> Self {
        Self { to, turns, matched: 0, messages: 0 }
    }

    fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // The first byte of it comes only once.
            let goes_on = MESSAGE.get(self.matched) == Some(&byte);
            self.matched = if goes_on { self.matched + 1 } else { usize::from(byte == b'{') };
            if self.matched == MESSAGE.len() {
                (self.matched, self.messages) = (0, self.messages + 1);
                if self.messages == 2 {
                    lock(self.turns).clear();
                }
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Heard<'_, W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.to).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written
            && self.messages < 2
        {
            self.hear(bytes.get(..count).unwrap_or_default());
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.to).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.to).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::turns::Turns, *};
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn the_turn_is_given_back_when_the_engine_speaks_of_layers() {
        let names = Turns::new(1, usize::MAX);
        let turns = Mutex::new(vec![names.take("app".to_owned()).await]);
        let mut out = Vec::new();
        let mut heard = Heard::new(&mut out, &turns);
        let first = b"4f\r\n{\"status\":\"The push refers to repository [registry.example/{status}]\"}\r\n\r\n";
        heard.write_all(first).await.expect("written");
        heard.write_all(b"40\r\n{\"sta").await.expect("written");
        assert_eq!(lock(&turns).len(), 1);
        heard.write_all(b"tus\":\"Preparing\",\"progressDetail\":{},\"id\":\"0a\"}\r\n\r\n").await.expect("written");
        assert!(lock(&turns).is_empty());
        assert!(out.starts_with(first) && out.ends_with(b"\"0a\"}\r\n\r\n"));
    }
}
