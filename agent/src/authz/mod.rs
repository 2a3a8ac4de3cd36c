//! The second line: the engine itself asks before it serves a request, by its authorization plugin protocol, whichever
//! of its sockets the request came from; newer engines serve gRPC beside that, and do not ask.
//!
//! Place in the path of data: the engine's question → the same case as in the guard → the answer. The agent's own requests,
//! which were judged before they were sent, carry its mark and pass, so that nothing is judged twice and a lookup does not
//! ask for itself.
//!
//! What it cannot do, and the guard can: see bodies that the engine does not hand over, tell who is at the other end of
//! the engine's socket, send on exactly what was judged, and leave out of an answer what is hidden. What it does not see it
//! denies, but for an image archive: that is decided as one whose names are unread.
//!
//! Must not know: how a decision is made, where events go.

mod message;
mod plugin;
mod server;

pub use plugin::Plugin;
pub use server::{bind, serve};
