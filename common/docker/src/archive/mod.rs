//! What an image archive (`docker load`) says that it makes: the names that its images would get, read while it passes.
//!
//! The Engine unpacks an archive into a folder, or takes it entry by entry, and looks for the documents that name images once
//! it has come to its end. So whoever knows all headers of an archive knows the names before the Engine does; contents other
//! than the documents are stepped over. This holds as long as both read the same headers, so what readers of tar archives
//! differ about is refused.

mod documents;
mod header;
mod names;
mod packing;
mod path;
mod pax;

#[cfg(test)]
mod tests;

use crate::{
    limits::{ARCHIVE_DOCUMENT_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_RECORDS_MAX},
    refusal::{Refusal, shorten},
};
use documents::Document;
use header::{BLOCK, Header, Kind};

pub use names::{FROM_ARCHIVE, Names};
pub use packing::Packing;

/// An archive on its way to the Engine.
#[derive(Debug)]
pub struct Archive {
    place: Place,
    /// What there is of the header that comes next.
    block: [u8; BLOCK],
    filled: usize,
    entries: usize,
    /// Extended headers have come before the present entry, and the size that they give.
    records: Option<Option<u64>>,
    documents: [Option<Vec<u8>>; Document::ALL.len()],
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Place {
    Header,
    /// The content of an entry.
    Content {
        keep: Keep,
        left: u64,
        padding: u64,
    },
    /// The second block of the two that end an archive.
    SecondZero,
    /// Nothing but zeros follows.
    End,
}

/// What of a content is kept.
#[derive(Debug)]
enum Keep {
    Nothing,
    Document(Document),
    Records(Vec<u8>),
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            place: Place::Header,
            block: [0; BLOCK],
            filled: 0,
            entries: 0,
            records: None,
            documents: Default::default(),
        }
    }
}

