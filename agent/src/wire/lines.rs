/// Lines that come in pieces. One that is longer than `max` bytes comes to nothing, and the others stay.
#[derive(Debug)]
pub struct Lines {
    max: usize,
    held: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Nothing has come yet.
    pub fn new(max: usize) -> Self {
        Self { max, held: Vec::new(), too_long: false }
    }

    /// Bytes of memory that this takes.
    pub fn footprint(&self) -> usize {
        self.held.capacity()
    }

    /// The next line that ends in `piece`, with its end, or nothing of it; `piece` then begins behind it.
    pub fn next(&mut self, piece: &mut &[u8]) -> Option<Option<Vec<u8>>> {
        let end = piece.iter().position(|byte| *byte == b'\n').map_or(piece.len(), |at| at + 1);
        let (here, rest) = piece.split_at(end);
        self.too_long |= self.held.len() + here.len() > self.max;
        if self.too_long {
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(here);
        }
        *piece = rest;
        here.ends_with(b"\n").then(|| {
            let text = std::mem::take(&mut self.held);
            (!std::mem::take(&mut self.too_long)).then_some(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_come_and_long_ones_come_to_nothing() {
        let text = b"a\n\n1234567\n12345678\nmuch longer than that\nlast\nno end";
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::new(8), Vec::new());
            for mut piece in text.chunks(size) {
                while !piece.is_empty() {
                    found.extend(lines.next(&mut piece));
                }
            }
            let line = |text: &[u8]| Some(text.to_vec());
            let wanted = [line(b"a\n"), line(b"\n"), line(b"1234567\n"), None, None, line(b"last\n")];
            assert_eq!(found, wanted, "in pieces of {size}");
        }
    }
}
