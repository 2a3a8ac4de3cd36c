//! An image archive on its way to the engine (`docker load`): it is passed on at once, layer by layer, and read meanwhile.
//! The names that it gives are known once all of its headers have been seen; only when they are permitted is the end of it
//! passed on, without which the engine makes nothing.
//!
//! What was packed is unpacked here and sent on so: the engine reads the same bytes that were read here, whatever it would
//! have made of the packed ones.

mod gunzip;
mod places;

use super::{
    case::{Case, Refused},
    maker::Maker,
    room::Holding,
    slots::{NoSlot, Slot},
    undecided::Undecided,
};
use crate::{
    caller::Holder,
    limits::LOAD_COMES_ON,
    wire::{Body, BodyError, BodyFraming, Inbox, LAST_CHUNK, write_chunk},
};
use gunzip::Gunzip;
pub use places::LoadPlaces;
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    task::yield_now,
    time::Instant,
};
use wharden_docker::{Archive, Packing, Refusal};
use wharden_model::Action;

/// An archive, and the request that brings it.
pub struct Load<'g> {
    case: Case<'g>,
    /// `None` once the decision has been made.
    undecided: Option<Undecided>,
    archive: Archive,
    /// What brings the archive to its end: for the engine only when it is permitted.
    end: Vec<u8>,
    form: Form,
    /// The rest passes unread: nothing is refused here.
    unread: bool,
    /// For documents of the archive.
    holding: Holding,
    slot: Option<Slot>,
}

/// How the archive is packed.
enum Form {
    /// Not known until these are enough.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<Gunzip>),
}

/// Why not all of an archive was passed on.
#[derive(Debug)]
pub enum Stopped {
    Body(BodyError),
    Refused(Refused),
}

impl From<BodyError> for Stopped {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl<'g> Load<'g> {
    /// Nothing of it has been read. When it is decided already, nothing will be.
    ///
    /// # Errors
    /// When too many are on their way.
    pub fn new(case: Case<'g>, undecided: Option<Undecided>, holder: Holder) -> Result<Self, Refused> {
        let guard = case.guard;
        let holding = guard.loads.holding(holder.clone());
        let taken = guard.loading.take(holder);
        let full = taken.as_ref().err().copied();
        let mut load = Self {
            case,
            unread: undecided.is_none(),
            undecided,
            archive: Archive::default(),
            end: Vec::new(),
            form: Form::Unknown(Vec::new()),
            holding,
            slot: taken.ok(),
        };
        match full {
            None => Ok(load),
            Some(full) => Err(load.refused(too_many(full))),
        }
    }

    /// Passes the archive on, in chunks, up to and with its end if that is permitted. `maker` hears of the images in it
    /// before the engine gets the end.
    ///
    /// # Errors
    /// [`Stopped`]; the engine has not got to the end.
    pub async fn pass(
        &mut self,
        framing: BodyFraming,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        maker: Option<&Maker<'_>>,
    ) -> Result<(), Stopped> {
        let mut body = Body::new(framing);
        let places = &self.case.guard.loading;
        let (mut came_on, mut brought) = (Instant::now(), 0);
        loop {
            let at_hand = tokio::select! {
                biased;
                at_hand = body.next(inbox, from) => at_hand?,
                () = places.wanted_from(came_on) => return Err(self.refuse(too_slow(places))),
            };
            self.take(inbox.bytes().get(..at_hand.data).unwrap_or_default(), to).await?;
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                break;
            }
            brought += at_hand.data;
            if brought >= LOAD_COMES_ON {
                (came_on, brought) = (Instant::now(), 0);
            }
        }
        self.finish(to, maker).await
    }

    /// Tells that nothing was decided, where nothing was, and why. Its place is held as long as the engine is at it.
    pub fn conclude(mut self, why: &str) -> Option<Slot> {
        if self.undecided.is_some() {
            self.refuse(Refusal::bad(format!("the image archive was not judged: {why}")));
        }
        self.slot.take()
    }

