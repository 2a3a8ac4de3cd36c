//! Files on their way into a container (`docker cp`): passed on as they come, after a look at what they are.

use super::{
    case::{Case, Refused},
    load::{Load, Stopped},
    maker::Maker,
    slots::Slot,
};
use crate::wire::{Body, BodyError, BodyFraming, Inbox, LAST_CHUNK, write_chunk};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use wharden_docker::{Parcel, Refusal};
use wharden_model::Action;

/// An archive that is read on its way to the engine.
pub enum Carried<'g> {
    /// Decided by what is in it.
    Images(Box<Load<'g>>),
    Files(Box<Files<'g>>),
}

impl Carried<'_> {
    /// Passes it on, in chunks, up to and with its end.
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
        match self {
            Self::Images(load) => load.pass(framing, inbox, from, to, maker).await,
            Self::Files(files) => files.pass(framing, inbox, from, to).await,
        }
    }

    /// Tells that nothing was decided, where nothing was, and why. A place that was taken is held as long as the engine is at it.
    pub fn conclude(self, why: &str) -> Option<Slot> {
        match self {
            Self::Images(load) => load.conclude(why),
            Self::Files(_) => None,
        }
    }
}

/// Files for a container, and the request that brings them.
pub struct Files<'g> {
    case: Case<'g>,
    parcel: Parcel,
    /// What came before it was known what it is.
    first: Vec<u8>,
}

impl<'g> Files<'g> {
    /// Nothing has been read.
    pub fn new(case: Case<'g>) -> Self {
        Self { case, parcel: Parcel::default(), first: Vec::new() }
    }

    async fn pass(
        &mut self,
        framing: BodyFraming,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Stopped> {
        let mut body = Body::new(framing);
        loop {
            let at_hand = body.next(inbox, from).await?;
            let bytes = inbox.bytes().get(..at_hand.data).unwrap_or_default();
            self.look_at(bytes)?;
            if self.parcel.has_begun() || self.case.observes() {
                let first = std::mem::take(&mut self.first);
                for part in [first.as_slice(), bytes] {
                    write_chunk(part, to).await.map_err(BodyError::Write)?;
                }
            } else {
                // Less than a header.
                self.first.extend_from_slice(bytes);
            }
            Body::used(inbox, &at_hand);
            if at_hand.is_last {
                break;
            }
        }
        if !self.first.is_empty() {
            self.parcel.end().map_err(|refusal| self.refused(refusal))?;
        }
        to.write_all(LAST_CHUNK).await.map_err(|error| BodyError::Write(error).into())
    }

    /// Nothing is refused where nothing is enforced.
    fn look_at(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if self.case.observes() {
            return Ok(());
        }
        self.parcel.read(bytes).map_err(|refusal| self.refused(refusal))
    }

    fn refused(&self, refusal: Refusal) -> Stopped {
        let Refused { status, message, .. } = self.case.invalid(Action::ContainerArchiveWrite, refusal);
        Stopped::Refused(Refused { status, message, body_read: false })
    }
}
