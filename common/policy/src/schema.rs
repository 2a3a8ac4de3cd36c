//! The Cedar schema, made from the tables of the model.

/// The schema as Cedar text.
pub fn schema_text() -> &'static str {
    ""
}
