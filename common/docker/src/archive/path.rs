//! Names of entries. The Engine unpacks an archive into a folder and looks into that afterwards: no name may lead to a
//! document in a roundabout way.

use super::{bad, documents::Document, header::Kind};
use crate::refusal::{Refusal, shorten};

/// What links end in: `docker save` and podman make links from one layer to another.
const LAYER: &str = ".tar";

/// Whether a file of this name is a layer, and nothing else.
pub fn is_layer(name: &str) -> bool {
    name.ends_with(LAYER)
}

/// Checks a name. Nothing can lie behind a link, since links end in `.tar` and folders do not.
///
/// # Errors
/// 400 with the name.
pub fn check(name: &str, kind: Kind) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(bad(format!("entry {:?} {what}", shorten(name))));
    let path = if kind == Kind::Folder { name.strip_suffix('/').unwrap_or(name) } else { name };
    // The folder that was packed.
    if kind == Kind::Folder && path == "." {
        return Ok(());
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse(
            "is not written in the one short way, like blobs/x and manifest.json: pack the entries themselves (tar -c *), \
             not the folder (tar -c .)",
        );
    }
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    let is_link = kind == Kind::Link;
    if is_link && !is_layer(last) {
        return refuse("is a link, and only layers (*.tar) are; the files of a container are for docker import");
    }
    if folders.split('/').chain((kind == Kind::Folder).then_some(last)).any(is_layer) {
        return refuse("takes a layer (*.tar) for a folder");
    }
    let first = path.split('/').next().unwrap_or_default();
    match Document::like(first) {
        Some(document) if path != document.name() || kind != Kind::File => {
            refuse(&format!("is not the document {}, and could be taken for it", document.name()))
        }
        _ => Ok(()),
    }
}
