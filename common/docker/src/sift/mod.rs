//! Takes out of lists what must not be seen, while they come. Of the things in a list only the one that is coming is held,
//! and it is passed on as the engine wrote it, byte for byte; so is everything that is no list.

mod thing;

use crate::{
    json::{Scan, Token},
    limits::{LIST_FIELD_MAX, SIFTED_AT_ONCE, THING_MAX, THING_VALUES_MAX},
    listing::UnknownForm,
};
pub use thing::{attached, listed_reading, service_of_task};
use wharden_model::{Action, ResourceKind};

/// Says of a thing of this kind, as the engine wrote it, whether it is passed on.
type Passes<'p> = &'p mut dyn FnMut(ResourceKind, &[u8]) -> Result<bool, UnknownForm>;

/// A list, or several in one document, on the way from its beginning to its end.
#[derive(Debug)]
pub struct Sifter {
    scan: Scan,
    /// What the brackets are that are open, but for those within a thing, or within what is passed on.
    levels: Vec<Level>,
    /// What the value is that comes next on the last of these levels.
    part: Part,
    field: Vec<u8>,
    /// What has come of a thing.
    thing: Vec<u8>,
    /// Its values.
    values: usize,
    /// It is larger than any that is held.
    too_large: bool,
}

#[derive(Debug)]
enum Level {
    Fields(Part),
    Things {
        kind: ResourceKind,
        /// One has been passed on.
        shown: bool,
    },
}

/// What a part of an answer is.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// A list of things, or of what there is of each in a network by its id, or `null`.
    Things(ResourceKind),
    /// The answer to `GET /volumes`.
    Volumes,
    /// The answer to `GET /system/df`.
    DiskUsage,
    /// In it, from API 1.52 on: the list and its sums.
    Summary(ResourceKind),
    /// A number in it.
    Sum,
    /// The answer to `GET /networks/{id}`, which names what is attached.
    Network,
    /// Nothing that belongs to anybody.
    Other,
}

impl Part {
    /// The answer of an action.
    fn of(action: Action) -> Option<Self> {
        Some(match (action, action.shows()) {
            (Action::VolumeList, _) => Self::Volumes,
            (Action::SystemDf, _) => Self::DiskUsage,
            (Action::NetworkInspect, _) => Self::Network,
            (_, [kind]) => Self::Things(*kind),
            _ => return None,
        })
    }

    /// What a field of it is; `None` for one that is not known.
    fn field(self, name: &str) -> Option<Self> {
        use ResourceKind::{Container, Engine, Image, Volume};
        Some(match (self, name) {
            (Self::Volumes | Self::DiskUsage, "Volumes") => Self::Things(Volume),
            (Self::Volumes, "Warnings") => Self::Other,
            // One list of each kind up to API 1.51, then one inside of each kind's summary.
            (Self::DiskUsage, "Containers") => Self::Things(Container),
            (Self::DiskUsage, "Images") => Self::Things(Image),
            (Self::DiskUsage, "ContainerUsage") => Self::Summary(Container),
            (Self::DiskUsage, "ImageUsage") => Self::Summary(Image),
            (Self::DiskUsage, "VolumeUsage") => Self::Summary(Volume),
            // What the build cache holds tells of the builds of everybody.
            (Self::DiskUsage, "BuildCache") => Self::Things(Engine),
            (Self::DiskUsage, "BuildCacheUsage") => Self::Summary(Engine),
            (Self::DiskUsage, "LayersSize" | "BuilderSize") => Self::Other,
            (Self::Summary(kind), "Items") => Self::Things(kind),
            (Self::Summary(_), _) => Self::Sum,
            (Self::Network, "Containers") => Self::Things(Container),
            (Self::Network, _) => Self::Other,
            _ => return None,
        })
    }
}

impl Sifter {
    /// Of the answer of this action, of which nothing has come.
    ///
    /// # Errors
    /// [`UnknownForm`] for an answer that is no list.
    pub fn new(action: Action) -> Result<Self, UnknownForm> {
        Ok(Self {
            scan: Scan::default(),
            levels: Vec::new(),
            part: Part::of(action).ok_or(UnknownForm)?,
            field: Vec::new(),
            thing: Vec::new(),
            values: 0,
            too_large: false,
        })
    }

    /// Bytes that are held.
    pub fn footprint(&self) -> usize {
        self.thing.capacity()
    }

