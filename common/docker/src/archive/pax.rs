//! Extended headers: records about the entry that follows them (PAX, POSIX.1-2001). Those that say nothing about where an
//! entry goes or what it holds may be there; the size may for files that are too large for a header.

use super::{
    bad,
    header::{LARGE, sensible},
};
use crate::refusal::{Refusal, shorten};
use std::collections::BTreeSet;

/// Keys that change neither name nor content.
const HARMLESS: &[&str] = &["atime", "comment", "ctime", "gid", "gname", "mtime", "uid", "uname"];
/// What such keys of some programs begin with.
const HARMLESS_PREFIXES: &[&str] =
    &["LIBARCHIVE.", "SCHILY.acl.", "SCHILY.dev", "SCHILY.fflags", "SCHILY.ino", "SCHILY.nlink", "SCHILY.xattr."];

/// The size that the records give to the entry that follows.
///
/// # Errors
/// 400 for records that readers could differ about.
pub fn size(records: &[u8]) -> Result<Option<u64>, Refusal> {
    read(records, |key| HARMLESS.contains(&key) || HARMLESS_PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
}

/// The same where entries may go and be called as they like.
///
/// # Errors
/// 400 for records that are malformed, or make a file of another size than what is stored of it.
pub fn size_alone(records: &[u8]) -> Result<Option<u64>, Refusal> {
    read(records, |key| !key.starts_with("GNU.sparse."))
}

fn read(mut records: &[u8], may_be: impl Fn(&str) -> bool) -> Result<Option<u64>, Refusal> {
    let (mut size, mut seen) = (None, BTreeSet::new());
    while !records.is_empty() {
        let (key, value, rest) = record(records).ok_or_else(|| bad("an extended header is malformed"))?;
        records = rest;
        if !seen.insert(key) {
            return Err(bad(format!("an extended header says {:?} twice", shorten(key))));
        }
        if key == "size" {
            let number = decimal(value).filter(|number| *number >= LARGE);
            size = Some(sensible(number, "of an extended header")?);
        } else if !may_be(key) {
            return Err(bad(format!(
                "an extended header has {:?}, which readers of archives take in more than one way",
                shorten(key)
            )));
        }
    }
    Ok(size)
}

/// `LENGTH KEY=VALUE\n`, where the length is that of all of it.
fn record(records: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = records.iter().take(8).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&records[..space])?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let line = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    let key = std::str::from_utf8(&line[..equals]).ok()?;
    Some((key, &line[equals + 1..], rest))
}

/// Digits, as one writes them.
fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || !digits.starts_with(b"0"));
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(list: &[(&str, &str)]) -> Vec<u8> {
        list.iter().flat_map(|(key, value)| line(key, value)).collect()
    }

    fn line(key: &str, value: &str) -> Vec<u8> {
        let bare = key.len() + value.len() + 3;
        let length = (bare + 1..bare + 8).find(|n| n.to_string().len() + bare == *n).expect("a length");
        format!("{length} {key}={value}\n").into_bytes()
    }

    #[test]
    fn what_changes_neither_name_nor_content_passes() {
        let fine = records(&[("mtime", "1700000000.5"), ("SCHILY.xattr.user.x", "a=b\nc"), ("uid", "3000000")]);
        assert_eq!(size(&fine), Ok(None));
        assert_eq!(size(&records(&[("size", "9000000000")])), Ok(Some(9_000_000_000)));
        assert_eq!(size(b""), Ok(None));
    }

    #[test]
    fn what_readers_could_differ_about_is_refused() {
        for evil in [
            records(&[("path", "manifest.json")]),
            records(&[("linkpath", "x")]),
            records(&[("GNU.sparse.major", "1")]),
            records(&[("SCHILY.realsize", "1")]),
            records(&[("hdrcharset", "BINARY")]),
            records(&[("mtime", "1"), ("mtime", "2")]),
            // Fits into a header, where another reader looks.
            records(&[("size", "12")]),
            records(&[("size", "99999999999999999")]),
            records(&[("size", "+9000000000")]),
            b"9 mtime=1".to_vec(),
            b"010 mtime=1\n".to_vec(),
            b"11 mtime=1\n9".to_vec(),
            b"5 =1\n\n".to_vec(),
            b"0 ".to_vec(),
            b"mtime".to_vec(),
        ] {
            assert_eq!(size(&evil).map_err(|refusal| refusal.status), Err(400), "{}", String::from_utf8_lossy(&evil));
        }
    }
}
