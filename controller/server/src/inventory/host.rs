//! What is held of one host beside its containers.

use super::{
    images::Images,
    limits::{HOST_BYTES, THING_BYTES},
};
use std::sync::Arc;
use wharden_model::{
    BootId, HostId, Timestamp,
    inventory::{AgentUse, HostFacts, HostUsage, Image, Network, Volume},
};

/// See the module. Lists are in the order of ids.
pub struct HeldHost {
    pub id: HostId,
    /// The run of the agent, and how far it has told.
    pub boot: BootId,
    pub sequence: u64,
    pub facts: Box<HostFacts>,
    pub sampled_at: Timestamp,
    pub interval_s: u32,
    pub usage: HostUsage,
    pub agent: AgentUse,
    /// Places of its containers, in the order of their ids.
    pub rows: Vec<u32>,
    pub images: Vec<Arc<Image>>,
    pub volumes: Vec<Volume>,
    pub networks: Vec<Network>,
}

impl HeldHost {
    pub fn new(id: HostId, boot: BootId) -> Self {
        Self {
            id,
            boot,
            sequence: 0,
            facts: Box::default(),
            sampled_at: Timestamp(0),
            interval_s: 0,
            usage: HostUsage::default(),
            agent: AgentUse::default(),
            rows: Vec::new(),
            images: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// About the bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let places = self.rows.capacity() * size_of::<u32>() + self.images.capacity() * size_of::<Arc<Image>>();
        size_of::<Self>() + HOST_BYTES + places + (self.volumes.len() + self.networks.len()) * THING_BYTES
    }

    /// `place` is this host's.
    pub fn put_image(&mut self, place: u32, image: Image, images: &mut Images, max: usize) {
        match self.images.binary_search_by(|held| held.id.cmp(&image.id)) {
            Ok(at) => {
                if let Some(held) = self.images.get_mut(at) {
                    images.release(held, place);
                    *held = images.take(image, place);
                }
            }
            Err(at) if self.images.len() < max => self.images.insert(at, images.take(image, place)),
            Err(_) => {}
        }
    }

    /// `place` is this host's.
    pub fn drop_image(&mut self, place: u32, id: &str, images: &mut Images) {
        if let Ok(at) = self.images.binary_search_by(|held| held.id.as_str().cmp(id)) {
            images.release(&self.images.remove(at), place);
        }
    }
}

/// Puts a thing into an ordered list, unless that is full.
pub fn put<T>(list: &mut Vec<T>, thing: T, id: fn(&T) -> &str, max: usize) {
    match list.binary_search_by(|held| id(held).cmp(id(&thing))) {
        Ok(at) => {
            if let Some(place) = list.get_mut(at) {
                *place = thing;
            }
        }
        Err(at) if list.len() < max => list.insert(at, thing),
        Err(_) => {}
    }
}

/// Takes a thing out of an ordered list.
pub fn drop_from<T>(list: &mut Vec<T>, gone: &str, id: fn(&T) -> &str) {
    if let Ok(at) = list.binary_search_by(|held| id(held).cmp(gone)) {
        list.remove(at);
    }
}
