//! What clients asked and heard, and whether it makes sense: is there one order of all that was asked, in which everybody
//! heard what he must have, and nobody heard of anything before it was asked for?

mod check;
mod model;
mod record;

pub use check::{Unexplained, check};
pub use model::{Call, Held, Key, Outcome};
pub use record::{History, Operation};
