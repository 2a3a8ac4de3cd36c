//! Names of images that a request gives. What is no reference could not be judged by its registry or repository, and some
//! engines find one in it all the same: in the name of a pull they leave out a colon at its end.

use crate::{
    image_ref::ImageRef,
    query::Query,
    refusal::{Refusal, shorten},
};
use wharden_model::Action;

/// Checks every name that is given to an image, or by which one is pulled.
///
/// # Errors
/// 400 with the parameter for what is no reference.
pub fn check(action: Action, query: &Query) -> Result<(), Refusal> {
    let gives = matches!(action, Action::ImageTag | Action::ContainerCommit);
    let one = |parameter: &str, name: &str, tag: &str| match ImageRef::of_parts(name, tag) {
        _ if name.is_empty() => Ok(()),
        Some(reference) if reference.is_like_id() => Err(Refusal::bad(format!(
            "query parameter {parameter}: {:?} could be taken for the id of an image: choose another name",
            shorten(name)
        ))),
        // Some engines leave the digest out, and some the tag beside it.
        Some(reference) if gives && !reference.digest.is_empty() => Err(Refusal::bad(format!(
            "query parameter {parameter}: {:?} has a digest, which nobody can give to an image: name a repository and a tag",
            shorten(name)
        ))),
        Some(_) => Ok(()),
        None if name.contains('@') && !tag.is_empty() => Err(Refusal::bad(format!(
            "query parameter {parameter}: {:?} has a digest, and {:?} is given beside it: name one of the two",
            shorten(name),
            shorten(tag)
        ))),
        None => Err(none(parameter, name, tag)),
    };
    let tag = query.get("tag");
    match action {
        Action::ImagePull if !query.get("fromImage").is_empty() => one("fromImage", query.get("fromImage"), tag),
        Action::ImagePull | Action::ImageTag | Action::ContainerCommit => one("repo", query.get("repo"), tag),
        Action::ImageBuild => query.all("t").try_for_each(|name| one("t", name, "")),
        _ => Ok(()),
    }
}

fn none(parameter: &str, name: &str, tag: &str) -> Refusal {
    let with = if tag.is_empty() { String::new() } else { format!(" with the tag {:?}", shorten(tag)) };
    Refusal::bad(format!(
        "query parameter {parameter}: {:?}{with} is not the name of an image: write it like registry.example/team/app:1.0",
        shorten(name)
    ))
}
