//! Names in folders: made, moved, removed; durable when their folder was synced.

use super::{Disk, File, Ino, Kind, Names, Node, Refusal};
use std::ffi::{OsStr, OsString};

/// A change of names that is not on the platter yet. A rename is one change: both its names, or none.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    removed: Option<(Ino, OsString)>,
    added: Option<(Ino, OsString, Ino)>,
}

impl NameChange {
    pub(super) fn touches(&self, folder: Ino) -> bool {
        self.removed.as_ref().is_some_and(|(at, _)| *at == folder)
            || self.added.as_ref().is_some_and(|(at, ..)| *at == folder)
    }
}

impl Disk {
    /// Makes an empty file or a folder.
    pub fn make(&mut self, folder: Ino, name: &OsStr, mode: u32, is_folder: bool) -> Result<Ino, Refusal> {
        if self.names(folder)?.contains_key(name) {
            return Err(Refusal::Exists);
        }
        let ino = self.next;
        self.next += 1;
        let kind = if is_folder { Kind::folder() } else { Kind::File(File::default()) };
        self.nodes.insert(ino, Node { mode, kind });
        self.change(NameChange { removed: None, added: Some((folder, name.to_owned(), ino)) })?;
        Ok(ino)
    }

    /// Removes a name. What it named stays for those who have it open.
    pub fn remove(&mut self, folder: Ino, name: &OsStr, is_folder: bool) -> Result<(), Refusal> {
        let ino = self.look_up(folder, name)?;
        match (&self.node(ino)?.kind, is_folder) {
            (Kind::Folder { seen, .. }, true) if !seen.is_empty() => return Err(Refusal::NotEmpty),
            (Kind::Folder { .. }, false) => return Err(Refusal::IsFolder),
            (Kind::File(_), true) => return Err(Refusal::NoFolder),
            _ => {}
        }
        self.change(NameChange { removed: Some((folder, name.to_owned())), added: None })
    }

    /// Moves a name; what had the new one before loses it.
    pub fn rename(&mut self, from: (Ino, &OsStr), to: (Ino, &OsStr)) -> Result<(), Refusal> {
        let ino = self.look_up(from.0, from.1)?;
        let (folder, name) = (to.0, to.1.to_owned());
        self.change(NameChange { removed: Some((from.0, from.1.to_owned())), added: Some((folder, name, ino)) })
    }

    fn change(&mut self, change: NameChange) -> Result<(), Refusal> {
        for folder in [change.removed.as_ref().map(|(at, _)| *at), change.added.as_ref().map(|(at, ..)| *at)] {
            folder.map_or(Ok(()), |folder| self.names(folder).map(drop))?;
        }
        self.apply(&change, |seen, _| seen);
        self.waiting.push(change);
        Ok(())
    }

    pub(super) fn put_on_platter(&mut self, change: &NameChange) {
        self.apply(change, |_, durable| durable);
    }

    fn apply(&mut self, change: &NameChange, which: impl for<'a> Fn(&'a mut Names, &'a mut Names) -> &'a mut Names) {
        if let Some((folder, name)) = &change.removed
            && let Some(Node { kind: Kind::Folder { seen, durable }, .. }) = self.nodes.get_mut(folder)
        {
            which(seen, durable).remove(name);
        }
        if let Some((folder, name, ino)) = &change.added
            && let Some(Node { kind: Kind::Folder { seen, durable }, .. }) = self.nodes.get_mut(folder)
        {
            which(seen, durable).insert(name.clone(), *ino);
        }
    }
}
