//! What is looked for, checked.

use super::{
    key::Key,
    limits::{FILTER_MAX, PAGE},
    reference,
};
use std::collections::BTreeSet;
use wharden_model::{
    HostId,
    api::InventoryQuery,
    inventory::{ContainerState, Image, Network, Volume},
    limits::INVENTORY_PAGE_MAX,
};
use wharden_state::State;

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("{0} is longer than {FILTER_MAX} bytes")]
    Long(&'static str),
    #[error("{0:?} is not a state: use {list}", list = states())]
    State(String),
    #[error("{0:?} is not a label of hosts: write key=value")]
    HostLabel(String),
    #[error("{0} is not 1 to {INVENTORY_PAGE_MAX}")]
    Limit(usize),
    #[error("this is not a place that an answer gave to go on from")]
    After,
}

fn states() -> String {
    ContainerState::ALL.map(ContainerState::as_str).join(", ")
}

/// The kinds of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Containers,
    Images,
    Volumes,
    Networks,
    Hosts,
}

/// The place of a thing: its host, then its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub host: HostId,
    pub id: String,
}

impl Place {
    pub fn read(text: &str) -> Option<Self> {
        let (host, id) = text.split_once('/')?;
        Some(Self { host: HostId::new(host).ok()?, id: id.to_owned() })
    }

    /// As it is given to go on from.
    pub fn cursor(&self) -> String {
        format!("{}/{}", self.host, self.id)
    }

    pub fn key(&self) -> Key {
        Key::new(&self.id)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these; `None` for all.
    pub hosts: Option<BTreeSet<HostId>>,
    pub image: Option<String>,
    pub owner: Option<String>,
    pub mount: Option<String>,
    pub network: Option<String>,
    pub label: Option<(String, Option<String>)>,
    pub port: Option<u16>,
    pub state: Option<ContainerState>,
    pub name: Option<String>,
    pub after: Option<Place>,
    pub limit: usize,
}

impl Filter {
    /// Checks a query; hosts are those of the state.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn resolve(query: &InventoryQuery, state: &State) -> Result<Self, FilterError> {
        let InventoryQuery {
            host,
            host_label,
            image,
            owner,
            mount,
            network,
            label,
            port,
            state: word,
            name,
            after,
            limit,
        } = query;
        for (at, text) in [
            ("host", host),
            ("host_label", host_label),
            ("image", image),
            ("owner", owner),
            ("mount", mount),
            ("network", network),
            ("label", label),
            ("state", word),
            ("name", name),
            ("after", after),
        ] {
            if text.as_ref().is_some_and(|text| text.len() > FILTER_MAX) {
                return Err(FilterError::Long(at));
            }
        }
        let limit = limit.unwrap_or(PAGE);
        if !(1..=INVENTORY_PAGE_MAX).contains(&limit) {
            return Err(FilterError::Limit(limit));
        }
        let word = match word {
            Some(word) => {
                let state = ContainerState::ALL.into_iter().find(|state| state.as_str() == word);
                Some(state.ok_or_else(|| FilterError::State(word.chars().take(40).collect()))?)
            }
            None => None,
        };
        let label = label.as_ref().map(|label| match label.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (label.clone(), None),
        });
        Ok(Self {
            hosts: hosts(host.as_deref(), host_label.as_deref(), state)?,
            image: image.clone(),
            owner: owner.clone(),
            mount: mount.clone(),
            network: network.clone(),
            label,
            port: *port,
            state: word,
            name: name.clone(),
            after: after.as_deref().map(|text| Place::read(text).ok_or(FilterError::After)).transpose()?,
            limit,
        })
    }

    pub fn takes_image(&self, image: &Image) -> bool {
        let named = self.image.as_ref().is_none_or(|wanted| {
            if reference::is_id(wanted) {
                return image.id == *wanted;
            }
            let (whole, repository) = reference::normal(wanted);
            let any = !reference::is_whole(wanted);
            image
                .tags
                .iter()
                .chain(&image.digests)
                .map(|tag| reference::normal(tag))
                .any(|(tag, name)| tag == whole || (any && name == repository))
        });
        let part = |name: &String| image.tags.iter().any(|tag| tag.contains(name.as_str()));
        named
            && self.name.as_ref().is_none_or(part)
            && self.labelled(&image.labels)
            && self.owner.as_ref().is_none_or(|owner| *owner == image.owner)
            && self.mount.is_none()
            && self.network.is_none()
            && self.port.is_none()
            && self.state.is_none()
    }

    pub fn takes_volume(&self, volume: &Volume) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == volume.owner)
            && self.mount.as_ref().is_none_or(|name| *name == volume.name)
            && self.name.as_ref().is_none_or(|name| volume.name.contains(name.as_str()))
            && self.labelled(&volume.labels)
            && self.image.is_none()
            && self.network.is_none()
            && self.port.is_none()
            && self.state.is_none()
    }

    pub fn takes_network(&self, network: &Network) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == network.owner)
            && self.network.as_ref().is_none_or(|name| *name == network.name)
            && self.name.as_ref().is_none_or(|name| network.name.contains(name.as_str()))
            && self.labelled(&network.labels)
            && self.image.is_none()
            && self.mount.is_none()
            && self.port.is_none()
            && self.state.is_none()
    }

    /// Of a host itself only where it is may be asked.
    pub fn takes_hosts(&self) -> bool {
        let Self { image, owner, mount, network, label, port, state, name, .. } = self;
        image.is_none()
            && owner.is_none()
            && mount.is_none()
            && network.is_none()
            && label.is_none()
            && port.is_none()
            && state.is_none()
            && name.is_none()
    }

    fn labelled(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.label.as_ref().is_none_or(|(key, value)| {
            labels.get(key).is_some_and(|held| value.as_ref().is_none_or(|value| held == value))
        })
    }
}

/// Hosts that are asked for. A name that several have means all of them.
fn hosts(host: Option<&str>, label: Option<&str>, state: &State) -> Result<Option<BTreeSet<HostId>>, FilterError> {
    if host.is_none() && label.is_none() {
        return Ok(None);
    }
    let label = match label {
        Some(text) => {
            Some(text.split_once('=').ok_or_else(|| FilterError::HostLabel(text.chars().take(80).collect()))?)
        }
        None => None,
    };
    let wanted = |id: &HostId, held: &wharden_state::Host| {
        host.is_none_or(|text| id.as_str() == text || held.name == text)
            && label.is_none_or(|(key, value)| held.labels.get(key) == Some(value))
    };
    Ok(Some(state.hosts.iter().filter(|(id, held)| wanted(id, held)).map(|(id, _)| id.clone()).collect()))
}