    /// Reads on until all is read, or `out`, which gets what may be passed on, has [`SIFTED_AT_ONCE`]. Gives how many
    /// bytes were read.
    ///
    /// # Errors
    /// [`UnknownForm`]: nothing more of the answer may be passed on.
    pub fn take(&mut self, bytes: &[u8], passes: Passes<'_>, out: &mut Vec<u8>) -> Result<usize, UnknownForm> {
        let mut read = 0;
        while let Some(rest) = bytes.get(read..).filter(|rest| !rest.is_empty() && out.len() < SIFTED_AT_ONCE) {
            let before = self.scan.depth();
            let (length, token) = self.scan.next(rest)?;
            // A bracket stands outside of what it encloses.
            let depth = before.min(self.scan.depth());
            let piece = rest.get(..length).unwrap_or_default();
            if self.is_frame(depth, token, piece)? {
                out.extend_from_slice(piece);
            } else if token == Token::Close && depth == self.levels.len() {
                self.thing_ends(passes, out)?;
            }
            read += length;
        }
        Ok(read)
    }

    /// The answer is at its end.
    ///
    /// # Errors
    /// [`UnknownForm`] when it is not whole.
    pub fn end(self) -> Result<(), UnknownForm> {
        if self.scan.is_whole() { Ok(()) } else { Err(UnknownForm) }
    }

    /// Takes a piece; true when it is passed on whatever the things are, which are held. Commas between them are put anew.
    fn is_frame(&mut self, depth: usize, token: Token, piece: &[u8]) -> Result<bool, UnknownForm> {
        let levels = self.levels.len();
        match self.levels.last() {
            _ if depth < levels => drop(self.levels.pop()),
            Some(Level::Things { .. }) => match token {
                Token::Space if depth == levels => {}
                Token::Comma if depth == levels => return Ok(false),
                // A thing is an object.
                Token::Scalar if depth == levels => return Err(UnknownForm),
                Token::Open if depth == levels && piece != b"{" => return Err(UnknownForm),
                _ => {
                    // Each value but the first of a bracket comes after a comma.
                    self.values += usize::from(matches!(token, Token::Open | Token::Comma));
                    self.hold(piece);
                    return Ok(false);
                }
            },
            _ if depth > levels => {}
            fields => match (token, fields) {
                (Token::Key, _) if self.field.len() + piece.len() > LIST_FIELD_MAX => return Err(UnknownForm),
                (Token::Key, _) => self.field.extend_from_slice(piece),
                (Token::Colon, Some(Level::Fields(of))) => {
                    let name: String = serde_json::from_slice(&self.field).map_err(|_| UnknownForm)?;
                    self.part = of.field(&name).ok_or(UnknownForm)?;
                    self.field.clear();
                }
                (Token::Open, _) => self.opens(piece)?,
                (Token::Scalar, _) => match self.part {
                    Part::Other => {}
                    Part::Sum if piece != b"\"" => {}
                    Part::Things(_) | Part::Summary(_) if piece.iter().all(|byte| b"null".contains(byte)) => {}
                    _ => return Err(UnknownForm),
                },
                _ => {}
            },
        }
        Ok(true)
    }

    /// The present part begins.
    fn opens(&mut self, bracket: &[u8]) -> Result<(), UnknownForm> {
        self.levels.push(match (self.part, bracket) {
            (Part::Other, _) => return Ok(()),
            // By their ids, those that are attached to a network.
            (Part::Things(kind), b"{") if self.is_network() => Level::Things { kind, shown: false },
            (Part::Things(kind), b"[") if !self.is_network() => Level::Things { kind, shown: false },
            (Part::Volumes | Part::DiskUsage | Part::Summary(_) | Part::Network, b"{") => Level::Fields(self.part),
            _ => return Err(UnknownForm),
        });
        Ok(())
    }

    fn is_network(&self) -> bool {
        matches!(self.levels.first(), Some(Level::Fields(Part::Network)))
    }

    fn hold(&mut self, piece: &[u8]) {
        let length = self.thing.len() + piece.len();
        self.too_large |= length > THING_MAX || self.values > THING_VALUES_MAX;
        if self.too_large {
            self.thing = Vec::new();
            return;
        }
        if length > self.thing.capacity() {
            self.thing.reserve_exact((length * 2).min(THING_MAX) - self.thing.len());
        }
        self.thing.extend_from_slice(piece);
    }

    /// Nobody is shown a thing that is too large to be decided on.
    fn thing_ends(&mut self, passes: Passes<'_>, out: &mut Vec<u8>) -> Result<(), UnknownForm> {
        let Some(Level::Things { kind, shown }) = self.levels.last_mut() else { return Err(UnknownForm) };
        if !std::mem::take(&mut self.too_large) && passes(*kind, &self.thing)? {
            if std::mem::replace(shown, true) {
                out.push(b',');
            }
            out.extend_from_slice(&self.thing);
        }
        self.values = 0;
        self.thing.clear();
        self.thing.shrink_to(SIFTED_AT_ONCE);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
