//! What the image of a container is called where it goes.

use super::view::{Contents, SeenContainer};
use crate::inventory::reference::normal;
use wharden_model::capacity::AdviceId;

/// Its name, or its id where the name means another one by now.
pub fn goes_by<'a>(seen: &'a SeenContainer, source: &Contents) -> &'a str {
    let named = seen.image_id.is_empty() || source.tags.get(&normal(&seen.image).0) == Some(&seen.image_id);
    if named { &seen.image } else { &seen.image_id }
}

/// The image of its own that carries what a container wrote outside of volumes; `None` where that is nothing, or was not counted.
pub fn keeping(seen: &SeenContainer, advice: &AdviceId) -> Option<String> {
    seen.layer_bytes.filter(|bytes| *bytes > 0)?;
    let plain: String = seen.name.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(format!("wharden-move/{}:{}", plain.to_ascii_lowercase(), advice.as_str()))
}
