use super::{Cell, Look};

/// One thing as `name: value` lines, the values below one another. A line without a name goes on with the one before.
pub fn record(fields: Vec<(&str, Cell)>, look: &Look) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
    fields
        .into_iter()
        .map(|(name, cell)| {
            let title = if name.is_empty() { String::new() } else { format!("{name}:") };
            format!("{title:<width$}{}\n", cell.tone.paint(&cell.text, look.colour))
        })
        .collect()
}
