//! Finds the route of a request the way the Engine's own router does: first match of method and whole path.

use crate::endpoint::{ENDPOINTS, Endpoint, UNKNOWN};

/// A matched route and what its pattern captured, in order.
#[derive(Clone, Debug)]
pub struct Route {
    pub endpoint: &'static Endpoint,
    pub captures: Vec<String>,
}

impl Route {
    /// The route of a method and a decoded path without its version.
    pub fn find(method: &str, path: &str) -> Self {
        let found = ENDPOINTS
            .iter()
            .filter(|e| e.method == method || e.method == "*")
            // Nearly all of them end here, before their patterns are taken apart.
            .filter(|e| path.starts_with(beginning(e.pattern)))
            .find_map(|endpoint| Some(Self { endpoint, captures: captures(endpoint.pattern, path)? }));
        found.unwrap_or(Self { endpoint: &UNKNOWN, captures: Vec::new() })
    }

    /// The path of this route with other values in the place of what was captured.
    pub fn path_with(&self, values: &[&str]) -> String {
        let mut out = String::new();
        let mut values = values.iter();
        for piece in pieces(self.endpoint.pattern) {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Part | Piece::Many { .. } => out.push_str(values.next().copied().unwrap_or_default()),
            }
        }
        out
    }
}

enum Piece<'a> {
    Literal(&'a str),
    /// `[^/]+`
    Part,
    /// `.*` or `.+`
    Many {
        empty: bool,
    },
}

fn pieces(pattern: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = match (rest.find('{'), rest.find('}')) {
            (Some(0), Some(end)) => {
                let piece = match rest[1..end].split_once(':') {
                    Some((_, ".*")) => Piece::Many { empty: true },
                    Some(_) => Piece::Many { empty: false },
                    None => Piece::Part,
                };
                (piece, end + 1)
            }
            (Some(start), _) => (Piece::Literal(&rest[..start]), start),
            (None, _) => (Piece::Literal(rest), rest.len()),
        };
        rest = &rest[after..];
        Some(piece)
    })
}

/// What every path of a pattern begins with.
fn beginning(pattern: &str) -> &str {
    pattern.find('{').map_or(pattern, |end| &pattern[..end])
}

fn captures(pattern: &str, path: &str) -> Option<Vec<String>> {
    let pieces: Vec<_> = pieces(pattern).collect();
    let mut out = Vec::new();
    let mut rest = path;
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(text) => rest = rest.strip_prefix(text)?,
            Piece::Part => {
                let end = rest.find('/').unwrap_or(rest.len());
                out.push(Some(&rest[..end]).filter(|s| !s.is_empty())?.to_owned());
                rest = &rest[end..];
            }
            // Patterns have at most one of these, followed by at most one literal; it takes all that it can.
            Piece::Many { empty } => {
                let suffix = match pieces.get(i + 1) {
                    Some(Piece::Literal(text)) => text,
                    _ => "",
                };
                let value = rest.strip_suffix(suffix)?;
                if value.is_empty() && !empty {
                    return None;
                }
                out.push(value.to_owned());
                rest = &rest[value.len()..];
            }
        }
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Action;

    fn route(method: &str, path: &str) -> (Action, Vec<String>) {
        let route = Route::find(method, path);
        (route.endpoint.action, route.captures)
    }

    #[test]
    fn names_with_slashes_and_words_of_the_api_are_names() {
        assert_eq!(route("GET", "/images/a/b:c/json"), (Action::ImageInspect, vec!["a/b:c".into()]));
        assert_eq!(route("GET", "/images/json/json"), (Action::ImageInspect, vec!["json".into()]));
        assert_eq!(route("GET", "/images/json"), (Action::ImageList, vec![]));
        assert_eq!(route("POST", "/containers/build/exec"), (Action::ContainerExec, vec!["build".into()]));
        assert_eq!(route("POST", "/containers/create"), (Action::ContainerCreate, vec![]));
        assert_eq!(route("GET", "/networks/a/connect"), (Action::NetworkInspect, vec!["a/connect".into()]));
        assert_eq!(route("GET", "/networks/"), (Action::NetworkList, vec![]));
        assert_eq!(route("DELETE", "/containers/a/b"), (Action::ContainerDelete, vec!["a/b".into()]));
        assert_eq!(
            route("DELETE", "/containers/a/checkpoints/c"),
            (Action::ContainerCheckpointDelete, vec!["a".into(), "c".into()])
        );
        assert_eq!(route("POST", "/debug/pprof/cmdline"), (Action::SystemDebug, vec![]));
        assert_eq!(route("OPTIONS", "/whatever"), (Action::SystemOptions, vec!["whatever".into()]));
    }

    #[test]
    fn what_no_route_matches_is_unknown() {
        for (method, path) in [
            ("GET", "/containers/create"),
            ("POST", "/containers/create/"),
            ("HEAD", "/containers/json"),
            ("PATCH", "/containers/a"),
            ("GET", "/nodes/a/b"),
            ("GET", "/"),
            ("GET", "/libpod/info"),
        ] {
            assert_eq!(route(method, path).0, Action::Unknown, "{method} {path}");
        }
    }
}
