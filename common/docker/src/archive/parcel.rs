//! Files on their way into a container (`PUT /containers/{name}/archive`). The Engine, which is root, makes whatever an archive
//! has in it, and a device is one for whoever comes to the container's files, inside and outside. So there are none in it, and
//! no pipes either, at which the Engine itself would wait when it reads what a container has for `/etc/passwd`.
//!
//! Only where headers stand matters here, and that is where the Engine's own reader (Go's `archive/tar`) finds them.

use super::{
    header::{self, BLOCK},
    packing::Packing,
    pax,
};
use crate::{limits::ARCHIVE_RECORDS_MAX, refusal::Refusal};

/// What has come of an archive.
#[derive(Debug)]
pub struct Parcel {
    place: Place,
    block: [u8; BLOCK],
    filled: usize,
    begun: bool,
    /// An extended header has come before the present entry, and the size that it gives.
    records: Option<Option<u64>>,
}

#[derive(Debug)]
enum Place {
    Header,
    /// With what fills it up.
    Content(u64),
    Records {
        kept: Vec<u8>,
        left: usize,
        filling: usize,
    },
    /// Behind it the Engine reads nothing.
    End,
}

impl Default for Parcel {
    fn default() -> Self {
        Self { place: Place::Header, block: [0; BLOCK], filled: 0, begun: false, records: None }
    }
}

impl Parcel {
    /// Reads on.
    ///
    /// # Errors
    /// 400 for what must not get into a container, and for what cannot be read: none of these bytes may be passed on.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            let taken = match &mut self.place {
                Place::Header => {
                    let n = bytes.len().min(BLOCK - self.filled);
                    self.block[self.filled..self.filled + n].copy_from_slice(&bytes[..n]);
                    self.filled += n;
                    if self.filled == BLOCK {
                        self.filled = 0;
                        self.header()?;
                        self.begun = true;
                    }
                    n
                }
                Place::Content(left) => {
                    let n = super::at_most(*left, bytes.len());
                    *left -= n as u64;
                    if *left == 0 {
                        self.place = Place::Header;
                    }
                    n
                }
                Place::Records { kept, left, filling } => {
                    let n = bytes.len().min(*left);
                    kept.extend_from_slice(&bytes[..n]);
                    *left -= n;
                    let filled = if *left == 0 { (bytes.len() - n).min(*filling) } else { 0 };
                    *filling -= filled;
                    if *left == 0 && *filling == 0 {
                        self.records = Some(pax::size_alone(kept).map_err(|refusal| reworded(&refusal))?);
                        self.place = Place::Header;
                    }
                    n + filled
                }
                Place::End => return Ok(()),
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Whether it is known what the archive is. Before that nothing of it may be passed on: a packed one may be short.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The body is at its end.
    ///
    /// # Errors
    /// 400 when there was less than a header in it, which may be a packed archive.
    pub fn end(&self) -> Result<(), Refusal> {
        match Packing::of(&self.block[..self.filled]) {
            _ if self.begun || self.filled == 0 => Ok(()),
            Packing::Plain => Err(bad("it stops before its first header: bring a tar archive")),
            packing => Err(packed(packing)),
        }
    }

    fn header(&mut self) -> Result<(), Refusal> {
        if !self.begun && Packing::of(&self.block) != Packing::Plain {
            return Err(packed(Packing::of(&self.block)));
        }
        if self.block.iter().all(|byte| *byte == 0) {
            // The Engine goes on only to say that something follows.
            self.place = Place::End;
            return Ok(());
        }
        let (flag, size) = header::type_and_size(&self.block).map_err(|refusal| reworded(&refusal))?;
        let shown = || header::shown(&self.block);
        let content = match flag {
            b'0' | b'7' => self.records.take().flatten().unwrap_or(size),
            // Of a kind that may be a folder by its name, which has no content.
            0 if size == 0 => self.ends(size)?,
            b'1' | b'2' | b'5' => self.ends(size)?,
            // Long names: an extended header is for what follows these.
            b'L' | b'K' => size,
            b'g' if self.records.is_none() => size,
            b'x' if self.records.is_none() && size <= ARCHIVE_RECORDS_MAX as u64 => {
                let left = super::at_most(size, ARCHIVE_RECORDS_MAX);
                if left == 0 {
                    return Err(bad("an extended header is empty"));
                }
                let filling = left.next_multiple_of(BLOCK) - left;
                self.place = Place::Records { kept: Vec::with_capacity(left), left, filling };
                return Ok(());
            }
            b'3' | b'4' => return Err(bad(format!("{:?} is a device, which belongs into no container", shown()))),
            b'6' => return Err(bad(format!("{:?} is a pipe: make it in the container, with mkfifo", shown()))),
            b'S' => return Err(bad(format!("{:?} is a sparse file: archive it without --sparse", shown()))),
            b'x' | b'g' => return Err(bad("an extended header follows another, or is too large")),
            _ => return Err(bad(format!("{:?} is of a kind that cannot be read in one way alone", shown()))),
        };
        self.place = if content == 0 { Place::Header } else { Place::Content(content.next_multiple_of(BLOCK as u64)) };
        Ok(())
    }

