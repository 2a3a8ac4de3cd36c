//! Calls of the REST API: one HTTPS exchange ([`Transport`]), and the same with a session that renews itself ([`Api`]).

mod api;
mod fault;
mod knock;
mod step_up;
pub mod tls;
mod transport;

pub use api::Api;
pub use step_up::{Codes, Factor, NO_CODE};
pub use transport::{Call, Transport};
