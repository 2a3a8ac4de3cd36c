//! What one controller finds, as controllers tell it to each other.

use super::filter::Place;
use serde::{Deserialize, Serialize};
use wharden_model::{
    HostId, Timestamp,
    api::{InventoryHost, InventoryItem, InventoryPage},
    inventory::{Container, Image, Network, Volume},
};

/// When a host was last heard by a controller. The greatest one is of the controller that knows best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sign {
    /// Its session is open there.
    pub connected: bool,
    pub heard_at: Timestamp,
}

/// A page of one kind of things.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Containers(InventoryPage<InventoryItem<Container>>),
    Images(InventoryPage<InventoryItem<Image>>),
    Volumes(InventoryPage<InventoryItem<Volume>>),
    Networks(InventoryPage<InventoryItem<Network>>),
    Hosts(InventoryPage<InventoryHost>),
}

/// Something of an inventory: where it is in the order of all, and whose it is.
pub trait Thing: Clone + Send + Sized + Serialize + 'static {
    /// The page of an answer, when it is one of these things.
    fn page(answer: Answer) -> Option<InventoryPage<Self>>;
    fn host(&self) -> &HostId;
    fn id(&self) -> &str;
    fn sign(&self) -> Sign;

    fn place(&self) -> Place {
        Place { host: self.host().clone(), id: self.id().to_owned() }
    }
}

macro_rules! thing {
    ($thing:ty, $kind:ident, $id:ident) => {
        impl Thing for InventoryItem<$thing> {
            fn page(answer: Answer) -> Option<InventoryPage<Self>> {
                if let Answer::$kind(page) = answer { Some(page) } else { None }
            }
            fn host(&self) -> &HostId {
                &self.host
            }
            fn id(&self) -> &str {
                &self.item.$id
            }
            fn sign(&self) -> Sign {
                Sign { connected: self.connected, heard_at: self.heard_at }
            }
        }
    };
}

thing!(Container, Containers, id);
thing!(Image, Images, id);
thing!(Volume, Volumes, name);
thing!(Network, Networks, id);

impl Thing for InventoryHost {
    fn page(answer: Answer) -> Option<InventoryPage<Self>> {
        if let Answer::Hosts(page) = answer { Some(page) } else { None }
    }
    fn host(&self) -> &HostId {
        &self.host
    }
    fn id(&self) -> &str {
        ""
    }
    fn sign(&self) -> Sign {
        Sign { connected: self.connected, heard_at: self.heard_at }
    }
}
