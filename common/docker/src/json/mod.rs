//! JSON bodies: read strictly, checked against what the Engine knows, written again in one canonical way.

mod check;
mod parse;
mod shape;

pub use check::{canonical, fold};
pub use parse::{Node, parse};
pub use shape::{EMPTY, Field, Shape, TEXT_MAP, TEXTS};
