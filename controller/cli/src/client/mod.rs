//! Calls of the REST API: one HTTPS exchange ([`Transport`]), and the same with a session that renews itself ([`Api`]).

mod api;
mod fault;
pub mod tls;
mod transport;

pub use api::Api;
pub use transport::{Call, Transport};
