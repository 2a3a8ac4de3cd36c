use super::{
    Guard,
    case::{Case, Passed, Refused, Who},
    claims::Claim,
    exchange::framed,
    files::{Carried, Files},
    keep::Kept,
    link::Link,
    load::Load,
    room::Holding,
    slots::{NoSlot, Slot},
    turns::Turn,
    whole::{Unread, read_whole},
};
use crate::{
    caller::{Holder, Peer, Unidentified, identify},
    inventory::Reply,
    limits::{HANGUP_LOOK, HELD_FREE},
    wire::{BodyError, BodyFraming},
};
use std::{sync::Arc, time::Instant};
use tokio::{io::AsyncWriteExt, time::timeout};
use wharden_docker::{ApiVersion, ForwardBody, Framing, Head, Judged, Listing, Refusal, Request, describes};
use wharden_model::{Action, Principal, Timestamp};

/// The end of a request's way through the guard, up to the engine.
pub enum Verdict<'g> {
    Forward(Box<Admitted<'g>>),
    /// The engine's answer is at hand: it is what was decided on.
    Answer(Reply),
    Refuse(Refused),
}

/// A request that may go to the engine, in the form that was judged.
pub struct Admitted<'g> {
    pub judged: Judged,
    /// Passes the archive on that comes with it.
    pub carried: Option<Carried<'g>>,
    /// Held until the engine has answered, where it packs or unpacks an archive.
    pub archive: Option<Slot>,
    /// Held until the engine has made the list, whether the client waits for it or not, and the client has taken it.
    pub list: Option<Turn>,
    /// Held until the engine has made the container or the volume, or found the image, whether the client waits for it or not.
    pub creation: Vec<Turn<String>>,
    /// Held until the engine is done with a copy from or into a container.
    pub still: Option<Turn<String>>,
    /// Held as long as the engine's events stream.
    pub events: Option<Slot>,
    /// Held as long as the session or the build goes on.
    pub claims: Vec<Claim>,
    /// The client still waits for `100 Continue`.
    pub continue_first: bool,
    /// The client wants the connection closed after the answer.
    pub closes: bool,
}

/// The client is gone: nobody is left to answer.
#[derive(Debug)]
pub struct Lost;

/// The caller of a connection. Asked once; asked again while the answer was an error.
#[derive(Debug)]
pub struct Caller {
    peer: Peer,
    known: Option<Arc<Principal>>,
}

impl Caller {
    /// Not yet identified.
    pub fn new(peer: Peer) -> Self {
        Self { peer, known: None }
    }

    /// Who it is, if that has been found out.
    pub fn known(&self) -> Option<&Arc<Principal>> {
        self.known.as_ref()
    }

    /// Whose connection it is.
    pub fn holder(&self) -> Holder {
        self.peer.holder()
    }

    /// The account of this host that it is known to be; none of a container's, whatever number that has.
    pub fn uid(&self) -> Option<u32> {
        self.peer.uid().filter(|_| matches!(self.known.as_deref(), Some(Principal::User { .. })))
    }

    async fn principal(&mut self, guard: &Guard) -> Result<Arc<Principal>, Unidentified> {
        let process = match &self.peer {
            Peer::Remote(remote) => {
                // Asked anew for every request: what a certificate is worth may end while its connection goes on.
                let principal = Arc::new(remote.principal(&guard.bundles.current(), Timestamp(guard.clock.now()))?);
                self.known = Some(Arc::clone(&principal));
                return Ok(principal);
            }
            Peer::Process(process) => process,
        };
        if let Some(known) = &self.known {
            return Ok(Arc::clone(known));
        }
        let principal = guard.workloads.one(identify(process, &guard.engine, &guard.names).await?);
        self.known = Some(Arc::clone(&principal));
        Ok(principal)
    }
}

