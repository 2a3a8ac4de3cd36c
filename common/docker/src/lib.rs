//! The Docker Engine API as the guard understands it: route table, canonical form of a request, facts for the policy.
//!
//! Place in the path of data: the agent's guard reads bytes; this crate turns them into one [`Canonical`] request,
//! says what must be looked up, and gives a [`Judged`]: the action, the things acted on, the facts, and exactly the
//! bytes to send on. What is decided on and what is executed are the same value.
//!
//! Must not know: sockets, Cedar, clocks. Everything here is a function of its arguments.

mod account;
mod archive;
mod canonical;
mod creation;
mod doc;

mod endpoint;
mod exports;
mod facts;
mod handles;
mod head;
mod headers;
mod image_names;
mod image_ref;
mod inspect;
mod json;
mod labels;
mod limits;
mod listing;
mod lookup;
mod made_image;
mod mounts;
mod names;
mod neighbours;
mod own_answer;
mod owner;
mod paths;
mod platform;
mod ps;
mod query;
mod references;
mod refusal;
mod request;
mod resolve;
mod route;
mod schema;
mod sift;
mod target;
mod texts;
mod version;
mod view;
mod volumes;

pub use archive::{Archive, FROM_ARCHIVE, Names as ArchiveNames, Packing, Parcel};
pub use canonical::{Asker, Canonical, ForwardBody, Judged};
pub use endpoint::{BodyKind, ENDPOINTS, Endpoint, ResponseKind};
pub use exports::{list as images_of, listed as names_of};
pub use head::{Head, parse_head};
pub use image_names::ImageNamed;
pub use image_ref::ImageRef;
pub use json::weight;
pub use labels::bytes as label_bytes;
pub use limits::{SIFTED_AT_ONCE, THING_MAX};
pub use listing::{
    ImageOwner, Listing, Reading, UnknownForm, describes, event_attached, event_container, event_reading, event_subject,
};
pub use made_image::{MadeImages, MakesImage, made_exec};
pub use neighbours::Neighbour;
pub use owner::{IMAGE_LABEL, LABEL as OWNER_LABEL, of_container as container_owner};
pub use refusal::Refusal;
pub use request::{Framing, Request, begin};
pub use resolve::missing;
pub use sift::{Sifter, attached, listed_reading, service_of_task};
pub use version::ApiVersion;
pub use view::{
    AccountView, ContainerView, ExecView, Gate, HostPathView, ImageView, Lookup, Making, MountView, NetworkView,
    ObjectView, TaskView, View, VolumeNamed, VolumeView,
};
pub use volumes::ServiceVolumes;
