//! A disk with a write cache that a power cut empties.
//!
//! Every file and folder is there twice: as the running system sees it, and as it is on the platter. A write goes to the
//! first and waits; fsync carries what waits to the second. A cut lets a seeded part of what waits through, torn and out of
//! order, and throws the rest away.
//!
//! What fsync of a file does to names differs between file systems, so both kinds are tried: see [`Order`].

mod cut;
mod file;
mod names;
#[cfg(test)]
mod tests;

use self::names::NameChange;
pub use self::{cut::Order, file::File};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// Number of a file or folder. The root is 1, as FUSE wants it.
pub type Ino = u64;

/// The root folder.
pub const ROOT: Ino = 1;

/// Names in a folder, and whose they are.
pub type Names = BTreeMap<OsString, Ino>;

/// Why the disk does not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoEntry,
    NoFolder,
    IsFolder,
    Exists,
    NotEmpty,
    NoSpace,
}

/// One file or folder.
#[derive(Debug)]
pub struct Node {
    pub mode: u32,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    File(File),
    Folder { seen: Names, durable: Names },
}

/// Everything that is stored.
#[derive(Debug)]
pub struct Disk {
    nodes: BTreeMap<Ino, Node>,
    next: Ino,
    /// Changes of names that wait, oldest first.
    waiting: Vec<NameChange>,
    order: Order,
    /// Most bytes of files, as the running system sees them.
    capacity: u64,
}

impl Disk {
    /// An empty disk.
    pub fn new(order: Order) -> Self {
        let root = Node { mode: 0o755, kind: Kind::folder() };
        Self { nodes: BTreeMap::from([(ROOT, root)]), next: ROOT + 1, waiting: Vec::new(), order, capacity: u64::MAX }
    }

    /// From now on there is room for so many bytes.
    pub fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    pub fn node(&self, ino: Ino) -> Result<&Node, Refusal> {
        self.nodes.get(&ino).ok_or(Refusal::NoEntry)
    }

    pub fn names(&self, folder: Ino) -> Result<&Names, Refusal> {
        match &self.node(folder)?.kind {
            Kind::Folder { seen, .. } => Ok(seen),
            Kind::File(_) => Err(Refusal::NoFolder),
        }
    }

    pub fn look_up(&self, folder: Ino, name: &OsStr) -> Result<Ino, Refusal> {
        self.names(folder)?.get(name).copied().ok_or(Refusal::NoEntry)
    }

    /// Bytes of all files that have a name.
    pub fn used(&self) -> u64 {
        let named = self.nodes.values().flat_map(|node| match &node.kind {
            Kind::Folder { seen, .. } => seen.values().copied().collect(),
            Kind::File(_) => Vec::new(),
        });
        named.filter_map(|ino| self.file(ino).ok()).map(|file| file.seen().len() as u64).sum()
    }

    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    pub fn file(&self, ino: Ino) -> Result<&File, Refusal> {
        match &self.node(ino)?.kind {
            Kind::File(file) => Ok(file),
            Kind::Folder { .. } => Err(Refusal::IsFolder),
        }
    }

    fn file_mut(&mut self, ino: Ino) -> Result<&mut File, Refusal> {
        match &mut self.nodes.get_mut(&ino).ok_or(Refusal::NoEntry)?.kind {
            Kind::File(file) => Ok(file),
            Kind::Folder { .. } => Err(Refusal::IsFolder),
        }
    }

    pub fn write(&mut self, ino: Ino, at: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let grows = (at + bytes.len() as u64).saturating_sub(self.file(ino)?.seen().len() as u64);
        self.room_for(grows)?;
        self.file_mut(ino)?.write(at, bytes);
        Ok(())
    }

    pub fn resize(&mut self, ino: Ino, len: u64) -> Result<(), Refusal> {
        let grows = len.saturating_sub(self.file(ino)?.seen().len() as u64);
        self.room_for(grows)?;
        self.file_mut(ino)?.resize(len);
        Ok(())
    }

    fn room_for(&self, grows: u64) -> Result<(), Refusal> {
        if grows > 0 && self.capacity < u64::MAX && self.used().saturating_add(grows) > self.capacity {
            Err(Refusal::NoSpace)
        } else {
            Ok(())
        }
    }

    pub fn set_mode(&mut self, ino: Ino, mode: u32) -> Result<(), Refusal> {
        self.nodes.get_mut(&ino).ok_or(Refusal::NoEntry)?.mode = mode;
        Ok(())
    }

    /// fsync of a file, or of a folder.
    pub fn sync(&mut self, ino: Ino) -> Result<(), Refusal> {
        let is_folder = match &mut self.nodes.get_mut(&ino).ok_or(Refusal::NoEntry)?.kind {
            Kind::File(file) => {
                file.sync();
                false
            }
            Kind::Folder { .. } => true,
        };
        match self.order {
            // One journal for the whole file system: who syncs anything commits all of it.
            Order::Journal => self.settle(|_| true),
            Order::Any if is_folder => self.settle(|change| change.touches(ino)),
            Order::Any => {}
        }
        Ok(())
    }

    /// An fsync that fails: what waited is lost, and nobody is told a second time. The running system, when it reads again,
    /// sees the platter.
    pub fn fail_sync(&mut self, ino: Ino) -> Result<(), Refusal> {
        self.file_mut(ino)?.forget();
        Ok(())
    }

    fn settle(&mut self, is_durable: impl Fn(&NameChange) -> bool) {
        let (durable, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(is_durable);
        self.waiting = waiting;
        for change in durable {
            self.put_on_platter(&change);
        }
    }
}

impl Kind {
    fn folder() -> Self {
        Self::Folder { seen: Names::new(), durable: Names::new() }
    }
}