impl Guard {
    /// Takes a request from its head to the decision.
    pub(super) async fn admit<'g>(
        &'g self,
        client: &mut Link,
        caller: &mut Caller,
        holding: &mut Holding,
        head: &Head,
        api: ApiVersion,
    ) -> Result<Verdict<'g>, Lost> {
        let started = Instant::now();
        let who = match caller.principal(self).await {
            Ok(principal) => Who { principal, nobody: None, uid: caller.uid() },
            Err(Unidentified::Engine(error)) => return Ok(Verdict::Refuse(self.engine_failed(&error, false))),
            Err(Unidentified::Unwelcome(why)) => {
                let message = format!("Wharden: {}", super::remote::refusal(&why));
                return Ok(Verdict::Refuse(Refused { status: 401, message, body_read: false }));
            }
            Err(error) => {
                let principal = Arc::new(Principal::User { name: caller.peer.name() });
                Who { principal, nobody: Some(error.to_string()), uid: None }
            }
        };
        let mut case = Case::new(self, started, head, who);
        let request = match case.begin(head, api) {
            Ok(request) => request,
            Err(refused) => return Ok(Verdict::Refuse(refused)),
        };
        let (closes, action) = (request.closes(), request.endpoint().action);
        let mut continue_first = request.expects_continue();
        let body = match request.buffers_body() {
            None => None,
            Some(limit) => match self.read_body(client, holding, &request, limit).await? {
                Ok(body) => {
                    case.body_read();
                    continue_first = false;
                    Some(body)
                }
                Err(refusal) => return Ok(Verdict::Refuse(case.invalid(action, refusal))),
            },
        };
        let lists = if request.walks() { &self.walking } else { &self.listing };
        let list = match Listing::of(action) {
            Some(Listing::Items) => Some(lists.take(caller.holder()).await),
            // A turn may be long in coming, and a name may be another thing's by then.
            _ if describes(action) && request.asks_more() => Some(lists.take(caller.holder()).await),
            _ => None,
        };
        let mut creation = match action {
            Action::ContainerCreate => vec![self.creating.take(case.principal().as_owner().into_owned()).await],
            _ => Vec::new(),
        };
        let turn = self.deciding.take(caller.holder()).await;
        // Who has many in turn, and hangs up, keeps nobody else waiting with decisions that nobody waits for.
        if has_left(client, started) {
            return Err(Lost);
        }
        let archive = match self.archive_place(&request, caller) {
            Ok(place) => place,
            Err(refusal) => return Ok(Verdict::Refuse(case.invalid(action, refusal))),
        };
        let events = match Listing::of(action) {
            Some(Listing::Events) => match self.events.take(caller.holder()) {
                Ok(place) => Some(place),
                Err(full) => return Ok(Verdict::Refuse(case.invalid(action, too_many_streams(full)))),
            },
            _ => None,
        };
        let revision = self.bundles.current().revision;
        let decided = case.decide(request, body).await;
        let held = decided.as_ref().ok().and_then(|passed| passed.answer.as_ref()).map_or(0, |it| it.body.capacity());
        // Until the client has taken it, which it may do as slowly as it likes.
        if held > HELD_FREE
            && let Err(full) = holding.hold(held).await
        {
            let Refusal { status, message, .. } = self.no_room(full);
            return Ok(Verdict::Refuse(Refused { status, message, body_read: true }));
        }
        drop(turn);
        Ok(match decided {
            Ok(Passed { answer: Some(reply), .. }) => Verdict::Answer(reply),
            Ok(Passed { mut judged, answer: None, undecided, unseen }) => {
                let Kept { creation: named, still, claims } = match case.keep(&mut judged, api).await {
                    Ok(kept) => kept,
                    Err(refused) => return Ok(Verdict::Refuse(refused)),
                };
                creation.extend(named);
                let list = match list {
                    // What is too large to be held is asked for again; the engine holds it as it does a list.
                    None if describes(action) || action == Action::TaskInspect => {
                        Some(self.listing.take(caller.holder()).await)
                    }
                    list => list,
                };
                // Turns may have been long in coming: what nobody waits for any more is not done, nor what is not allowed any more. What is
                // decided by its archive is so later.
                if has_left(client, started) {
                    return Err(Lost);
                }
                if undecided.is_none()
                    && let Err(refused) = case.ask_again(&judged, unseen, revision)
                {
                    return Ok(Verdict::Refuse(refused));
                }
                let carried = match (&judged.body, action) {
                    (ForwardBody::Archive(_), Action::ImageLoad) => match Load::new(case, undecided, caller.holder()) {
                        Ok(load) => Some(Carried::Images(Box::new(load))),
                        Err(refused) => return Ok(Verdict::Refuse(refused)),
                    },
                    (ForwardBody::Archive(_), _) => Some(Carried::Files(Box::new(Files::new(case)))),
                    _ => None,
                };
                Verdict::Forward(Box::new(Admitted {
                    judged,
                    carried,
                    archive,
                    list,
                    creation,
                    still,
                    events,
                    claims,
                    continue_first,
                    closes,
                }))
            }
            Err(refused) => Verdict::Refuse(refused),
        })
    }

    /// A place where the engine works on an archive with a process of its own; loads have theirs.
    fn archive_place(&self, request: &Request, caller: &Caller) -> Result<Option<Slot>, Refusal> {
        let works = match request.endpoint().action {
            Action::ImageExport | Action::ContainerExport | Action::ContainerArchiveRead => true,
            // A build without a body brings its context in a session; a pull has none, unlike an import.
            Action::ImageBuild | Action::ImagePull | Action::ContainerArchiveWrite => {
                request.framing() != Framing::None
            }
            _ => false,
        };
        works.then(|| self.archives.take_share(caller.holder())).transpose().map_err(no_place)
    }

    async fn read_body(
        &self,
        client: &mut Link,
        holding: &mut Holding,
        request: &Request,
        limit: usize,
    ) -> Result<Result<Vec<u8>, Refusal>, Lost> {
        let framing = framed(request.framing());
        let size = match framing {
            BodyFraming::None => 0,
            BodyFraming::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            BodyFraming::Chunked | BodyFraming::UntilClose => limit,
        };
        if size > limit {
            return Ok(Err(too_large(limit)));
        }
        let read = async {
            if request.expects_continue() {
                let go_on = client.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
                go_on.await.map_err(BodyError::Write)?;
            }
            read_whole(framing, limit, &mut client.inbox, &mut client.stream, holding, HELD_FREE).await
        };
        Ok(match timeout(self.limits.body_timeout(), read).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(Unread::Full(full))) => Err(self.no_room(full)),
            Ok(Err(Unread::Body(BodyError::TooLarge(limit)))) => Err(too_large(limit)),
            Ok(Err(Unread::Body(BodyError::Chunk(error)))) => Err(Refusal::bad(format!("the request's body: {error}"))),
            Ok(Err(Unread::Body(BodyError::Cut))) => Err(Refusal::bad("the request ends in the middle of its body")),
            Ok(Err(Unread::Body(BodyError::Read(_) | BodyError::Write(_)))) => return Err(Lost),
            Err(_) => Err(Refusal::with(
                408,
                format!("the request's body did not arrive within {} s", self.limits.body_timeout_s),
            )),
        })
    }
}

/// Whether the client has gone while its request waited. To look is a call of the system: who has hardly waited is there.
fn has_left(client: &Link, since: Instant) -> bool {
    since.elapsed() >= HANGUP_LOOK && client.stream.hung_up()
}

fn too_many_streams(full: NoSlot) -> Refusal {
    let (status, whose, max) = match full {
        NoSlot::All(max) => (503, "clients have", max),
        NoSlot::User(max) => (429, "your user has", max),
    };
    Refusal::with(
        status,
        format!(
            "{whose} {max} streams of the engine's events open, which is all that there may be: close some and try again"
        ),
    )
}

fn no_place(full: NoSlot) -> Refusal {
    match full {
        NoSlot::All(max) => Refusal::with(
            503,
            format!(
                "the engine packs or unpacks {max} archives (builds, exports, copies), which is all that it may: try again when \
                 one is done, or raise limits.archives"
            ),
        ),
        NoSlot::User(max) => Refusal::with(
            429,
            format!(
                "the engine packs or unpacks {max} archives (builds, exports, copies) of your user, which is all that it may \
                 beside those of others: try again when one is done, or raise limits.archives_per_user and limits.archives"
            ),
        ),
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::with(413, format!("the request's body is larger than the {limit} bytes that this route may have"))
}
