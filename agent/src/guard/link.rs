use crate::wire::Inbox;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use tokio::{
    io::AsyncRead,
    net::{UnixStream, unix::ReadHalf},
};

/// A stream and what has been read from it.
#[derive(Debug)]
pub struct Link {
    pub stream: UnixStream,
    pub inbox: Inbox,
}

impl Link {
    /// Nothing has been read yet.
    pub fn new(stream: UnixStream) -> Self {
        Self { stream, inbox: Inbox::default() }
    }

    /// True when nothing is at hand or on its way and the other end is still there: fit for a new request.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && events(&self.stream, PollFlags::IN).is_some_and(|events| events.is_empty())
    }
}

/// The side of a stream that is read.
pub trait Source: AsyncRead + Unpin {
    /// True when the other end is gone altogether, and not only done with sending.
    fn hung_up(&self) -> bool;
}

impl Source for ReadHalf<'_> {
    fn hung_up(&self) -> bool {
        events(self.as_ref(), PollFlags::empty()).is_none_or(|e| e.intersects(PollFlags::HUP | PollFlags::ERR))
    }
}

fn events(fd: &impl AsFd, wanted: PollFlags) -> Option<PollFlags> {
    let mut fds = [PollFd::new(fd, wanted)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).ok()?;
    fds.first().map(PollFd::revents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn half_closed_is_not_hung_up() {
        let (mut ours, mut theirs) = UnixStream::pair().expect("pair");
        assert!(!ours.split().0.hung_up());
        theirs.shutdown().await.expect("shutdown");
        assert!(!ours.split().0.hung_up());
        drop(theirs);
        assert!(ours.split().0.hung_up());
    }

    #[tokio::test]
    async fn a_link_with_something_to_read_is_not_quiet() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let link = Link::new(ours);
        assert!(link.is_quiet());
        theirs.write_all(b"x").await.expect("write");
        assert!(!link.is_quiet());
    }
}