    async fn take(&mut self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stopped> {
        match &mut self.form {
            Form::Unknown(first) => {
                first.extend_from_slice(bytes);
                if first.len() < Packing::SEEN {
                    return Ok(());
                }
                let first = std::mem::take(first);
                self.begin(&first, to).await
            }
            Form::Plain => self.pass_on(bytes, to).await,
            Form::Gzip(_) => self.unpack(bytes, to).await,
        }
    }

    /// Takes the first bytes.
    async fn begin(&mut self, first: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stopped> {
        match Packing::of(first) {
            Packing::Gzip if !self.unread => {
                self.form = Form::Gzip(Box::default());
                self.unpack(first, to).await
            }
            packing => {
                self.form = Form::Plain;
                if packing != Packing::Plain && !self.unread {
                    self.cannot_read(Refusal::bad(format!(
                        "the image archive cannot be judged: it is packed in a way that the guard does not undo. Unpack it \
                         first: {} < FILE | docker load",
                        packing.undone_by()
                    )))?;
                }
                self.pass_on(first, to).await
            }
        }
    }

    async fn unpack(&mut self, mut packed: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stopped> {
        while !packed.is_empty() {
            let Form::Gzip(gunzip) = &mut self.form else { return Ok(()) };
            let unpacked = gunzip.unpack(&mut packed);
            let is_a_bomb = gunzip.is_a_bomb();
            let unpacked = unpacked.map_err(|error| self.damaged(&error))?;
            if is_a_bomb && !self.case.observes() {
                let why = "the image archive cannot be judged: it grows far more than images do as it is unpacked. Unpack it \
                           first: gzip -dc < FILE | docker load";
                return Err(self.refuse(Refusal::bad(why)));
            }
            self.pass_on(&unpacked, to).await?;
            // A little that is packed may be much that is not, of which nothing goes anywhere.
            yield_now().await;
        }
        Ok(())
    }

    async fn finish(&mut self, to: &mut (impl AsyncWrite + Unpin), maker: Option<&Maker<'_>>) -> Result<(), Stopped> {
        match &mut self.form {
            Form::Unknown(first) => {
                let first = std::mem::take(first);
                self.begin(&first, to).await?;
            }
            Form::Plain => {}
            Form::Gzip(gunzip) => {
                let last = gunzip.finish();
                let last = last.map_err(|error| self.damaged(&error))?;
                self.pass_on(&last, to).await?;
            }
        }
        let images = self.decide()?;
        if let Some(maker) = maker.filter(|_| !images.is_empty()) {
            maker.begins(images).await;
        }
        let end = std::mem::take(&mut self.end);
        write(&end, to).await?;
        to.write_all(LAST_CHUNK).await.map_err(|error| BodyError::Write(error).into())
    }

    /// Reads on, and passes on what has been read, up to the end of the archive.
    async fn pass_on(&mut self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stopped> {
        if self.unread {
            return write(bytes, to).await;
        }
        match self.archive.read(bytes) {
            Ok(own) if self.archive.has_ended() => {
                self.end.extend_from_slice(bytes.get(..own).unwrap_or_default());
                self.hold().await
            }
            Ok(_) => {
                self.hold().await?;
                write(bytes, to).await
            }
            Err(refusal) => {
                self.cannot_read(refusal)?;
                let end = std::mem::take(&mut self.end);
                write(&end, to).await?;
                write(bytes, to).await
            }
        }
    }

    async fn hold(&mut self) -> Result<(), Stopped> {
        let held = self.holding.hold(self.archive.footprint() + self.end.len()).await;
        held.map_err(|full| {
            self.refuse(Refusal::with(
                full.status(),
                "image archives that are being loaded hold all the memory there is for their documents: try again when \
                 others are done, or load fewer images at a time",
            ))
        })
    }

    /// The decision, once: the body is at its end, and so is the archive. Gives the ids of the images in it.
    fn decide(&mut self) -> Result<Vec<String>, Stopped> {
        if self.undecided.is_none() {
            return Ok(Vec::new());
        }
        self.case.begins_now();
        let names = match self.archive.names() {
            Ok(names) => names,
            Err(refusal) => return self.cannot_read(refusal).map(|()| Vec::new()),
        };
        if let Some(known) = self.undecided.take() {
            self.case.decide_archive(&known, Some(&names)).map_err(Stopped::Refused)?;
        }
        Ok(names.images().map(str::to_owned).collect())
    }

    /// What cannot be read is refused, but where nothing is: there it is decided on without names.
    fn cannot_read(&mut self, refusal: Refusal) -> Result<(), Stopped> {
        self.case.begins_now();
        if !self.case.observes() {
            return Err(self.refuse(refusal));
        }
        self.unread = true;
        self.undecided.take().map_or(Ok(()), |known| self.case.decide_archive(&known, None).map_err(Stopped::Refused))
    }

    fn damaged(&mut self, error: &io::Error) -> Stopped {
        self.refuse(Refusal::bad(format!("the image archive cannot be judged: as gzip it is damaged: {error}")))
    }

    fn refuse(&mut self, refusal: Refusal) -> Stopped {
        Stopped::Refused(self.refused(refusal))
    }

    /// An event where there is none yet.
    fn refused(&mut self, refusal: Refusal) -> Refused {
        self.case.begins_now();
        match self.undecided.take() {
            Some(_) => self.case.invalid(Action::ImageLoad, refusal),
            None => Refused { status: refusal.status, message: refusal.message, body_read: false },
        }
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        // Its connection was cut off where it stood.
        if self.undecided.is_some() {
            self.refuse(Refusal::bad("the image archive was not judged: its connection was cut off"));
        }
    }
}

fn too_many(full: NoSlot) -> Refusal {
    match full {
        NoSlot::All(max) => Refusal::with(
            503,
            format!(
                "all {max} places for image archives are taken: try again when one is loaded, or raise limits.loads"
            ),
        ),
        NoSlot::User(max) => Refusal::with(
            429,
            format!(
                "your user has {max} image archives on their way, which is all that it may beside those of others: let one \
                 come to its end and try again, or raise limits.loads_per_user and limits.loads"
            ),
        ),
    }
}

fn too_slow(places: &LoadPlaces) -> Refusal {
    let waited = places.silence().as_secs();
    Refusal::with(
        408,
        format!(
            "the image archive has hardly come on for {waited} s, and somebody else waits for its place: load it again from \
             where it comes faster, or raise limits.load_silence_s"
        ),
    )
}

async fn write(bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Stopped> {
    write_chunk(bytes, to).await.map_err(|error| BodyError::Write(error).into())
}
