use super::stream::Stream;
use crate::wire::{Inbox, Socket};

/// A stream and what has been read from it.
#[derive(Debug)]
pub struct Link {
    pub stream: Stream,
    pub inbox: Inbox,
}

impl Link {
    /// Nothing has been read yet.
    pub fn new(stream: Stream) -> Self {
        Self { stream, inbox: Inbox::default() }
    }

    /// True when nothing is at hand or on its way and the other end is still there: fit for a new request.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.stream.is_quiet()
    }
}

impl From<Socket> for Link {
    fn from(stream: Socket) -> Self {
        Self::new(Stream::Unix(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::UnixStream};

    #[tokio::test]
    async fn a_link_with_something_to_read_is_not_quiet() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let link = Link::from(Socket::new(ours.into_std().expect("unwatched")).expect("watched"));
        assert!(link.is_quiet());
        theirs.write_all(b"x").await.expect("write");
        assert!(!link.is_quiet());
    }
}
