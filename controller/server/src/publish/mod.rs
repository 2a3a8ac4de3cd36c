//! From a revision of the state to what each host gets: planned once a revision, made once a scope, shared by all.
//!
//! Place in the path of data: after `apply`, before the sessions of `fleet`, which subscribe here.
//!
//! Must not know: sessions, tonic, axum.

mod bundle;
mod published;
mod publisher;

pub use bundle::SignedBundle;
pub use published::Published;
pub use publisher::Publisher;
