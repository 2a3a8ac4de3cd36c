use super::{Cell, Look};

/// One thing as `name: value` lines, the values below one another.
pub fn record(fields: Vec<(&str, Cell)>, look: &Look) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
    fields
        .into_iter()
        .map(|(name, cell)| format!("{:<width$}{}\n", format!("{name}:"), cell.tone.paint(&cell.text, look.colour)))
        .collect()
}
