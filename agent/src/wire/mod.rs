//! HTTP/1.1 as bytes on streams: read buffers, response heads, chunked framing, copying with back-pressure.
//!
//! Must not know: the Docker Engine, policies, who is calling.

mod body;
mod chunked;
mod grown;
mod inbox;
mod lines;
mod response;
mod socket;

pub use body::{
    AtHand, Body, BodyError, BodyFraming, LAST_CHUNK, copy_raw, copy_reframed, copy_with_end, write_chunk, write_end,
    write_part,
};
pub use chunked::{ChunkError, ChunkScanner, Piece};
pub use inbox::Inbox;
pub use lines::Lines;
pub use response::{ResponseError, ResponseHead, parse_response};
pub use socket::{Socket, SocketReader, SocketWriter, watch};
