use super::{Cell, Look};
use comfy_table::{Attribute, ContentArrangement, Table, presets};

/// A table without borders. On a terminal it fits the width; elsewhere every row is one line.
pub fn table(header: &[&str], rows: Vec<Vec<Cell>>, look: &Look) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.set_header(header.iter().map(|title| comfy_table::Cell::new(title).add_attribute(Attribute::Bold)));
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(Cell::into_comfy).collect::<Vec<_>>()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    match look.columns {
        Some(columns) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    if look.colour {
        table.enforce_styling();
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
