//! Names of images that go to the engine as names, because it is the name that is removed, exported, pushed or given. Whoever may tag could
//! let one mean another image in the moment between the decision and the engine's own look.

use crate::{canonical::Canonical, exports, image_ref::ImageRef, resolve::image_asked, view::View};
use wharden_model::Action;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageNamed {
    /// The whole reference.
    pub reference: String,
    /// As the request spells it.
    pub asked: String,
    /// The id of the image that it meant for the decision; `None` where it will come to mean what the request says.
    pub id: Option<String>,
    /// It will mean another image, or none.
    pub moves: bool,
}

/// Those of a request, in the order of their references. Ids of images are no names.
pub fn named(canonical: &Canonical, view: &View) -> Vec<ImageNamed> {
    let query = &canonical.query;
    let mut names: Vec<ImageNamed> = match canonical.action() {
        Action::ImageExport => {
            exports::names(canonical, view).iter().filter_map(|name| judged(name, false, view)).collect()
        }
        action @ (Action::ImageDelete | Action::ImagePush) => {
            let moves = action == Action::ImageDelete;
            image_asked(canonical).and_then(|name| judged(&name, moves, view)).into_iter().collect()
        }
        Action::ImageTag | Action::ContainerCommit => given(query.get("repo"), query.get("tag")).into_iter().collect(),
        _ => Vec::new(),
    };
    names.sort();
    names.dedup();
    names
}

fn judged(name: &str, moves: bool, view: &View) -> Option<ImageNamed> {
    let (image, reference) = (view.images.get(name)?, ImageRef::parse(name)?);
    Some(ImageNamed { reference: reference.to_string(), asked: name.to_owned(), id: Some(image.id.clone()), moves })
}

fn given(repository: &str, tag: &str) -> Option<ImageNamed> {
    let reference = ImageRef::of_parts(repository, tag)?.or_latest().to_string();
    Some(ImageNamed { asked: reference.clone(), reference, id: None, moves: true })
}
