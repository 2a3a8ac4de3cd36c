//! Changes as bytes: of each a 1 and key and value, or a 0 and the key; before key and value its length, four bytes,
//! little-endian.

use crate::backend::Op;

const REMOVE: u8 = 0;
const PUT: u8 = 1;

/// Writes them behind what is there.
pub(super) fn write(ops: &[Op], to: &mut Vec<u8>) {
    for op in ops {
        match op {
            Op::Put(key, value) => {
                to.push(PUT);
                piece(key, to);
                piece(value, to);
            }
            Op::Remove(key) => {
                to.push(REMOVE);
                piece(key, to);
            }
        }
    }
}

fn piece(bytes: &[u8], to: &mut Vec<u8>) {
    // Nothing is longer than a frame, and that is checked.
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// All of them; `None` when the bytes are not what [`write`] makes.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<Op>> {
    let mut ops = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let (key, rest) = take(rest)?;
        bytes = match *kind {
            PUT => {
                let (value, rest) = take(rest)?;
                ops.push(Op::Put(key.to_vec(), value.to_vec()));
                rest
            }
            REMOVE => {
                ops.push(Op::Remove(key.to_vec()));
                rest
            }
            _ => return None,
        };
    }
    Some(ops)
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A changed form here is a journal that the version before reads wrongly.
    #[test]
    fn the_form_of_changes_is_frozen() {
        let ops = vec![Op::Put(b"ab".to_vec(), b"xyz".to_vec()), Op::Remove(b"c".to_vec()), Op::Put(vec![], vec![])];
        let mut bytes = Vec::new();
        write(&ops, &mut bytes);
        assert_eq!(bytes, b"\x01\x02\0\0\0ab\x03\0\0\0xyz\x00\x01\0\0\0c\x01\0\0\0\0\0\0\0\0");
        assert_eq!(read(&bytes), Some(ops));
        for end in 1..bytes.len() {
            // Whole changes only.
            assert_eq!(read(&bytes[..end]).is_some(), end == 14 || end == 20, "{end}");
        }
        assert_eq!(read(b"\x02\0\0\0\0"), None);
    }
}
