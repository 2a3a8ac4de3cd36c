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
mod parcel;
mod path;
mod pax;

#[cfg(test)]
mod tests;

use crate::{
    limits::{
        ARCHIVE_CONFIG_MAX, ARCHIVE_DOCUMENT_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_FILLING_MAX, ARCHIVE_NAMES_MAX,
        ARCHIVE_RECORDS_MAX,
    },
    refusal::{Refusal, shorten},
};
use data_encoding::HEXLOWER;
use documents::Document;
use header::{BLOCK, Header, Kind};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub use names::{FROM_ARCHIVE, Names};
pub use packing::Packing;
pub use parcel::Parcel;

/// What remembering a file takes, beside its name.
const FILE_BYTES: usize = 96;

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
    /// Every file that may be an image's configuration, by its name: SHA-256, `None` of one that is too large for that.
    files: BTreeMap<String, Option<[u8; 32]>>,
    /// Bytes that these take.
    files_bytes: usize,
    /// Descriptions of images as programs before Docker 1.10 wrote them (`ID/json`).
    oldest: bool,
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
    /// Nothing but zeros follows; so many have.
    End(usize),
}

/// What of a content is kept.
#[derive(Debug)]
enum Keep {
    Nothing,
    Document(Document),
    Records(Vec<u8>),
    Digest(String, Box<Sha256>),
    /// Of a large file: it must not begin like JSON. Its name.
    Large(String),
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
            files: BTreeMap::new(),
            files_bytes: 0,
            oldest: false,
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
                        Keep::Digest(_, digest) => digest.update(&bytes[..n]),
                        // Engines read documents wherever an index says that there is one, into memory, and at each list of images.
                        Keep::Large(name) if matches!(bytes[0], b'{' | b' ' | b'\t' | b'\r' | b'\n') => {
                            return Err(bad(format!(
                                "{:?} is larger than {ARCHIVE_CONFIG_MAX} bytes and begins like a document; labels and environment \
                                 belong into files",
                                shorten(name)
                            )));
                        }
                        Keep::Large(_) => *keep = Keep::Nothing,
                    }
                    *left -= n as u64;
                    let filling = if *left == 0 { at_most(*padding, bytes.len() - n) } else { 0 };
                    *padding -= filling as u64;
                    bytes = &bytes[n + filling..];
                    if *left == 0 && *padding == 0 {
                        match std::mem::replace(keep, Keep::Nothing) {
                            Keep::Records(records) => self.records = Some(pax::size(&records)?),
                            Keep::Digest(name, digest) => drop(self.files.insert(name, Some(digest.finalize().into()))),
                            Keep::Nothing | Keep::Document(_) | Keep::Large(_) => {}
                        }
                        self.place = Place::Header;
                    }
                }
                Place::End(zeros) => {
                    *zeros += bytes.len();
                    return if bytes.iter().any(|byte| *byte != 0) {
                        Err(bad("something follows its end"))
                    } else if *zeros > ARCHIVE_FILLING_MAX {
                        Err(bad(format!("more than {ARCHIVE_FILLING_MAX} bytes of zeros follow its end")))
                    } else {
                        Ok(own)
                    };
                }
            }
        }
        Ok(own)
    }

    /// True when the Engine, given what has been read, would take the archive for complete.
    pub fn has_ended(&self) -> bool {
        matches!(self.place, Place::End(_))
    }

    /// Bytes that are held of documents and files.
    pub fn footprint(&self) -> usize {
        self.documents.iter().flatten().map(Vec::capacity).sum::<usize>() + self.files_bytes
    }

    /// The names that it gives, after its end.
    ///
    /// # Errors
    /// 400 when it has not ended, when no document names its images, or when one cannot be read.
    pub fn names(&self) -> Result<Names, Refusal> {
        let has_ended = match self.place {
            Place::End(_) => true,
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
            Some(_) if self.oldest && self.documents[Document::Manifest as usize].is_none() => Err(bad(
                "it has the form of before Docker 1.10, without manifest.json, which engines read without end where an image says that \
                 it was made from itself: save the image anew",
            )),
            Some(first) => {
                // Of an archive in both forms the index may say less.
                names.unnamed |= first == Document::Index && names.unnamed_in_index;
                self.images(&mut names)?;
                Ok(names)
            }
        }
    }

    /// The ids that the Engine gives to the images of a `manifest.json`: the digests of their configurations.
    fn images(&self, names: &mut Names) -> Result<(), Refusal> {
        if names.configs.len() > ARCHIVE_NAMES_MAX {
            return Err(bad(format!("it has more than {ARCHIVE_NAMES_MAX} images: load it in parts")));
        }
        let mut parents = BTreeMap::new();
        for (config, parent) in &names.configs {
            match self.files.get(config) {
                Some(Some(digest)) => {
                    let id = format!("sha256:{}", HEXLOWER.encode(digest));
                    parents.insert(id.clone(), parent.clone());
                    names.images.insert(id);
                }
                Some(None) => {
                    return Err(bad(format!(
                        "{:?}, the configuration of an image, is larger than {ARCHIVE_CONFIG_MAX} bytes; labels and \
                         environment belong into files",
                        shorten(config)
                    )));
                }
                // The Engine may find a file by a name that is written in another way.
                None => {
                    return Err(bad(format!(
                        "manifest.json names the configuration {:?}, and no file is called so: save the image anew",
                        shorten(config)
                    )));
                }
            }
        }
        // The Engine notes what it is told, and follows it later without looking where it has been.
        let comes_back = |id: &String| {
            let mut at = id;
            (0..=parents.len()).all(|_| {
                parents.get(at).is_some_and(|parent| {
                    at = parent;
                    true
                })
            })
        };
        match parents.keys().find(|id| comes_back(id)) {
            None => Ok(()),
            Some(id) => {
                Err(bad(format!("image {id} is to be made from one that is made from it: save the images anew")))
            }
        }
    }

    fn block(&mut self) -> Result<(), Refusal> {
        let is_zero = self.block.iter().all(|byte| *byte == 0);
        match (&self.place, is_zero) {
            (Place::SecondZero, true) => self.place = Place::End(0),
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
                None if path::is_layer(&header.name) => Keep::Nothing,
                None => self.file(&header.name, size),
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

    /// A file that is no layer; of two with one name the later counts.
    fn file(&mut self, name: &str, size: u64) -> Keep {
        // Of one without content there is no end that would bring the digest.
        let at_once = (size == 0).then(|| Sha256::digest([]).into());
        if self.files.insert(name.to_owned(), at_once).is_none() {
            self.files_bytes += name.len() + FILE_BYTES;
        }
        self.oldest |= name.rsplit('/').next() == Some("json");
        match size {
            0 => Keep::Nothing,
            1..=ARCHIVE_CONFIG_MAX => Keep::Digest(name.to_owned(), Box::default()),
            _ => Keep::Large(name.to_owned()),
        }
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
