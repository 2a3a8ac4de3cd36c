//! The canonical form of a request: what is judged, and what is sent on.

use crate::{
    creation,
    doc::Doc,
    endpoint::{BodyKind, ResponseKind},
    exports, facts, handles, headers,
    image_names::{self, ImageNamed},
    listing::Listing,
    lookup,
    made_image::MakesImage,
    neighbours::{self, Neighbour},
    owner,
    query::Query,
    refusal::Refusal,
    request::Framing,
    resolve::{self, Resolved},
    route::Route,
    target::{encode_path, encode_query},
    texts,
    version::ApiVersion,
    view::{Lookup, View, VolumeNamed},
    volumes,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};
use wharden_model::{Action, Facts, HostId, Resource, decision::NO_NEW_PRIVILEGES};

/// Up to API 1.27 a list of networks names what is attached to each; from here on only the description of one does, which is sifted.
const BARE_NETWORKS: ApiVersion = ApiVersion { major: 1, minor: 28 };

/// From here on there are volumes of the swarm (CSI).
const SWARM_VOLUMES: ApiVersion = ApiVersion { major: 1, minor: 42 };

/// Who asks, where, and what must stay out of reach there.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Name of the principal: the owner of what it creates.
    pub owner: &'a str,
    /// The host.
    pub host_id: &'a HostId,
    /// Sockets of the engine and of the agent, and folders with their data.
    pub private: &'a [String],
}

/// A request in canonical form.
#[derive(Clone)]
pub struct Canonical {
    pub(crate) method: String,
    pub(crate) route: Route,
    pub(crate) version: Option<ApiVersion>,
    /// The newest version that the engine speaks.
    pub(crate) engine_api: ApiVersion,
    /// Decoded, without the version.
    pub(crate) path: String,
    pub(crate) query: Query,
    /// Of a body that streams.
    pub(crate) framing: Framing,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// The body to send on.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardBody {
    /// None.
    Empty,
    /// Exactly these bytes: canonical JSON.
    Bytes(Vec<u8>),
    /// The client's, as it comes, framed as `head` says.
    Stream(Framing),
    /// The client's, framed as it says: images, to be unpacked and read with [`Archive`](crate::Archive) on their way, or files for
    /// a container, to be looked at with [`Parcel`](crate::Parcel). The head says that it is chunked.
    Archive(Framing),
}

/// What to decide on, and what to send if it is allowed.
#[derive(Clone)]
pub struct Judged {
    /// The action.
    pub action: Action,
    /// At least one. Every one must be allowed.
    pub resources: Vec<Resource>,
    /// All facts of the action.
    pub facts: Facts,
    /// Request line and headers for the engine, up to and with the empty line.
    pub head: Vec<u8>,
    /// The body for the engine.
    pub body: ForwardBody,
    /// What the answer is.
    pub response: ResponseKind,
    /// The answer tells of many things, of which each may be one that must not be seen.
    pub listing: Option<Listing>,
    /// How many things of the list the client gets at most. The engine makes the whole list.
    pub limit: Option<usize>,
    /// What the list begins or ends at. Reading each must be allowed too.
    pub neighbours: Vec<Neighbour>,
    /// It makes an image, which the answer tells of.
    pub makes: Option<MakesImage>,
    /// The volumes that it mounts or makes by name, as they were.
    pub volumes: BTreeMap<String, VolumeNamed>,
    /// The names of images that the engine finds or gives by itself.
    pub image_names: Vec<ImageNamed>,
    /// Ids of sessions and builds that clients choose: nobody else's may go on under them meanwhile.
    pub handles: Vec<String>,
}

impl Canonical {
    /// The action.
    pub fn action(&self) -> Action {
        self.route.endpoint.action
    }

    /// For people: method and canonical path, e.g. `POST /v1.41/containers/create`.
    pub fn describe(&self) -> String {
        const SHOWN: usize = 512;
        let mut out = format!("{} {}", self.method, self.full_path(&self.path));
        if out.len() > SHOWN {
            // The path is escaped, so that every byte is a character.
            out.truncate(SHOWN);
            out.push('…');
        }
        out
    }

    /// The JSON body in canonical form; `None` when the request has none.
    pub fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// What must be looked up before judging.
    pub fn lookups(&self) -> Vec<Lookup> {
        lookup::of_request(self).into_iter().collect()
    }

