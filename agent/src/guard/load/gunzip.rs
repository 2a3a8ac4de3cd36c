//! Undoes gzip, of one or many members, a bounded amount at a time.

use crate::limits::{UNPACKED_AT_ONCE, UNPACKED_FREE, UNPACKED_RATIO_MAX};
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};

/// A gzip stream that is being read.
#[derive(Debug)]
pub struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: u64,
    unpacked: u64,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), packed: 0, unpacked: 0 }
    }
}

impl Gunzip {
    /// Takes bytes from the front of `packed` until there are about [`UNPACKED_AT_ONCE`] unpacked ones, and gives these.
    ///
    /// # Errors
    /// For what is not gzip, or damaged.
    pub fn unpack(&mut self, packed: &mut &[u8]) -> io::Result<Vec<u8>> {
        let before = packed.len();
        while !packed.is_empty() && self.decoder.get_ref().len() < UNPACKED_AT_ONCE {
            let taken = self.decoder.write(packed)?;
            *packed = packed.get(taken..).unwrap_or_default();
        }
        self.packed += (before - packed.len()) as u64;
        Ok(self.taken())
    }

    /// The last of it.
    ///
    /// # Errors
    /// When it is damaged, or stops before its end.
    pub fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.decoder.try_finish()?;
        Ok(self.taken())
    }

    /// True when it grows more than any image does.
    pub fn is_a_bomb(&self) -> bool {
        self.unpacked > UNPACKED_FREE.saturating_add(self.packed.saturating_mul(UNPACKED_RATIO_MAX))
    }

    fn taken(&mut self) -> Vec<u8> {
        let unpacked = std::mem::take(self.decoder.get_mut());
        self.unpacked += unpacked.len() as u64;
        unpacked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    fn unpacked(mut packed: &[u8], step: usize) -> io::Result<Vec<u8>> {
        let (mut gunzip, mut out) = (Gunzip::default(), Vec::new());
        while !packed.is_empty() {
            let (mut part, rest) = packed.split_at(step.min(packed.len()));
            packed = rest;
            while !part.is_empty() {
                let piece = gunzip.unpack(&mut part)?;
                assert!(piece.len() < 2 * UNPACKED_AT_ONCE, "{}", piece.len());
                out.extend(piece);
            }
        }
        out.extend(gunzip.finish()?);
        Ok(out)
    }

    #[test]
    fn members_follow_each_other_and_come_in_bounded_pieces() {
        let (zeros, text) = (vec![0; 5_000_000], b"the end".to_vec());
        let both = [packed(&zeros), packed(b""), packed(&text)].concat();
        for step in [1, 7, 100_000] {
            assert!(unpacked(&both, step).expect("well-formed") == [zeros.as_slice(), &text].concat());
        }
    }

    #[test]
    fn what_is_damaged_cut_or_followed_by_something_is_refused() {
        let whole = packed(&[7; 1000]);
        let mut damaged = whole.clone();
        let sum = damaged.len() - 6;
        damaged[sum] ^= 1;
        for evil in
            [damaged, whole[..whole.len() - 1].to_vec(), [&whole[..], b"x"].concat(), [&whole[..], &[0; 16]].concat()]
        {
            assert!(unpacked(&evil, 100_000).is_err(), "{}", evil.len());
        }
    }

    #[test]
    fn a_bomb_is_known() {
        let mut gunzip = Gunzip { packed: 1, unpacked: UNPACKED_FREE, ..Gunzip::default() };
        assert!(!gunzip.is_a_bomb());
        gunzip.unpacked += UNPACKED_RATIO_MAX + 1;
        assert!(gunzip.is_a_bomb());
    }
}
