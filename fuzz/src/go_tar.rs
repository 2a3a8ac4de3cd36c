//! How Go's `archive/tar` reads an archive, as lax as it is. Independent of the guard's own, strict reading.

pub const BLOCK: usize = 512;

/// An entry as Go gives it to the Engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub link: String,
    pub flag: u8,
    pub content: Vec<u8>,
}

/// The archive cannot be read: the Engine makes nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

type Read<T> = Result<T, Unreadable>;

/// Overrides of what the next header says.
#[derive(Default)]
struct Long {
    name: Option<String>,
    link: Option<String>,
    size: Option<i64>,
    sparse: bool,
}

/// All entries up to the end.
pub fn entries(bytes: &[u8]) -> Read<Vec<Entry>> {
    let (mut at, mut out, mut long) = (0, Vec::new(), Long::default());
    loop {
        let Some(block) = header_at(bytes, &mut at)? else { return Ok(out) };
        let flag = block[156];
        let mut size = number(&block[124..136]).ok_or(Unreadable)?;
        let is_meta = matches!(flag, b'x' | b'g' | b'L' | b'K');
        if !is_meta {
            size = long.size.unwrap_or(size);
        }
        if matches!(flag, b'1'..=b'6') {
            size = 0;
        }
        let size = usize::try_from(size).map_err(|_| Unreadable)?;
        let content = bytes.get(at..).and_then(|rest| rest.get(..size)).ok_or(Unreadable)?;
        at += size;
        // Cut padding is the end of the archive, and of that something is missing.
        at += size.next_multiple_of(BLOCK) - size;
        match flag {
            b'x' => long = records(content)?,
            b'g' => drop(records(content)?),
            b'L' => long.name = Some(text(content)),
            b'K' => long.link = Some(text(content)),
            _ => {
                let name = long.name.take().unwrap_or_else(|| header_name(&block));
                let link = long.link.take().unwrap_or_else(|| text(&block[157..257]));
                let flag = match flag {
                    0 if name.ends_with('/') => b'5',
                    0 => b'0',
                    _ if long.sparse => b'S',
                    other => other,
                };
                out.push(Entry { name, link, flag, content: content.to_vec() });
                long = Long::default();
            }
        }
    }
}

/// Writes right checksums into all headers, so that changed archives get beyond them.
pub fn seal(bytes: &mut [u8]) {
    let (mut at, mut size) = (0, None);
    while let Some(block) = bytes.get_mut(at..at + BLOCK) {
        at += BLOCK;
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let flag = block[156];
        let own = number(&block[124..136]).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let wanted = if flag == b'x' { own } else { size.take().unwrap_or(own) };
        let content = bytes.get(at..).and_then(|rest| rest.get(..wanted));
        if flag == b'x' {
            size = content.and_then(|c| records(c).ok()?.size).and_then(|size| usize::try_from(size).ok());
        }
        if !matches!(flag, b'1'..=b'6') {
            at = at.saturating_add(wanted).checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX - BLOCK);
        }
    }
}

/// The next header; `None` at the end.
fn header_at(bytes: &[u8], at: &mut usize) -> Read<Option<[u8; BLOCK]>> {
    let mut zeros = 0;
    loop {
        let rest = bytes.get(*at..).unwrap_or_default();
        let Some(block) = rest.first_chunk::<BLOCK>() else {
            return if rest.is_empty() { Ok(None) } else { Err(Unreadable) };
        };
        *at += BLOCK;
        if block.iter().all(|byte| *byte == 0) {
            zeros += 1;
            if zeros == 2 {
                return Ok(None);
            }
            continue;
        }
        let wanted = octal(&block[148..156]).ok_or(Unreadable)?;
        let cleared = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let (unsigned, signed) = cleared.fold((0, 0), |(unsigned, signed), byte| {
            (unsigned + i64::from(byte), signed + i64::from(byte.cast_signed()))
        });
        return if zeros == 0 && (wanted == unsigned || wanted == signed) { Ok(Some(*block)) } else { Err(Unreadable) };
    }
}

fn header_name(block: &[u8; BLOCK]) -> String {
    let name = text(&block[..100]);
    let is_time = |field: &[u8]| field[0] == 0 || number(field).is_some();
    let prefix = match &block[257..265] {
        b"ustar  \0" if is_time(&block[345..357]) && is_time(&block[357..369]) => String::new(),
        // Written by a Go that had a fault.
        b"ustar  \0" => Some(text(&block[345..500])).filter(|prefix| prefix.is_ascii()).unwrap_or_default(),
        magic if magic.starts_with(b"ustar\0") && &block[508..512] == b"tar\0" => text(&block[345..476]),
        magic if magic.starts_with(b"ustar\0") => text(&block[345..500]),
        _ => String::new(),
    };
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 == 0 {
        return octal(field);
    }
    let invert = if field[0] & 0x40 != 0 { 0xff } else { 0 };
    let mut number: u64 = 0;
    for (index, byte) in field.iter().enumerate() {
        let byte = (byte ^ invert) & if index == 0 { 0x7f } else { 0xff };
        if number >> 56 > 0 {
            return None;
        }
        number = number << 8 | u64::from(byte);
    }
    let number = i64::try_from(number).ok()?;
    Some(if invert == 0 { number } else { !number })
}

fn octal(field: &[u8]) -> Option<i64> {
    let first = field.iter().position(|b| !matches!(b, b' ' | 0)).unwrap_or(field.len());
    let last = field.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(first, |at| at + 1);
    let digits = text(&field[first..last.max(first)]);
    if digits.is_empty() {
        Some(0)
    } else {
        i64::from_str_radix(&digits, 8).ok().filter(|_| !digits.starts_with(['+', '-']))
    }
}

fn records(mut rest: &[u8]) -> Read<Long> {
    let mut long = Long::default();
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').ok_or(Unreadable)?;
        let length: usize = std::str::from_utf8(&rest[..space]).ok().and_then(|n| n.parse().ok()).ok_or(Unreadable)?;
        let record = rest.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or(Unreadable)?;
        rest = &rest[length..];
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(Unreadable)?;
        let (key, value) = (&record[..equals], String::from_utf8_lossy(&record[equals + 1..]).into_owned());
        match key {
            b"path" => long.name = Some(value).filter(|value| !value.is_empty()),
            b"linkpath" => long.link = Some(value).filter(|value| !value.is_empty()),
            b"size" if !value.is_empty() => long.size = Some(value.parse().map_err(|_| Unreadable)?),
            key if key.starts_with(b"GNU.sparse.") => long.sparse = true,
            _ => {}
        }
    }
    Ok(long)
}
