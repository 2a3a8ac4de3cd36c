//! Bodies of clients that are read whole before anything is decided.

use super::room::{Full, Holding};
use crate::wire::{Body, BodyError, BodyFraming, Inbox};
use tokio::io::AsyncRead;

/// Why a body was not read whole.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Full(#[from] Full),
}

/// Reads a whole body, and holds room for what has arrived before it is taken, but for the first `free` bytes: until then
/// the sender's own socket holds it. What is read stays held.
///
/// # Errors
/// [`Unread`].
pub async fn read_whole(
    framing: BodyFraming,
    limit: usize,
    inbox: &mut Inbox,
    from: &mut (impl AsyncRead + Unpin),
    holding: &mut Holding,
    free: usize,
) -> Result<Vec<u8>, Unread> {
    let (mut body, mut bytes) = (Body::new(framing), Vec::new());
    while !body.is_whole() {
        if inbox.is_empty() {
            holding.hold((bytes.capacity() + inbox.next_footprint()).saturating_sub(free)).await?;
            if inbox.fill(from).await.map_err(BodyError::Read)? == 0 {
                if framing == BodyFraming::UntilClose {
                    break;
                }
                return Err(BodyError::Cut.into());
            }
        }
        let fits = bytes.len() + inbox.len();
        if fits > bytes.capacity() {
            let grown = fits.max(bytes.len() + bytes.len() / 2);
            holding.hold((grown + inbox.footprint()).saturating_sub(free)).await?;
            bytes.reserve_exact(grown - bytes.len());
        }
        if !body.take(limit, inbox, &mut bytes)? {
            break;
        }
    }
    inbox.shrink();
    holding.hold(bytes.capacity()).await?;
    Ok(bytes)
}
