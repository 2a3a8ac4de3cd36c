//! The target of a request, decoded into path and query, and encoded again in the one canonical way.

use crate::{
    limits::QUERY_PARAMS_MAX,
    refusal::{Refusal, shorten},
    version::ApiVersion,
};

/// A decoded target.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The version that its path begins with.
    pub version: Option<ApiVersion>,
    /// The decoded path without the version, beginning with a slash.
    pub path: String,
    /// Decoded parameters in the order sent.
    pub query: Vec<(String, String)>,
}

impl Target {
    /// Reads a target in origin form.
    ///
    /// # Errors
    /// 400 for anything that is not the canonical spelling of a path, and for a query that two parsers could read in
    /// two ways.
    pub fn parse(target: &str) -> Result<Self, Refusal> {
        if !target.starts_with('/') {
            return Err(Refusal::bad(format!(
                "request target {:?}: only a path is understood here, beginning with a slash",
                shorten(target)
            )));
        }
        if let Some(bad) = target.chars().find(|c| !c.is_ascii_graphic() || *c == '#' || *c == '\\') {
            return Err(Refusal::bad(format!("request target: character {bad:?} must not be in a path or query")));
        }
        let (raw, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decode_path(raw)?;
        let (version, path) = split_version(&path)?;
        Ok(Self { version, path: path.to_owned(), query: decode_query(query)? })
    }
}

fn bad_path(raw: &str, what: &str) -> Refusal {
    Refusal::bad(format!("path {:?}: {what}", shorten(raw)))
}

fn decode_path(raw: &str) -> Result<String, Refusal> {
    let decoded = percent_decode(raw, false).ok_or_else(|| bad_path(raw, "a percent sign needs two hex digits"))?;
    if encode_path(&decoded) != raw && has_needless_escape(raw) {
        return Err(bad_path(raw, "letters, digits, . - _ ~ / and \\ must not be percent-encoded"));
    }
    let text = String::from_utf8(decoded).map_err(|_| bad_path(raw, "it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(bad_path(raw, "control characters must not be in it"));
    }
    if text.contains("//") {
        return Err(bad_path(raw, "two slashes after one another"));
    }
    if text.split('/').any(|part| part == "." || part == "..") {
        return Err(bad_path(raw, "the parts . and .. must not be in it"));
    }
    Ok(text)
}

/// An escape of a character that means the same without it, or that would change the path's parts.
fn has_needless_escape(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.windows(3).filter(|w| w[0] == b'%').any(|w| match (hex(w[1]), hex(w[2])) {
        (Some(high), Some(low)) => {
            let byte = high << 4 | low;
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b'\\')
        }
        _ => false,
    })
}

fn split_version(path: &str) -> Result<(Option<ApiVersion>, &str), Refusal> {
    let first = path[1..].split('/').next().unwrap_or_default();
    let looks = |s: &str| s.strip_prefix(['v', 'V']).is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()));
    if !looks(first) {
        return Ok((None, path));
    }
    if !first.starts_with('v') {
        return Err(bad_path(path, "the version begins with a small v"));
    }
    let version: ApiVersion = first[1..].parse()?;
    let rest = &path[1 + first.len()..];
    if rest.is_empty() {
        return Err(bad_path(path, "nothing follows the version"));
    }
    if looks(rest[1..].split('/').next().unwrap_or_default()) {
        return Err(bad_path(path, "two versions"));
    }
    Ok((Some(version), rest))
}

fn decode_query(raw: &str) -> Result<Vec<(String, String)>, Refusal> {
    if raw.contains(';') {
        return Err(Refusal::bad("query: a semicolon separates parameters for some and not for others: write %3B"));
    }
    let mut out = Vec::new();
    for piece in raw.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let text = |part: &str| {
            let bytes = percent_decode(part, true)
                .ok_or_else(|| Refusal::bad("query: a percent sign needs two hex digits".to_owned()))?;
            String::from_utf8(bytes).map_err(|_| Refusal::bad(format!("query {:?}: not UTF-8", shorten(part))))
        };
        let (name, value) = (text(name)?, text(value)?);
        if value.contains('\0') {
            return Err(Refusal::bad(format!("query parameter {:?}: a NUL byte", shorten(&name))));
        }
        if out.len() == QUERY_PARAMS_MAX {
            return Err(Refusal::with(431, format!("more than {QUERY_PARAMS_MAX} query parameters")));
        }
        out.push((name, value));
    }
    Ok(out)
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn percent_decode(raw: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Some(out)
}

/// A path with everything escaped that is not unreserved, a slash, a colon or an at sign.
pub fn encode_path(path: impl AsRef<[u8]>) -> String {
    encode(path.as_ref(), b"/:@")
}

/// Parameters as `name=value&...`, everything escaped that is not unreserved.
pub fn encode_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&encode(name.as_bytes(), b""));
        out.push('=');
        out.push_str(&encode(value.as_bytes(), b""));
    }
    out
}

fn encode(bytes: &[u8], plain: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn targets_are_split_and_decoded() {
        let target = Target::parse("/v1.41/images/a/b:c@d/json?x=1%202&y=a+b&z").expect("valid");
        assert_eq!(target.version, Some(ApiVersion { major: 1, minor: 41 }));
        assert_eq!(target.path, "/images/a/b:c@d/json");
        let query: Vec<_> = target.query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(query, [("x", "1 2"), ("y", "a b"), ("z", "")]);
        assert_eq!(Target::parse("/images/a%40b/json").expect("needed by docker-py").path, "/images/a@b/json");
        assert_eq!(Target::parse("/networks/my%20net").expect("valid").path, "/networks/my net");
    }

    #[test]
    fn other_spellings_are_refused() {
        for bad in [
            "//v1.41/containers/json",
            "/v1.41//containers/json",
            "/v1.41/./containers/json",
            "/v1.41/a/../containers/json",
            "/v1.41/containers/%63reate",
            "/v1.41/containers%2Fcreate",
            "/v1.41/containers%5ccreate",
            "/v1.41\\containers\\create",
            "/v1.041/info",
            "/v1.41.0/info",
            "/V1.41/info",
            "/v1.41/v1.41/info",
            "/v1.41",
            "/a%00b",
            "/a%0ab",
            "/a%",
            "/a%ff",
            "http://docker/info",
            "*",
            "docker:80",
            "/info?a=1;b=2",
            "/info?a=%zz",
            "/info?a=%00",
            "/info#x",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_parsing(parts in proptest::collection::vec("[^\\p{C}/\\\\.]{1,12}", 1..4),
                                         query in proptest::collection::vec(("\\PC{1,8}", "\\PC{0,8}"), 0..5)) {
            let path = format!("/x/{}", parts.join("/"));
            let pairs = query.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            let target = Target::parse(&format!("{}?{}", encode_path(&path), encode_query(pairs))).expect("canonical");
            prop_assert_eq!(target.path, path);
            prop_assert_eq!(target.query, query);
        }

        #[test]
        fn no_target_makes_it_panic(target in "\\PC{0,64}") {
            let _ = Target::parse(&target);
        }
    }
}
