//! From a revision of the state to what each host gets: planned once a revision, made once a scope, shared by all.
//!
//! Place in the path of data: after `apply`, before the sessions of `fleet`, which subscribe here.
//!
//! ```text
//! watch<Revision> ─▶ Plan (only when policies or users changed) ─▶ Published{revision, state, plan} ─▶ watch
//!                     └ scope ─▶ content: JSON and digest, once          └ scope ─▶ signature, once a revision
//! ```
//!
//! A host that holds a bundle of late is given the difference from it, made once for all (`differences`).
//!
//! Policies that do not compile together never get here: the last good [`Published`] stays.
//!
//! Must not know: sessions, tonic, axum.

mod bundle;
mod differences;
pub mod limits;
mod metrics;
mod plan;
mod published;
mod publisher;

pub use bundle::SignedBundle;
pub use published::Published;
pub use publisher::Publisher;

#[cfg(test)]
mod tests;