impl Archive {
    /// Reads on, and says how many of the bytes belong to the archive; zeros behind its end do not. These may be passed on to
    /// the Engine, unless they bring the archive to its end, see [`Archive::has_ended`]: then only once the names are permitted.
    ///
    /// # Errors
    /// 400 for what is no image archive, or could be read in more than one way: the Engine must not get to the end of it.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<usize, Refusal> {
        let (whole, mut own) = (bytes.len(), if self.has_ended() { 0 } else { bytes.len() });
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Header | Place::SecondZero => {
                    let n = bytes.len().min(BLOCK - self.filled);
                    self.block[self.filled..self.filled + n].copy_from_slice(&bytes[..n]);
                    self.filled += n;
                    bytes = &bytes[n..];
                    if self.filled == BLOCK {
                        self.filled = 0;
                        self.block()?;
                    }
                    if self.has_ended() {
                        own = whole - bytes.len();
                    }
                }
                Place::Content { keep, left, padding } => {
                    let n = at_most(*left, bytes.len());
                    match keep {
                        Keep::Nothing => {}
                        Keep::Document(document) => {
                            let kept = self.documents[*document as usize].get_or_insert_default();
                            kept.extend_from_slice(&bytes[..n]);
                        }
                        Keep::Records(kept) => kept.extend_from_slice(&bytes[..n]),
                    }
                    *left -= n as u64;
                    let filling = if *left == 0 { at_most(*padding, bytes.len() - n) } else { 0 };
                    *padding -= filling as u64;
                    bytes = &bytes[n + filling..];
                    if *left == 0 && *padding == 0 {
                        if let Keep::Records(records) = keep {
                            self.records = Some(pax::size(records)?);
                        }
                        self.place = Place::Header;
                    }
                }
                Place::End => {
                    return if bytes.iter().all(|byte| *byte == 0) {
                        Ok(own)
                    } else {
                        Err(bad("something follows its end"))
                    };
                }
            }
        }
        Ok(own)
    }

    /// True when the Engine, given what has been read, would take the archive for complete.
    pub fn has_ended(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// Bytes that are held of documents.
    pub fn footprint(&self) -> usize {
        self.documents.iter().flatten().map(Vec::capacity).sum()
    }

    /// The names that it gives, after its end.
    ///
    /// # Errors
    /// 400 when it has not ended, when no document names its images, or when one cannot be read.
    pub fn names(&self) -> Result<Names, Refusal> {
        let has_ended = match self.place {
            Place::End => true,
            // One block of zeros and nothing more is an end too.
            Place::SecondZero => self.filled == 0,
            Place::Header | Place::Content { .. } => false,
        };
        if !has_ended {
            return Err(bad("it stops before its end"));
        }
        let mut names = Names::default();
        let mut read = None;
        for document in Document::ALL {
            if let Some(bytes) = &self.documents[document as usize] {
                document.read(bytes, &mut names)?;
                read.get_or_insert(document);
            }
        }
        match read {
            None => Err(bad(
                "neither manifest.json nor index.json nor repositories is in it, so that nothing says what it makes. What \
                 docker save writes has them; the files of a container are for docker import",
            )),
            Some(first) => {
                // Of an archive in both forms the index may say less.
                names.unnamed |= first == Document::Index && names.unnamed_in_index;
                Ok(names)
            }
        }
    }

    fn block(&mut self) -> Result<(), Refusal> {
        let is_zero = self.block.iter().all(|byte| *byte == 0);
        match (&self.place, is_zero) {
            (Place::SecondZero, true) => self.place = Place::End,
            (Place::SecondZero, false) => return Err(bad("something follows its end")),
            (_, true) if self.records.is_some() => return Err(bad("it ends after an extended header")),
            (_, true) => self.place = Place::SecondZero,
            // The Engine would take it for that.
            (_, false) if self.entries == 0 && Packing::of(&self.block) != Packing::Plain => {
                return Err(bad("it begins like something that is packed once more"));
            }
            (_, false) => {
                let header = header::read(&self.block)?;
                self.enter(&header)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, header: &Header) -> Result<(), Refusal> {
        self.entries += 1;
        if self.entries > ARCHIVE_ENTRIES_MAX {
            return Err(bad(format!("it has more than {ARCHIVE_ENTRIES_MAX} entries: load it in parts")));
        }
        let records = self.records.take();
        let size = records.flatten().unwrap_or(header.size);
        let keep = match header.kind {
            Kind::Records if records.is_some() => return Err(bad("an extended header follows another")),
            Kind::Records if size > ARCHIVE_RECORDS_MAX as u64 => {
                return Err(bad(format!("an extended header is larger than {ARCHIVE_RECORDS_MAX} bytes")));
            }
            Kind::Records => Keep::Records(Vec::new()),
            Kind::Folder | Kind::Link if size > 0 => {
                return Err(bad(format!("entry {:?} has a size, and is no file", shorten(&header.name))));
            }
            Kind::Folder | Kind::Link => Keep::Nothing,
            Kind::File => match Document::like(&header.name) {
                None => Keep::Nothing,
                Some(document) => {
                    self.open(document, size)?;
                    Keep::Document(document)
                }
            },
        };
        if size == 0 {
            if let Keep::Records(_) = keep {
                return Err(bad("an extended header is empty"));
            }
        } else {
            let padding = size.next_multiple_of(BLOCK as u64) - size;
            self.place = Place::Content { keep, left: size, padding };
        }
        Ok(())
    }

    fn open(&mut self, document: Document, size: u64) -> Result<(), Refusal> {
        let place = &mut self.documents[document as usize];
        if place.is_some() {
            return Err(bad(format!("{} is in it twice", document.name())));
        }
        if size > ARCHIVE_DOCUMENT_MAX as u64 {
            return Err(bad(format!(
                "{} is larger than {ARCHIVE_DOCUMENT_MAX} bytes: load it in parts",
                document.name()
            )));
        }
        *place = Some(Vec::new());
        Ok(())
    }
}

fn at_most(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).unwrap_or(usize::MAX).min(there)
}

/// Why an archive is refused.
fn bad(what: impl std::fmt::Display) -> Refusal {
    Refusal::bad(format!("the image archive cannot be judged: {what}"))
}
