//! What the Engine decodes a body into. One shape describes every API version from 1.24 to the newest: a field that
//! some version knows and another ignores is judged in both.

/// A named field of an object, in the Engine's own spelling.
pub type Field = (&'static str, Shape);

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Bool,
    /// A signed number of 64 bits.
    Int,
    /// An unsigned number of 64 bits.
    Uint,
    /// A fraction.
    Float,
    Text,
    /// A list of texts for which the Engine also takes one bare text.
    Words,
    List(&'static Shape),
    /// Free keys, compared exactly.
    Map(&'static Shape),
    /// Known keys, compared as Go compares them.
    Object(&'static [Field]),
    /// Known to clients, ignored by every engine: left out.
    Ignored,
    /// Honoured by old engines only, at a place where nobody expects it: must be empty.
    Legacy,
}

/// Shorthands for tables.
pub const TEXTS: Shape = Shape::List(&Shape::Text);
/// `key: text`.
pub const TEXT_MAP: Shape = Shape::Map(&Shape::Text);
/// Go's `struct{}`.
pub const EMPTY: Shape = Shape::Object(&[]);
