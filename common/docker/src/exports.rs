//! Images that are exported. The engine exports all tags of a repository for a name that has none: each is judged, and what is sent on
//! names each.

use crate::{canonical::Canonical, image_ref::ImageRef, target::encode_query, view::View};
use serde_json::Value;

/// Every name that the request gives. In the path it is the only one, whatever the query says (`GET /images/{name}/get`).
pub fn asked(canonical: &Canonical) -> Vec<&str> {
    match canonical.route.captures.as_slice() {
        [] => canonical.query.all("names").collect(),
        captures => captures.iter().map(String::as_str).collect(),
    }
}

/// Those of them that have no tag.
pub fn repositories(canonical: &Canonical) -> impl Iterator<Item = &str> {
    asked(canonical).into_iter().filter(|name| repository(name).is_some())
}

/// Every name under which something is exported: of a repository all that it has; an id in place of its beginning.
pub fn names(canonical: &Canonical, view: &View) -> Vec<String> {
    let names =
        asked(canonical).into_iter().flat_map(|name| match (view.repositories.get(name), view.images.get(name)) {
            (Some(all), _) if !all.is_empty() => all.clone(),
            (_, Some(found)) if repository(name).is_some() => vec![found.id.clone()],
            _ => vec![name.to_owned()],
        });
    let mut out = Vec::new();
    for name in names {
        if !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

/// The repository of a name that has neither tag nor digest.
pub fn repository(name: &str) -> Option<ImageRef> {
    ImageRef::parse_name(name).filter(|reference| reference.tag.is_empty() && reference.digest.is_empty())
}

/// The path that lists the images of a repository.
pub fn list(name: &str) -> Option<String> {
    let filters = serde_json::json!({ "reference": [repository(name)?.familiar()] }).to_string();
    Some(format!("/images/json?{}", encode_query([("filters", filters.as_str())].into_iter())))
}

/// The names that a repository has by that list. `None` for an answer that is no list of images.
pub fn listed(name: &str, images: &Value) -> Option<Vec<String>> {
    let wanted = repository(name)?;
    let mut out = Vec::new();
    for image in images.as_array()? {
        for names in ["RepoTags", "RepoDigests"] {
            let names = image.get(names).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let is_of = |name: &&str| {
                let named = ImageRef::parse_name(name);
                named.is_some_and(|it| (&it.registry, &it.repository) == (&wanted.registry, &wanted.repository))
            };
            out.extend(names.filter(is_of).map(str::to_owned));
        }
    }
    Some(out)
}
