//! One header of a tar archive, read so strictly that every reader reads the same: those of the Engine (Go's `archive/tar`)
//! and all others.

use super::{bad, path};
use crate::{
    limits::ARCHIVE_ENTRY_MAX,
    refusal::{Refusal, shorten},
};
use std::ops::Range;

/// Bytes of a header, and what contents are filled up to.
pub const BLOCK: usize = 512;
/// The least size that does not fit into the octal digits of a header.
pub const LARGE: u64 = 1 << 33;

const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
/// With the version.
const MAGIC: Range<usize> = 257..265;
/// In a header without a magic, all that is behind the older fields.
const AFTER_V7: usize = 257;
/// Where the older formats differ: the first part of long names in one, times and the map of a sparse file in others.
const AFTER_DEVICE: usize = 345;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// A symbolic link.
    Link,
    /// Records about the entry that follows (PAX).
    Records,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub name: String,
    pub size: u64,
}

/// What kind of entry a header is of, and how much follows it.
///
/// # Errors
/// 400 for what is damaged.
pub fn type_and_size(block: &[u8; BLOCK]) -> Result<(u8, u64), Refusal> {
    is_sound(block)?;
    Ok((block[TYPE], size(&block[SIZE], &shown(block))?))
}

/// The name, or the beginning of it, for people.
pub fn shown(block: &[u8; BLOCK]) -> String {
    let name = block[NAME].split(|byte| *byte == 0).next().unwrap_or_default();
    shorten(&String::from_utf8_lossy(name)).to_string()
}

/// Reads a header that is not all zeros.
///
/// # Errors
/// 400 for what is damaged, and for what readers of tar archives differ about.
pub fn read(block: &[u8; BLOCK]) -> Result<Header, Refusal> {
    is_sound(block)?;
    let magic = &block[MAGIC];
    let (is_ustar, zero_from) = match magic {
        b"ustar\x0000" => (true, AFTER_DEVICE),
        b"ustar  \0" => (false, AFTER_DEVICE),
        _ => (false, AFTER_V7),
    };
    let kind = kind(block[TYPE])?;
    let name = if kind == Kind::Records { String::new() } else { text(&block[NAME])? };
    if block[zero_from..].iter().any(|byte| *byte != 0) {
        return Err(bad(format!(
            "entry {:?} has a name in two parts, or fields of an old format, which are read in more than one way",
            shorten(&name)
        )));
    }
    if kind == Kind::Records && !is_ustar {
        return Err(bad("it has extended headers in a format that has none"));
    }
    let size = size(&block[SIZE], &name)?;
    if kind != Kind::Records {
        path::check(&name, kind)?;
    }
    Ok(Header { kind, name, size })
}

fn is_sound(block: &[u8; BLOCK]) -> Result<(), Refusal> {
    if octal(&block[CHECKSUM]) == Some(checksum(block)) {
        return Ok(());
    }
    Err(bad("it is no tar archive, or damaged: a header has a wrong checksum"))
}

/// The sum of the bytes, with spaces in the place of the sum itself.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let byte = |(at, byte): (usize, &u8)| u64::from(if CHECKSUM.contains(&at) { b' ' } else { *byte });
    block.iter().enumerate().map(byte).sum()
}

/// Octal digits, perhaps with spaces before them, and nothing but spaces and NULs behind.
fn octal(field: &[u8]) -> Option<u64> {
    let field = field.trim_ascii_start();
    let end = field.iter().position(|b| !matches!(b, b'0'..=b'7')).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    let is_number = !digits.is_empty() && rest.iter().all(|b| matches!(b, 0 | b' '));
    // Twelve digits are 36 bits.
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 8 + u64::from(digit - b'0')))
}

fn size(field: &[u8], name: &str) -> Result<u64, Refusal> {
    let number = match field {
        [0x80, 0, 0, 0, rest @ ..] => {
            let number = rest.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            // What octal digits can say is said by them.
            Some(number).filter(|number| *number >= LARGE)
        }
        _ => octal(field),
    };
    sensible(number, name)
}

/// A size that an entry can have.
pub fn sensible(size: Option<u64>, name: &str) -> Result<u64, Refusal> {
    size.filter(|size| *size <= ARCHIVE_ENTRY_MAX)
        .ok_or_else(|| bad(format!("the size of entry {:?} cannot be read, or makes no sense", shorten(name))))
}

fn kind(flag: u8) -> Result<Kind, Refusal> {
    let what = match flag {
        b'0' | 0 => return Ok(Kind::File),
        b'5' => return Ok(Kind::Folder),
        b'2' => return Ok(Kind::Link),
        b'x' => return Ok(Kind::Records),
        b'1' => "a hard link",
        b'3' | b'4' | b'6' => "a device or a pipe",
        b'g' => "a header for all entries that follow",
        b'L' | b'K' => "a long name in GNU's own form",
        b'S' => "a sparse file",
        _ => "something unknown",
    };
    Err(bad(format!("it has {what} in it, which no image needs")))
}

/// A text up to the first NUL, with nothing behind it, in characters that all systems write the same.
fn text(field: &[u8]) -> Result<String, Refusal> {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at(end);
    let shown = || shorten(&String::from_utf8_lossy(text));
    if rest.iter().any(|byte| *byte != 0) {
        return Err(bad(format!("something follows the name of entry {:?}", shown())));
    }
    if !text.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\') {
        return Err(bad(format!("the name of entry {:?} has characters that no image needs", shown())));
    }
    // ASCII.
    Ok(String::from_utf8_lossy(text).into_owned())
}
