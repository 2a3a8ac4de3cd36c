//! Names of things that could be taken for others.

use crate::{
    query::Query,
    refusal::{Refusal, shorten},
};
use wharden_model::Action;

/// Checks the names that a request gives beside its body: one for a container must not look like the id of another, short or
/// whole, since the engine takes a name before the beginning of an id; one of a checkpoint must not be a path.
///
/// # Errors
/// 400.
pub fn check(action: Action, query: &Query, captures: &[String]) -> Result<(), Refusal> {
    match action {
        Action::ContainerCreate | Action::ContainerRename => container(query),
        Action::ContainerStart if query.get("checkpoint").is_empty() => Ok(()),
        Action::ContainerStart => checkpoint("query parameter checkpoint", query.get("checkpoint")),
        Action::ContainerCheckpointDelete => captures.iter().skip(1).try_for_each(|name| checkpoint("path", name)),
        _ => Ok(()),
    }
}

/// Refuses what is no name of a checkpoint. The engine looks at it when one is made, and later finds it wherever a name with dots
/// and slashes leads.
///
/// # Errors
/// 400.
pub fn checkpoint(place: &str, name: &str) -> Result<(), Refusal> {
    if name.len() > 1 && is_plain(name) {
        return Ok(());
    }
    let shown = shorten(name);
    Err(Refusal::bad(format!(
        "{place}: {shown:?} is no name of a checkpoint: letters, digits, and after the first _ . -"
    )))
}

/// Letters, digits, and after the first also low lines, dots and hyphens: what the engine takes for names of containers.
pub fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.bytes().all(plain) && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// Refuses a name of a network that could be taken for a mode, for a path, or for another one by whoever reads it. The engine looks at
/// nothing but whether there is one.
///
/// # Errors
/// 400.
pub fn network(name: &str) -> Result<(), Refusal> {
    let is_mode = name.contains([':', '/']) || name.starts_with('.');
    let looks_else = name.trim() != name || name.chars().any(|c| c.is_control() || is_unseen(c));
    if !(is_mode || looks_else) {
        return Ok(());
    }
    let shown = shorten(name);
    Err(Refusal::bad(format!(
        "field Name: {shown:?} is no name of a network: no : nor /, no . at its beginning, no blanks around it, and all of it to be seen"
    )))
}

/// Marks that are not to be seen, or change the direction of what is read behind them (Unicode Standard Annex 9).
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn container(query: &Query) -> Result<(), Refusal> {
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
