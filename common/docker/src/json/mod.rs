//! JSON bodies: read strictly, checked against what the Engine knows, written again in one canonical way. And the
//! Engine's own JSON, walked over as it comes.

mod check;
mod parse;
mod scan;
mod shape;

pub use check::{canonical, fold};
pub use parse::{Node, parse};
pub use scan::{Scan, Token};
pub use shape::{EMPTY, Field, Shape, TEXT_MAP, TEXTS};
