//! The documents of an image archive that give names to images. Which of them an engine reads depends on its version and on
//! its image store, so the names of all of them are those that are given.

use super::{Names, bad};
use crate::{
    image_ref::ImageRef,
    json::{self, Node, fold},
    limits::ARCHIVE_NAMES_MAX,
    refusal::{Refusal, shorten},
};

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// Of Docker, since 1.10: a list of images with their names.
    Manifest,
    /// Of Docker before that: names, their tags and what these mean.
    Repositories,
    /// Of OCI: a list of images with annotations.
    Index,
}

/// What containerd and Docker take for the name of an image in an OCI index; the second only without the first.
const ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

impl Document {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Manifest, Self::Repositories, Self::Index];

    /// The file that it is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.json",
            Self::Repositories => "repositories",
            Self::Index => "index.json",
        }
    }

    /// The one whose name this is, in any letters.
    pub fn like(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|document| document.name().eq_ignore_ascii_case(name))
    }

    /// Adds the names that it gives.
    ///
    /// # Errors
    /// 400 for what readers of JSON could differ about, and for names that the Engine would not take.
    pub fn read(self, bytes: &[u8], names: &mut Names) -> Result<(), Refusal> {
        let node = json::parse(bytes).map_err(|refusal| self.wrong(&refusal.message))?;
        match self {
            Self::Manifest => self.manifest(node, names),
            Self::Repositories => self.repositories(node, names),
            Self::Index => self.index(node, names),
        }
    }

    fn wrong(self, what: &str) -> Refusal {
        bad(format!("{}: {what}", self.name()))
    }

    fn manifest(self, node: Node, names: &mut Names) -> Result<(), Refusal> {
        for mut image in self.list(node, "it")? {
            let tags = match self.member(&mut image, "RepoTags")? {
                Some(tags) => self.list(tags, "RepoTags")?,
                None => Vec::new(),
            };
            names.unnamed |= tags.is_empty();
            for tag in tags {
                let Node::Text(text) = tag else { return Err(self.wrong("RepoTags holds something other than texts")) };
                let reference = ImageRef::parse_name(&text).filter(|r| !r.tag.is_empty() && r.digest.is_empty());
                self.add(reference, &text, names)?;
            }
            let parent = match self.member(&mut image, "Parent")? {
                Some(Node::Text(parent)) => parent,
                None | Some(Node::Null) => String::new(),
                Some(_) => return Err(self.wrong("a Parent is no text")),
            };
            match self.member(&mut image, "Config")? {
                Some(Node::Text(config)) => names.configs.insert(config, parent),
                _ => return Err(self.wrong("an image has no Config")),
            };
        }
        Ok(())
    }

    fn repositories(self, node: Node, names: &mut Names) -> Result<(), Refusal> {
        for (repository, tags) in self.members(node)? {
            if tags == Node::Null {
                continue;
            }
            for (tag, _) in self.members(tags)? {
                let reference = ImageRef::parse_name(&repository)
                    .filter(|r| r.tag.is_empty() && r.digest.is_empty())
                    .and_then(|_| ImageRef::of_parts(&repository, &tag))
                    .filter(|r| !r.tag.is_empty() && r.digest.is_empty());
                self.add(reference, &format!("{repository}:{tag}"), names)?;
            }
        }
        Ok(())
    }

    fn index(self, mut node: Node, names: &mut Names) -> Result<(), Refusal> {
        let images = match self.member(&mut node, "manifests")? {
            Some(images) => self.list(images, "manifests")?,
            None => Vec::new(),
        };
        for mut image in images {
            let annotations = match self.member(&mut image, "annotations")? {
                Some(annotations) => self.members(annotations)?,
                None => Vec::new(),
            };
            let annotation = |wanted: &str| match annotations.iter().find(|(key, _)| key == wanted) {
                Some((_, Node::Text(text))) => Ok(text.as_str()),
                None | Some((_, Node::Null)) => Ok(""),
                Some(_) => Err(self.wrong("an annotation is no text")),
            };
            let (name, reference) = (annotation(ANNOTATIONS[0])?, annotation(ANNOTATIONS[1])?);
            let name = if name.is_empty() { reference } else { name };
            if name.is_empty() {
                names.unnamed_in_index = true;
            } else {
                self.add(ImageRef::parse(name), name, names)?;
            }
        }
        Ok(())
    }

    fn add(self, reference: Option<ImageRef>, text: &str, names: &mut Names) -> Result<(), Refusal> {
        let Some(reference) = reference.filter(|reference| !reference.is_like_id()) else {
            return Err(self.wrong(&format!(
                "{:?} is not a name that an image can be given: write it like registry.example/team/app:1.0",
                shorten(text)
            )));
        };
        names.given.insert(reference);
        if names.given.len() > ARCHIVE_NAMES_MAX {
            return Err(bad(format!("it gives more than {ARCHIVE_NAMES_MAX} names: load it in parts")));
        }
        Ok(())
    }

    fn list(self, node: Node, what: &str) -> Result<Vec<Node>, Refusal> {
        match node {
            Node::List(items) => Ok(items),
            _ => Err(self.wrong(&format!("{what} is not a list"))),
        }
    }

    /// Members whose keys are compared exactly, each there once.
    fn members(self, node: Node) -> Result<Vec<(String, Node)>, Refusal> {
        let Node::Object(mut members) = node else {
            return Err(self.wrong("something is not an object that must be one"));
        };
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        match members.array_windows().find(|[(a, _), (b, _)]| a == b) {
            Some([(key, _), _]) => Err(self.wrong(&format!("{:?} is there twice", shorten(key)))),
            None => Ok(members),
        }
    }

    /// Takes out the member of this name, `None` when it is not there or null. Members that nobody reads may be what they
    /// like, but Go takes a key in other letters for the same.
    fn member(self, node: &mut Node, name: &str) -> Result<Option<Node>, Refusal> {
        let Node::Object(members) = node else { return Err(self.wrong("something is not an object that must be one")) };
        let folded = fold(name);
        let mut found = None;
        for (key, value) in members.iter_mut().filter(|(key, _)| fold(key) == folded) {
            if key != name || found.is_some() {
                return Err(self.wrong(&format!("{name} is there twice, or in other letters")));
            }
            found = Some(std::mem::replace(value, Node::Null));
        }
        Ok(found.filter(|value| *value != Node::Null))
    }
}
