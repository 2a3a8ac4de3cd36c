//! The names that an archive gives, as facts.

use crate::{
    facts::{Sheet, put_target},
    image_ref::ImageRef,
};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::Facts;

/// Facts of `image.load` that come with the archive, and are not known before its end.
pub const FROM_ARCHIVE: &[&str] =
    &["names_unread", "tags", "target", "target_registry", "target_repository", "target_tag"];

/// What images would be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub(super) given: BTreeSet<ImageRef>,
    /// Some image gets no name.
    pub(super) unnamed: bool,
    pub(super) unnamed_in_index: bool,
    /// The files that `manifest.json` names as configurations, and the images that each is said to be made from, empty for none.
    pub(super) configs: BTreeMap<String, String>,
    pub(super) images: BTreeSet<String>,
}

impl Names {
    /// Ids of the images that the Engine makes of a `manifest.json`: `sha256:` and 64 digits. An engine whose ids are not
    /// the digests of configurations has none of these.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(String::as_str)
    }

    /// The facts of the load, once for each name, with all names beside it, and once without a name where an image gets none.
    /// Each must be allowed. `request` has the facts of the request alone.
    pub fn facts<'a>(&'a self, request: &'a Facts) -> impl Iterator<Item = Facts> + 'a {
        let all: BTreeSet<String> = self.given.iter().map(ToString::to_string).collect();
        let nameless = (self.unnamed || self.given.is_empty()).then_some(None);
        self.given.iter().map(Some).chain(nameless).map(move |name| {
            let mut sheet = Sheet::from(request.clone());
            sheet.put("names_unread", false);
            sheet.put("tags", all.clone());
            if let Some(name) = name {
                put_target(name, &mut sheet);
            }
            sheet.into_facts()
        })
    }
}
