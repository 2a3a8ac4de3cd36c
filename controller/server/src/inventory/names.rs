//! The names of all rows in one text, so that a part of a name is looked for in one go and not in each row's own memory.

/// After each name. A part that has it may lie across two names, and is not looked for here.
const END: char = '\0';
/// Bytes of names that have gone which are not worth making the text anew.
const DEAD_MIN: usize = 4096;

struct Entry {
    start: usize,
    /// `None` when it has gone.
    row: Option<u32>,
}

/// See the module.
#[derive(Default)]
pub struct Names {
    text: String,
    /// In the order of the text.
    entries: Vec<Entry>,
    /// Where the name of each row starts.
    starts: Vec<usize>,
    /// Bytes of names that have gone.
    dead: usize,
}

impl Names {
    /// The name of a row that has none here.
    pub fn add(&mut self, row: u32, name: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text.push(END);
        self.entries.push(Entry { start, row: Some(row) });
        let place = row as usize;
        if self.starts.len() <= place {
            self.starts.resize(place + 1, 0);
        }
        if let Some(at) = self.starts.get_mut(place) {
            *at = start;
        }
    }

    /// The row has gone, or gets another name.
    pub fn remove(&mut self, row: u32) {
        let Some(start) = self.starts.get(row as usize).copied() else { return };
        let Ok(at) = self.entries.binary_search_by_key(&start, |entry| entry.start) else { return };
        let end = self.end(at);
        let Some(entry) = self.entries.get_mut(at).filter(|entry| entry.row == Some(row)) else { return };
        entry.row = None;
        self.dead += end - start;
        if self.dead > DEAD_MIN && self.dead > self.text.len() / 2 {
            self.tidy();
        }
    }

    /// Rows whose name has this part. `None` when it is not looked for here, or more than `most` have it.
    pub fn with(&self, part: &str, most: usize) -> Option<Vec<u32>> {
        if part.is_empty() || part.contains(END) {
            return None;
        }
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(at) = self.text.get(from..).and_then(|rest| rest.find(part)) {
            let entry = self.entries.partition_point(|entry| entry.start <= from + at).saturating_sub(1);
            if let Some(row) = self.entries.get(entry).and_then(|entry| entry.row) {
                if found.len() == most {
                    return None;
                }
                found.push(row);
            }
            from = self.end(entry);
        }
        Some(found)
    }

    /// About the bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let places = self.entries.capacity() * size_of::<Entry>() + self.starts.capacity() * size_of::<usize>();
        self.text.capacity() + places
    }

    /// True when no row has a name here.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(|entry| entry.row.is_none())
    }

    fn end(&self, entry: usize) -> usize {
        self.entries.get(entry + 1).map_or(self.text.len(), |next| next.start)
    }

    /// Leaves out what has gone.
    fn tidy(&mut self) {
        let old = std::mem::take(self);
        for (at, entry) in old.entries.iter().enumerate() {
            if let Some(row) = entry.row {
                let name = old.text.get(entry.start..old.end(at)).unwrap_or_default();
                self.add(row, name.strip_suffix(END).unwrap_or(name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_once_in_each_name_that_has_it_and_not_across_two() {
        let mut names = Names::default();
        for (row, name) in [(5, "shop-shop"), (0, "db"), (7, "shop"), (2, "")] {
            names.add(row, name);
        }
        assert_eq!(names.with("shop", 9), Some(vec![5, 7]));
        assert_eq!((names.with("pdb", 9), names.with("b", 9)), (Some(vec![]), Some(vec![0])));
        assert_eq!((names.with("shop", 1), names.with("", 9), names.with("p\0d", 9)), (None, None, None));
        names.remove(5);
        names.remove(5);
        names.add(5, "dbs");
        assert_eq!((names.with("shop", 9), names.with("db", 9)), (Some(vec![7]), Some(vec![0, 5])));
    }

    #[test]
    fn names_that_went_do_not_stay_in_memory() {
        let mut names = Names::default();
        for round in 0..10_000_u32 {
            names.add(round % 10, &format!("name-{round}"));
            if round >= 9 {
                names.remove((round + 1) % 10);
            }
        }
        assert!(names.memory() < 64 * 1024, "{}", names.memory());
        assert_eq!(names.with("name-9999", 9), Some(vec![9]));
        assert_eq!(names.with("name-", 99).map(|rows| rows.len()), Some(9));
    }
}
