//! Image references, read as the Engine reads them: `nginx` is `docker.io/library/nginx:latest`.

use crate::limits::REPOSITORY_MAX;
use std::fmt;

/// A normalised reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRef {
    /// E.g. `docker.io`.
    pub registry: String,
    /// E.g. `library/nginx`.
    pub repository: String,
    /// Empty when a digest is given.
    pub tag: String,
    /// `sha256:...`, or empty.
    pub digest: String,
}

impl ImageRef {
    /// Reads a reference to a named image. `None` for what is not one: an id, or nothing valid.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reference = Self::parse_name(text)?;
        if reference.tag.is_empty() && reference.digest.is_empty() {
            "latest".clone_into(&mut reference.tag);
        }
        Some(reference)
    }

    /// The same, with no tag where none is given.
    pub fn parse_name(text: &str) -> Option<Self> {
        if is_full_id(text) {
            return None;
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest).filter(|d| is_digest(d))?),
            None => (text, ""),
        };
        let last = name.rfind('/').map_or(0, |i| i + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(i) => (&name[..last + i], Some(&name[last + i + 1..]).filter(|t| is_tag(t))?),
            None => (name, ""),
        };
        // Beside a digest the engine looks at no tag: it says nothing of the image.
        let tag = if digest.is_empty() { tag } else { "" };
        let (registry, repository) = split_registry(name);
        let valid = registry.len() + 1 + repository.len() <= REPOSITORY_MAX
            && is_registry(&registry)
            && repository.split('/').all(is_part);
        valid.then(|| Self { registry, repository, tag: tag.to_owned(), digest: digest.to_owned() })
    }

    /// A reference made of a repository and a tag that come apart; the tag may be a digest. `None` too for a digest with a tag, of which the
    /// engine would take the digest.
    pub fn of_parts(name: &str, tag: &str) -> Option<Self> {
        let mut reference = Self::parse_name(name)?;
        if is_digest(tag) {
            tag.clone_into(&mut reference.digest);
            reference.tag.clear();
        } else if is_tag(tag) && reference.digest.is_empty() {
            tag.clone_into(&mut reference.tag);
        } else if !tag.is_empty() {
            return None;
        }
        Some(reference)
    }

    /// The repository as people write it: `nginx`, `team/app`, `registry.example/team/app`.
    pub fn familiar(&self) -> String {
        match (self.registry.as_str(), self.repository.strip_prefix("library/")) {
            ("docker.io", Some(official)) => official.to_owned(),
            ("docker.io", None) => self.repository.clone(),
            (registry, _) => format!("{registry}/{}", self.repository),
        }
    }

    /// Written as people write it, it looks like the short id of an image, which the engine would take for this name.
    pub fn is_like_id(&self) -> bool {
        const SHORT_ID: usize = 12;
        let name =
            self.repository.strip_prefix("library/").filter(|_| self.registry == "docker.io").unwrap_or_default();
        name.len() >= SHORT_ID && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

    /// This with the tag `latest` when it has neither tag nor digest.
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_empty() && self.digest.is_empty() {
            "latest".clone_into(&mut self.tag);
        }
        self
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

/// A host and perhaps a port (`distribution/reference`; addresses of IPv6 are none to engines before 24).
fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.ends_with(|c: char| c.is_ascii_alphanumeric())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// Letters and digits, and between them a dot, one or two low lines, or hyphens (`distribution/reference`).
fn is_part(part: &str) -> bool {
    let is_word = |b: char| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut between = part.split(is_word);
    // What is before the first and after the last, and between two that follow each other, is empty.
    part.starts_with(is_word)
        && part.ends_with(is_word)
        && between.all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

/// 64 hex digits, which the Engine takes for an id before it takes them for a name.
fn is_full_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn split_registry(name: &str) -> (String, String) {
    const HUB: &str = "docker.io";
    let (registry, rest) = match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (HUB, name),
    };
    let registry = if registry == "index.docker.io" { HUB } else { registry };
    let official = registry == HUB && !rest.contains('/') && !rest.is_empty();
    (registry.to_owned(), if official { format!("library/{rest}") } else { rest.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_spellings_of_one_image_are_one_reference() {
        for text in ["base", "base:latest", "library/base", "docker.io/base", "index.docker.io/library/base:latest"] {
            let reference = ImageRef::parse(text).expect(text);
            assert_eq!(reference.to_string(), "docker.io/library/base:latest");
        }
        let other = ImageRef::parse("localhost:5000/a/b:1").expect("valid");
        assert_eq!((other.registry.as_str(), other.repository.as_str()), ("localhost:5000", "a/b"));
        let digest = format!("sha256:{}", "0".repeat(64));
        let pinned = ImageRef::parse(&format!("a/b@{digest}")).expect("valid");
        assert_eq!((pinned.tag.as_str(), pinned.digest.as_str()), ("", digest.as_str()));
        assert_eq!(ImageRef::of_parts("evil.invalid/x", &digest).expect("valid").digest, digest);
    }

    #[test]
    fn ids_and_nonsense_are_no_references() {
        let id = "a".repeat(64);
        for text in [id.as_str(), &format!("sha256:{id}"), "", "A", "a:b:c", "a//b", "a@x", "/a", "a b", "a:"] {
            assert_eq!(ImageRef::parse(text), None, "{text}");
        }
        for text in
            ["a/-b", "a/b-", "a..b/c", "a/b..c", "a/b___c", "a/_b", "a/b._c", "_.x/a", "x.y:/a", "x.y:p/a", "[::1]/a"]
        {
            assert_eq!(ImageRef::parse(text), None, "{text}");
        }
        for text in ["a--b/c__d/e.f_0", "x-y.z:5000/a", "LOCAL/a"] {
            assert!(ImageRef::parse(text).is_some(), "{text}");
        }
        let long = format!("x.y/{}", "a".repeat(REPOSITORY_MAX - 4));
        assert!(ImageRef::parse(&long).is_some() && ImageRef::parse(&format!("{long}a")).is_none());
    }

    #[test]
    fn names_that_look_like_short_ids_are_told() {
        let like = |name: &str| ImageRef::parse(name).expect(name).is_like_id();
        assert!(["726b69ec4727", "library/726b69ec4727:x", "docker.io/726b69ec47270"].into_iter().all(like));
        assert!(
            !["facade", "726b69ec472", "726b69ec472g", "team/726b69ec4727", "x.y/726b69ec4727"].into_iter().any(like)
        );
    }

    proptest! {
        #[test]
        fn a_reference_reads_back_as_itself(text in "[a-zA-Z0-9./:@_-]{1,40}") {
            if let Some(reference) = ImageRef::parse(&text) {
                prop_assert_eq!(ImageRef::parse(&reference.to_string()), Some(reference));
            }
        }
    }
}
