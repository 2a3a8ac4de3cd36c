//! What the Engine makes of an image archive: it unpacks it into a folder and looks for the manifest there.

use crate::{
    go_tar::{self, Entry},
    names,
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_docker::Archive;
use wharden_model::{Action, FactValue, Facts};

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Folder,
    Link(String),
}

/// A folder and what is in it, by path.
#[derive(Default)]
struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// Where a path leads, without leaving the folder. `None` when it leads round and round.
    fn resolve(&self, path: &str, follow_last: bool) -> Option<String> {
        let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let (mut at, mut links) = (Vec::<String>::new(), 0);
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                _ => at.push(part),
            }
            if let Some(Node::Link(to)) = self.0.get(&at.join("/")).filter(|_| follow_last || !left.is_empty()) {
                links += 1;
                at.pop();
                if to.starts_with('/') {
                    at.clear();
                }
                left.extend(to.split('/').rev().map(str::to_owned));
            }
            if links > 20 {
                return None;
            }
        }
        Some(at.join("/"))
    }

    fn put(&mut self, entry: &Entry) {
        let clean = names::clean(&entry.name);
        let node = match entry.flag {
            b'0' => Node::File(entry.content.clone()),
            b'5' => Node::Folder,
            b'2' => Node::Link(entry.link.clone()),
            b'1' => match self.resolve(&entry.link, false).and_then(|to| self.0.get(&to).cloned()) {
                Some(node) => node,
                None => return,
            },
            _ => return,
        };
        let Some(path) = self.resolve(&clean, false).filter(|path| !path.is_empty()) else { return };
        let inside = format!("{path}/");
        if !matches!((self.0.get(&path), &node), (Some(Node::Folder), Node::Folder)) {
            self.0.retain(|known, _| !known.starts_with(&inside));
        }
        self.0.insert(path, node);
    }

    fn file(&self, path: &str) -> Option<&[u8]> {
        match self.0.get(&self.resolve(path, true)?)? {
            Node::File(content) => Some(content),
            Node::Folder | Node::Link(_) => None,
        }
    }
}

/// The names that the Engine would give; `None` when it would make nothing of the archive.
fn given(bytes: &[u8]) -> Option<BTreeSet<String>> {
    let entries = go_tar::entries(bytes).ok()?;
    let mut tree = Tree::default();
    for entry in &entries {
        assert!(entry.flag != b'S', "a sparse file was taken");
        tree.put(entry);
    }
    // Its decoder takes one document, keys in any letters, and the last of many.
    let manifest = tree.file("manifest.json")?;
    let images = serde_json::Deserializer::from_slice(manifest).into_iter::<serde_json::Value>().next()?.ok()?;
    let mut given = BTreeSet::new();
    for image in images.as_array()? {
        for (key, tags) in image.as_object()? {
            if key.eq_ignore_ascii_case("RepoTags") {
                given.extend(tags.as_array().into_iter().flatten().filter_map(|tag| names::reference(tag.as_str()?)));
            }
        }
    }
    Some(given)
}

/// Reads an archive as the guard does, in pieces.
fn judged(bytes: &[u8], step: usize) -> Option<BTreeSet<String>> {
    let mut archive = Archive::default();
    for piece in bytes.chunks(step) {
        archive.read(piece).ok()?;
    }
    let names = archive.names().ok()?;
    let request = Facts::zero(Action::ImageLoad);
    match names.facts(&request).next()?.get("tags") {
        Some(FactValue::Set(tags)) => Some(tags.clone()),
        other => panic!("tags: {other:?}"),
    }
}

/// Tries an archive as it is, and with its checksums put right.
///
/// # Panics
/// When the engine would give a name that was not judged, or when pieces matter.
pub fn check(bytes: &[u8]) {
    let mut sealed = bytes.to_vec();
    go_tar::seal(&mut sealed);
    for bytes in [bytes, &sealed] {
        let whole = judged(bytes, usize::MAX);
        assert_eq!(judged(bytes, 7), whole, "in pieces");
        if let (Some(judged), Some(given)) = (whole, given(bytes)) {
            assert!(given.is_subset(&judged), "{given:?} are given, {judged:?} were judged");
        }
    }
}