    /// What must be looked up because of what was found: the container of an exec, the volumes of a container, the account
    /// of whoever owns what sees paths of the host; what comes into being will be `owner`'s. Ask again until everything that
    /// it names has been tried.
    pub fn follow_ups(&self, view: &View, owner: &str) -> Vec<Lookup> {
        lookup::of_found(self, view, owner).into_iter().collect()
    }

    /// Whether it means networks by an endpoint's id, which the guard takes away.
    pub fn names_network_id(&self) -> bool {
        matches!(self.action(), Action::ContainerCreate | Action::NetworkConnect)
            && self.body.as_ref().is_some_and(creation::names_network)
    }

    /// Whether the engine would copy of the image into volumes that another container has, as root, from which the guard keeps it.
    pub fn copies_into_used_volumes(&self, view: &View) -> bool {
        let body = self.body.as_ref().filter(|_| self.action() == Action::ContainerCreate);
        body.is_some_and(|body| volumes::copies_into_used(body, view))
    }

    /// Whether the engine would remove, with an image of the owner's, untagged ones of others that it was made from, from which the guard
    /// keeps it.
    pub fn takes_parents_of_others(&self, view: &View, owner: &str) -> bool {
        let mut parents = view.images.values().filter_map(|image| view.images.get(&image.parent));
        self.action() == Action::ImageDelete
            && !self.query.truth("noprune")
            && parents.any(|it| !it.owner.is_empty() && it.owner != owner)
    }

    /// What whoever gets the engine's answer as it is must be allowed to do to everything here: the answer tells of many things, and
    /// the guard leaves out of it what the caller may not inspect. Empty for answers of which nothing is left out.
    pub fn takes_to_see_all(&self) -> Vec<Action> {
        let more: &[Action] = match self.action() {
            Action::NetworkInspect => &[Action::ContainerInspect],
            Action::NetworkList if self.read_as() < BARE_NETWORKS => &[Action::ContainerInspect],
            // The build cache is for those who may remove it.
            Action::SystemDf => &[Action::BuildPrune],
            _ => &[],
        };
        self.action().shows().iter().map(|kind| kind.inspection()).chain(more.iter().copied()).collect()
    }

    /// Whether it says whose what it makes or replaces is, or takes away whose it is, which only the guard does: `asker` is nobody.
    ///
    /// # Errors
    /// As [`Canonical::judge`].
    pub fn claims_owner(&self, view: &View, asker: &Asker<'_>) -> Result<bool, Refusal> {
        let owner = self.owner_of_what_comes(view, asker.owner)?;
        Ok(self.body.as_ref().is_some_and(|body| owner::is_claimed(self.action(), body, &owner)))
    }

    /// What to decide on and what to send on.
    ///
    /// # Errors
    /// 404 for what does not exist, 400 for what contradicts what exists.
    pub fn judge(&self, view: &View, asker: &Asker<'_>) -> Result<Judged, Refusal> {
        let mut judged = self.clone();
        let owner = self.owner_of_what_comes(view, asker.owner)?;
        if let Some(body) = &mut judged.body {
            owner::put(self.action(), body, &owner);
        }
        let resolved = resolve::resolve(&judged, view, asker)?;
        if matches!(self.action(), Action::ContainerCreate | Action::ServiceCreate | Action::ServiceUpdate) {
            view.images.values().try_for_each(|image| texts::check_image(self.doc(), image))?;
        }
        judged.take_ids(&resolved, view)?;
        judged.keep_parents(view, asker.owner);
        let facts = facts::fill(&judged, &resolved, view, asker)?;
        // Behind what the request says, which is what the facts are of.
        owner::put_on_image(self.action(), &mut judged.query, asker.owner)?;
        let as_it_is = |name: String| (name.clone(), view.volume_named(&name));
        if matches!(self.action(), Action::BuildSession | Action::BuildGrpc) {
            handles::own_shared_key(&mut judged.headers, asker.owner);
        }
        judged.spare_swarm_volume(view);
        let limit = judged.take_limit();
        judged.list_bare_networks();
        let (head, body) = judged.render();
        Ok(Judged {
            action: self.action(),
            resources: resolved.resources,
            facts,
            head,
            body,
            response: self.route.endpoint.response,
            listing: Listing::of(self.action()),
            limit,
            neighbours: neighbours::of(self, view)?,
            makes: MakesImage::of(self),
            volumes: volumes::named(self).into_iter().map(as_it_is).collect(),
            image_names: image_names::named(self, view),
            handles: handles::of(self)?,
        })
    }

