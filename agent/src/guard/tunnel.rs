use super::{link::Link, stream::Source};
use crate::{limits::HANGUP_CHECK, wire::Inbox};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::sleep,
};

/// Carries bytes both ways until both sides are done, or one is gone. A side that is done with sending is passed on as
/// exactly that.
///
/// # Errors
/// Those of either stream.
pub async fn run(client: &mut Link, engine: &mut Link) -> io::Result<()> {
    let (mut client_read, mut client_write) = client.stream.split();
    let (mut engine_read, mut engine_write) = engine.stream.split();
    let (up_done, down_done) = (AtomicBool::new(false), AtomicBool::new(false));
    let up = one_way(&mut client_read, &mut client.inbox, &mut engine_write, &up_done, &down_done);
    let down = one_way(&mut engine_read, &mut engine.inbox, &mut client_write, &down_done, &up_done);
    // Either ends only when the tunnel is over.
    tokio::select! {
        result = up => result,
        result = down => result,
    }
}

async fn one_way(
    from: &mut impl Source,
    inbox: &mut Inbox,
    to: &mut (impl AsyncWrite + Unpin),
    done: &AtomicBool,
    other_done: &AtomicBool,
) -> io::Result<()> {
    loop {
        if !inbox.is_empty() {
            to.write_all(inbox.bytes()).await?;
            inbox.consume(usize::MAX);
        }
        if inbox.fill(from).await? == 0 {
            break;
        }
    }
    done.store(true, Relaxed);
    // The other end may be gone already: then there is nothing to tell it.
    let told = to.shutdown().await;
    while !(other_done.load(Relaxed) || from.hung_up() || told.is_err()) {
        sleep(HANGUP_CHECK).await;
    }
    Ok(())
}
