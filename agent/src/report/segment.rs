use crate::limits::EVENT_MAX;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// One file of the spool: lines of `length crc seq json`, the first two in 8, the third in 16 hex digits. The length is
/// that of the JSON; the checksum (CRC-32) covers number and JSON.
#[derive(Clone, Debug)]
pub struct Segment {
    pub path: PathBuf,
    /// Number of the first event, and the file's name.
    pub first: u64,
    /// Number of the last event; below `first` while there is none.
    pub last: u64,
    pub bytes: u64,
    /// Bytes of each principal's events.
    pub by: BTreeMap<String, u64>,
}

/// One event as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub seq: u64,
    pub json: Vec<u8>,
}

const EXTENSION: &str = "events";

/// Path of the segment that begins with this number.
pub fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:016x}.{EXTENSION}"))
}

/// The number in the name of a segment; `None` when it is no segment.
pub fn first_of(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    (path.extension()?.to_str()? == EXTENSION && stem.len() == 16).then_some(())?;
    u64::from_str_radix(stem, 16).ok()
}

/// Appends one record to the bytes that will be written.
pub fn encode(out: &mut Vec<u8>, seq: u64, json: &[u8]) {
    let line = format!("{:08x} {:08x} {seq:016x} ", json.len(), checksum(seq, json));
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(json);
    out.push(b'\n');
}

fn checksum(seq: u64, json: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_be_bytes());
    hasher.update(json);
    hasher.finalize()
}

/// Reads what is whole in a segment, in order; the second value counts lines that are not.
///
/// # Errors
/// Those of reading the file.
pub fn read(path: &Path) -> io::Result<(Vec<Record>, usize)> {
    let bytes = fs::read(path)?;
    let (mut records, mut damaged, mut at) = (Vec::new(), 0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((record, used)) = decode(rest) {
            records.push(record);
            at += used;
        } else {
            damaged += 1;
            at += rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
        }
    }
    Ok((records, damaged))
}

fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let number = |range| u64::from_str_radix(std::str::from_utf8(bytes.get(range)?).ok()?, 16).ok();
    let length = usize::try_from(number(0..8)?).ok().filter(|n| *n <= 4 * EVENT_MAX)?;
    let (crc, seq) = (number(9..17)?, number(18..34)?);
    let json = bytes.get(35..35 + length)?;
    let whole = bytes.get(35 + length) == Some(&b'\n') && u64::from(checksum(seq, json)) == crc;
    whole.then(|| (Record { seq, json: json.to_vec() }, 36 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_on_disk_is_frozen() {
        let mut out = Vec::new();
        encode(&mut out, 7, b"{}");
        assert_eq!(String::from_utf8_lossy(&out), "00000002 04bad34f 0000000000000007 {}\n");
    }

    #[test]
    fn a_torn_end_and_a_damaged_line_lose_only_themselves() {
        let dir = tempfile::tempdir().expect("dir");
        let file = path(dir.path(), 1);
        let mut bytes = Vec::new();
        for seq in 1..=4 {
            encode(&mut bytes, seq, format!("{{\"n\":{seq}}}").as_bytes());
        }
        let line = bytes.len() / 4;
        bytes[line + 40] ^= 1;
        bytes.truncate(bytes.len() - 3);
        fs::write(&file, &bytes).expect("write");
        let (records, damaged) = read(&file).expect("read");
        assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(damaged, 2);
        assert_eq!(first_of(&file), Some(1));
    }
}
