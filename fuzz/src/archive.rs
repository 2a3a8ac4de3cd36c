//! What the Engine makes of an image archive: it unpacks it into a folder and looks for the manifest there.

use crate::{
    go_tar::{self, Entry},
    names,
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
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

/// What is made of an archive: names, and the ids of images.
#[derive(Debug, Default, PartialEq, Eq)]
struct Made {
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
}

/// What the Engine would make; `None` when it would make nothing of the archive.
fn made(bytes: &[u8]) -> Option<Made> {
    let entries = go_tar::entries(bytes).ok()?;
    let mut tree = Tree::default();
    for entry in &entries {
        assert!(entry.flag != b'S', "a sparse file was taken");
        tree.put(entry);
    }
    // Its decoder takes one document, keys in any letters, and the last of many.
    let manifest = tree.file("manifest.json")?;
    let images = serde_json::Deserializer::from_slice(manifest).into_iter::<serde_json::Value>().next()?.ok()?;
    let mut made = Made::default();
    for image in images.as_array()? {
        for (key, value) in image.as_object()? {
            if key.eq_ignore_ascii_case("RepoTags") {
                let tags = value.as_array().into_iter().flatten();
                made.names.extend(tags.filter_map(|tag| names::reference(tag.as_str()?)));
            }
            if key.eq_ignore_ascii_case("Config") {
                let config = value.as_str().and_then(|path| tree.file(path));
                made.ids.extend(config.map(|config| format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(config)))));
            }
        }
    }
    Some(made)
}

/// Reads an archive as the guard does, in pieces.
fn judged(bytes: &[u8], step: usize) -> Option<Made> {
    let mut archive = Archive::default();
    for piece in bytes.chunks(step) {
        archive.read(piece).ok()?;
    }
    let names = archive.names().ok()?;
    let request = Facts::zero(Action::ImageLoad);
    let ids = names.images().map(str::to_owned).collect();
    match names.facts(&request).next()?.get("tags") {
        Some(FactValue::Set(tags)) => Some(Made { names: tags.clone(), ids }),
        other => panic!("tags: {other:?}"),
    }
}

/// Tries an archive as it is, and with its checksums put right.
///
/// # Panics
/// When the engine would give a name that was not judged, or make another image, or when pieces matter.
pub fn check(bytes: &[u8]) {
    let mut sealed = bytes.to_vec();
    go_tar::seal(&mut sealed);
    for bytes in [bytes, &sealed] {
        let whole = judged(bytes, usize::MAX);
        assert_eq!(judged(bytes, 7), whole, "in pieces");
        // What was refused may be as odd as it likes.
        if let Some(judged) = whole
            && let Some(made) = made(bytes)
        {
            assert!(made.names.is_subset(&judged.names), "{made:?} is made, {judged:?} was judged");
            assert!(made.ids.is_subset(&judged.ids), "{made:?} is made, {judged:?} was judged");
        }
    }
}
