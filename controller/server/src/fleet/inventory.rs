//! What a session tells of its host's inventory, and what it is answered.

use super::refusal::Refusal;
use crate::inventory::{Applied, Counters, Inventory};
use wharden_model::{BootId, HostId};
use wharden_proto::{
    INVENTORY_MAX,
    v1::{InventoryAck, InventoryReset, controller_message::Body},
};

/// One session's part. At most one answer waits: an agent tells the next once it has the last.
pub(super) struct Telling {
    boot: BootId,
    answer: Option<Body>,
}

impl Telling {
    pub fn new(boot: BootId) -> Self {
        Self { boot, answer: None }
    }

    /// Takes what changed.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for a message over its limit: no agent sends one.
    pub fn take(
        &mut self,
        inventory: &Inventory,
        counters: &Counters,
        host: &HostId,
        json: &[u8],
    ) -> Result<(), Refusal> {
        self.answer = Some(match serde_json::from_slice(checked(json)?) {
            Ok(delta) => {
                let applied = inventory.apply(host, &self.boot, delta);
                counters.took(applied);
                match applied {
                    Applied::To(sequence) => Body::InventoryAck(InventoryAck { sequence }),
                    Applied::Elsewhere => Body::InventoryReset(InventoryReset {}),
                }
            }
            Err(error) => {
                // It stays without an answer: asking again would give the same.
                tracing::warn!(%host, %error, "what a host tells of its inventory cannot be read");
                return Ok(());
            }
        });
        Ok(())
    }

    /// Takes what is used.
    ///
    /// # Errors
    /// As [`Telling::take`].
    pub fn sample(&self, inventory: &Inventory, host: &HostId, json: &[u8]) -> Result<(), Refusal> {
        match serde_json::from_slice(checked(json)?) {
            Ok(sample) => inventory.sample(host, sample),
            Err(error) => tracing::warn!(%host, %error, "what a host tells of its usage cannot be read"),
        }
        Ok(())
    }

    pub fn has_answer(&self) -> bool {
        self.answer.is_some()
    }

    pub fn answer(&mut self) -> Option<Body> {
        self.answer.take()
    }
}

fn checked(json: &[u8]) -> Result<&[u8], Refusal> {
    if json.len() > INVENTORY_MAX { Err(Refusal::Malformed("an inventory is over 512 KiB")) } else { Ok(json) }
}
