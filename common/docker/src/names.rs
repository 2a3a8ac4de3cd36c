//! Names of things that could be taken for others.

use crate::{
    query::Query,
    refusal::{Refusal, shorten},
};
use wharden_model::Action;

/// Refuses a name for a container that could be the id of another one, short or whole: the engine takes a name before the
/// beginning of an id.
///
/// # Errors
/// 400.
pub fn check(action: Action, query: &Query) -> Result<(), Refusal> {
    if !matches!(action, Action::ContainerCreate | Action::ContainerRename) {
        return Ok(());
    }
    let name = query.get("name").trim_start_matches('/');
    let is_id = (12..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        let name = shorten(name);
        return Err(Refusal::bad(format!(
            "query parameter name: {name} could be taken for the id of another container: add a letter after f, or a dash"
        )));
    }
    Ok(())
}