    /// An entry without content.
    fn ends(&mut self, size: u64) -> Result<u64, Refusal> {
        if self.records.take().flatten().unwrap_or(size) == 0 {
            return Ok(0);
        }
        Err(bad(format!("{:?} has a size, and is no file", header::shown(&self.block))))
    }
}

fn packed(packing: Packing) -> Refusal {
    bad(format!("it is packed: {} < FILE | docker cp - CONTAINER:PATH", packing.undone_by()))
}

fn reworded(refusal: &Refusal) -> Refusal {
    let why = refusal.message.split_once(": ").map_or(refusal.message.as_str(), |(_, why)| why);
    bad(why)
}

/// Why it is refused. What came before it is in the container.
fn bad(what: impl std::fmt::Display) -> Refusal {
    Refusal::bad(format!("the archive for the container cannot be passed on: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, flag: u8, size: &str) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..124 + size.len()].copy_from_slice(size.as_bytes());
        block[156] = flag;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn entry(name: &str, flag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = header(name, flag, &format!("{:011o}", content.len()));
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    fn read(parts: &[Vec<u8>]) -> Result<(), String> {
        let all = parts.concat();
        // Whatever the pieces are in which it comes.
        let whole = Parcel::default().read(&all).map_err(|refusal| refusal.message);
        for size in [1, 7, 511, 513] {
            let mut parcel = Parcel::default();
            let pieces = all.chunks(size).try_for_each(|piece| parcel.read(piece).map_err(|refusal| refusal.message));
            assert_eq!(pieces, whole);
        }
        whole
    }

    #[test]
    fn what_programs_write_passes() {
        let long = format!("{}\0", "x".repeat(600));
        for fine in [
            vec![entry("a", b'0', b"hello"), entry("dir/", b'5', b""), entry("link", b'2', b"")],
            vec![entry("a", b'0', &[7; 512]), entry("hard", b'1', b""), entry("old", 0, b"")],
            vec![entry("././@LongLink", b'L', long.as_bytes()), entry("a", b'0', b"x")],
            vec![entry("g", b'g', b"11 mtime=1\n"), entry("x", b'x', b"12 path=abc\n"), entry("a", b'0', b"x")],
            vec![entry("a", b'0', b"x"), vec![0; 2 * BLOCK], vec![7; 99]],
            vec![],
        ] {
            assert_eq!(read(&fine), Ok(()));
        }
        let mut parcel = Parcel::default();
        assert!(parcel.read(&[0x1f]).is_ok() && !parcel.has_begun());
        assert!(parcel.read(&[0; 511]).is_err(), "packed");
    }

    #[test]
    fn devices_are_found_wherever_the_engine_finds_them() {
        let device = || entry("sda", b'4', b"");
        let inside = [entry("a", b'0', &device())];
        assert_eq!(read(&inside), Ok(()), "what a file holds is no entry");
        for evil in [
            vec![device()],
            vec![entry("null", b'3', b"")],
            vec![entry("etc/passwd", b'6', b"")],
            vec![entry("a", b'0', b"x"), device()],
            vec![entry("x", b'x', b"11 mtime=1\n"), device()],
            vec![entry("././@LongLink", b'L', b"dev/sda\0"), device()],
            vec![entry("g", b'g', b"11 mtime=1\n"), device()],
            // Other readers would step over what follows these.
            vec![header("link", b'2', "00000001000"), device()],
            vec![header("dir/", 0, "00000001000"), device()],
            vec![header("hard", b'1', "00000001000"), device()],
            vec![entry("x", b'x', b"22 GNU.sparse.major=1\n"), entry("a", b'0', b"x")],
            vec![entry("a", b'S', b"x")],
            vec![entry("a", b'V', b"x")],
            vec![entry("a", b'0', b"x"), vec![b'x'; BLOCK]],
        ] {
            assert!(read(&evil).is_err());
        }
    }
}