    /// Whose the thing is that the request makes or replaces: an update replaces the labels too.
    pub(crate) fn owner_of_what_comes(&self, view: &View, owner: &str) -> Result<String, Refusal> {
        match (self.action(), self.route.captures.first()) {
            (Action::ServiceUpdate | Action::SecretUpdate | Action::ConfigUpdate, Some(name)) => {
                let found = resolve::object(view, self.action().resource(), name)?;
                Ok(owner::of(&found.labels))
            }
            _ => Ok(owner.to_owned()),
        }
    }

    /// The same creation of a container, with `no-new-privileges`. `None` for other requests, and when the request says
    /// something about it itself.
    #[must_use]
    pub fn without_new_privileges(&self) -> Option<Self> {
        if self.action() != Action::ContainerCreate {
            return None;
        }
        let mut out = self.clone();
        let Value::Object(body) = out.body.as_mut()? else { return None };
        let Value::Object(host) = body.entry("HostConfig").or_insert_with(|| Value::Object(Map::new())) else {
            return None;
        };
        let options = host.entry("SecurityOpt").or_insert(Value::Null);
        if options.is_null() {
            *options = Value::Array(Vec::new());
        }
        let Value::Array(options) = options else { return None };
        let says = |option: &Value| option.as_str().is_some_and(|text| text.starts_with(NO_NEW_PRIVILEGES));
        if options.iter().any(says) {
            return None;
        }
        options.push(Value::String(NO_NEW_PRIVILEGES.to_owned()));
        Some(out)
    }

    /// The answer to a request about a thing that is there and must not be seen: the one about a thing that is not there.
    /// `None` when the request names none.
    pub fn unseen(&self) -> Option<Refusal> {
        let asked = match self.action() {
            Action::ContainerCommit => self.query.get("container"),
            Action::ImageExport => match exports::asked(self).as_slice() {
                [one] => one,
                _ => return None,
            },
            _ => self.route.captures.first()?,
        };
        if matches!(self.action(), Action::TaskInspect | Action::TaskLogs) {
            return Some(resolve::missing_task(asked));
        }
        Some(resolve::missing(self.action().resource(), asked))
    }

    /// The version that the engine reads it as: its own, where the path names none.
    fn read_as(&self) -> ApiVersion {
        self.version.unwrap_or(self.engine_api)
    }

