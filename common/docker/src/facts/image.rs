//! Facts of images.

use super::{Sheet, Source, container::put_target, instructions, without_credentials};
use crate::{
    exports,
    image_ref::ImageRef,
    resolve::{image_asked, named_reference, reference_of},
    view::ImageView,
};
use std::collections::BTreeSet;
use wharden_model::Action;

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let query = source.query();
    match source.canonical.action() {
        Action::ImagePull => pull(source, out),
        Action::ImageLoad => {
            out.put("quiet", query.truth("quiet"));
            out.put("content_unread", true);
            // Until the archive has come to its end, see `Names::facts`.
            out.put("names_unread", true);
        }
        Action::ImageSearch => out.put("term", query.get("term")),
        Action::ImageExport => {
            let names = exports::names(source.canonical, source.view);
            let images = names.iter().map(|name| reference_of(name, source.view.image(name)));
            out.put("images", images.collect::<BTreeSet<_>>());
        }
        Action::ImageInspect
        | Action::ImageHistory
        | Action::ImageAttestations
        | Action::DistributionInspect
        | Action::ImagePush
        | Action::ImageTag
        | Action::ImageDelete => named(source, out),
        _ => {}
    }
}

fn named(source: &Source<'_>, out: &mut Sheet) {
    let query = source.query();
    let asked = image_asked(source.canonical).unwrap_or_default();
    let action = source.canonical.action();
    let local = source.resolved.image.filter(|_| action != Action::DistributionInspect);
    put_image(out, &asked, local);
    match action {
        Action::ImagePush => {
            let unnamed = ImageRef::parse_name(&asked).is_none_or(|r| r.tag.is_empty() && r.digest.is_empty());
            out.put("all_tags", unnamed);
        }
        Action::ImageDelete => out.put("force", query.truth("force")),
        Action::ImageTag => match ImageRef::of_parts(query.get("repo"), query.get("tag")) {
            Some(target) => put_target(&target.or_latest(), out),
            None => out.put("target", query.get("repo")),
        },
        _ => {}
    }
}

fn pull(source: &Source<'_>, out: &mut Sheet) {
    let query = source.query();
    let (image, tag) = (query.get("fromImage"), query.get("tag"));
    out.put("platform", query.get("platform"));
    out.put("changes", instructions(query.all("changes")));
    if image.is_empty() {
        out.put("from_source", without_credentials(query.get("fromSrc")));
        let repo = query.get("repo");
        let target = ImageRef::of_parts(repo, tag).map_or_else(|| repo.to_owned(), |t| t.or_latest().to_string());
        out.put("target", target);
        return;
    }
    let Some(reference) = ImageRef::of_parts(image, tag) else {
        out.put("image", image);
        return;
    };
    out.put("all_tags", reference.tag.is_empty() && reference.digest.is_empty());
    put_reference(out, &reference);
}

pub fn put_reference(out: &mut Sheet, reference: &ImageRef) {
    out.put("image", reference.to_string());
    out.put("image_registry", reference.registry.as_str());
    out.put("image_repository", reference.repository.as_str());
    out.put("image_tag", reference.tag.as_str());
    out.put("image_digest", reference.digest.as_str());
}

/// Where an image came from that was once called so, when its tag has gone to a newer one.
fn pulled_as(asked: &str, found: &ImageView) -> Option<ImageRef> {
    let reference = ImageRef::parse(asked)?;
    let mut known = found.digests.iter().filter_map(|digest| ImageRef::parse(digest));
    known.find(|k| k.registry == reference.registry && k.repository == reference.repository)
}

/// The facts about an image that a request means by a name or by an id.
pub fn put_image(out: &mut Sheet, asked: &str, found: Option<&ImageView>) {
    match named_reference(asked, found).or_else(|| pulled_as(asked, found?)) {
        Some(reference) => put_reference(out, &reference),
        None => out.put("image", reference_of(asked, found)),
    }
    if let Some(image) = found {
        out.put("image_id", image.id.as_str());
        let names = image.tags.iter().chain(&image.digests);
        let names = names.filter_map(|n| ImageRef::parse(n)).map(|r| r.to_string());
        out.put("image_names", names.collect::<BTreeSet<_>>());
    }
}