    /// The body, read.
    pub(crate) fn doc(&self) -> Doc<'_> {
        Doc::new(self.body.as_ref())
    }

    pub(crate) fn full_path(&self, path: &str) -> String {
        match self.version {
            Some(version) => format!("/v{version}{}", encode_path(path)),
            None => encode_path(path),
        }
    }

    /// Takes the limit off a list of containers. The engine cuts before the guard leaves anything out, so that how much is left would
    /// tell of what is hidden. A list with a limit has stopped containers too (Engine API 1.24 on).
    fn take_limit(&mut self) -> Option<usize> {
        if self.action() != Action::ContainerList {
            return None;
        }
        let limit = self.query.get("limit").parse().ok().filter(|limit| *limit > 0)?;
        self.query.remove("limit");
        self.query.set("all", "1".to_owned());
        Some(limit)
    }

    /// A list of networks is asked for in a version in which it names nothing that is attached. An engine that knows no such version is
    /// asked as it is.
    fn list_bare_networks(&mut self) {
        if self.action() == Action::NetworkList && self.engine_api >= BARE_NETWORKS {
            self.version = self.version.map(|version| version.max(BARE_NETWORKS));
        }
    }

    /// With an image, the engine removes the untagged ones that it was made from, unless it is told to keep them.
    fn keep_parents(&mut self, view: &View, owner: &str) {
        if self.takes_parents_of_others(view, owner) {
            self.query.set("noprune", "1".to_owned());
        }
    }

    /// With one of its own volumes, the engine removes the one of the swarm that has the same name, where force is asked for.
    fn spare_swarm_volume(&mut self, view: &View) {
        let found = self.route.captures.first().and_then(|name| view.volumes.get(name));
        let is_own = found.is_some_and(|volume| volume.swarm_id.is_empty());
        if self.action() == Action::VolumeDelete && is_own && self.read_as() >= SWARM_VOLUMES {
            self.query.replace("force", "0");
        }
    }

    /// Puts full ids in the place of names.
    fn take_ids(&mut self, resolved: &Resolved<'_>, view: &View) -> Result<(), Refusal> {
        if !resolved.captures.is_empty() {
            let captures: Vec<&str> = resolved.captures.iter().map(String::as_str).collect();
            self.path = self.route.path_with(&captures);
        }
        if let Some((name, value)) = &resolved.query {
            self.query.replace(name, value);
        }
        match (self.action(), resolved.container) {
            (Action::NetworkConnect | Action::NetworkDisconnect, Some(container)) => {
                if let Some(field) = self.body.as_mut().and_then(|b| b.get_mut("Container")) {
                    *field = Value::String(container.id.clone());
                }
                if self.action() == Action::NetworkConnect {
                    creation::keeps_mode(self, view)?;
                    if let Some(body) = &mut self.body {
                        creation::connects(self.engine_api, body);
                        creation::join(body, resolved.network);
                    }
                }
            }
            (Action::ImageBuild, _) => {
                let mode = self.query.get("networkmode");
                if let Some(name) = lookup::shared_with(mode) {
                    let id = &resolve::container(view, name).map_err(creation::beside)?.id;
                    self.query.replace("networkmode", &format!("container:{id}"));
                } else if let Some(network) = creation::there(mode, view)? {
                    // The engine looks for it by its name, with each step.
                    if network.name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        return Err(Refusal::bad(
                            "query parameter networkmode: the name of this network could be taken for an id by the steps of a build: name another",
                        ));
                    }
                    self.query.replace("networkmode", &network.id);
                }
            }
            (Action::ImageExport, _) => {
                let names = exports::names(self, view);
                self.query.remove("names");
                "/images/get".clone_into(&mut self.path);
                names.into_iter().for_each(|name| self.query.add("names", name));
            }
            (Action::NetworkCreate, _) => {
                // Two of one name are neither.
                if let Some(Value::Object(body)) = &mut self.body {
                    body.insert("CheckDuplicate".to_owned(), Value::Bool(true));
                }
            }
            (Action::ServiceCreate | Action::ServiceUpdate, _) => {
                if let Some(body) = &mut self.body {
                    creation::fix_service(body, view)?;
                }
            }
            (Action::ContainerCreate, _) => {
                // An engine that knows them takes them in requests of every version.
                let mounts = self.engine_api >= ApiVersion { major: 1, minor: 25 };
                if let Some(body) = &mut self.body {
                    creation::fix(body, resolved, view, mounts)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn render(&self) -> (Vec<u8>, ForwardBody) {
        let mut head = format!("{} {}", self.method, self.full_path(&self.path));
        let query = encode_query(self.query.pairs());
        if !query.is_empty() {
            head.push('?');
            head.push_str(&query);
        }
        head.push_str(" HTTP/1.1\r\nHost: docker\r\n");
        let mut line = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        for (name, value) in &self.headers {
            line(name, value);
        }
        let body = match (&self.body, self.route.endpoint.body, self.framing) {
            (Some(value), _, _) => {
                let bytes = value.to_string().into_bytes();
                line("Content-Type", "application/json");
                line("Content-Length", &bytes.len().to_string());
                ForwardBody::Bytes(bytes)
            }
            (None, BodyKind::Stream, framing @ (Framing::Length(_) | Framing::Chunked)) => {
                if let Some(media) = headers::stream_type(self.content_type.as_deref()) {
                    line("Content-Type", media);
                }
                let is_archive = matches!(self.action(), Action::ImageLoad | Action::ContainerArchiveWrite);
                match framing {
                    Framing::Length(length) if !is_archive => line("Content-Length", &length.to_string()),
                    _ => line("Transfer-Encoding", "chunked"),
                }
                if is_archive { ForwardBody::Archive(framing) } else { ForwardBody::Stream(framing) }
            }
            _ => {
                if matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
                    line("Content-Length", "0");
                }
                ForwardBody::Empty
            }
        };
        head.push_str("\r\n");
        (head.into_bytes(), body)
    }
}

/// Bodies, queries and headers carry secrets: only what they belong to is shown.
impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canonical").field(&self.describe()).finish()
    }
}

impl fmt::Debug for ForwardBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Stream(framing) => write!(f, "Stream({framing:?})"),
            Self::Archive(framing) => write!(f, "Archive({framing:?})"),
        }
    }
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged")
            .field("action", &self.action)
            .field("resources", &self.resources)
            .field("body", &self.body)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}
