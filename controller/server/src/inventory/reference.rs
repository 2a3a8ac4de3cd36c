//! References to images, in one spelling: `docker.io/library/nginx`, `nginx` and `nginx:latest` are the same.

/// The reference with its tag or digest, and without.
pub fn normal(reference: &str) -> (String, String) {
    if reference.is_empty() || is_id(reference) {
        return (reference.to_owned(), String::new());
    }
    let mut rest = reference;
    for start in ["docker.io/", "index.docker.io/", "registry-1.docker.io/"] {
        rest = rest.strip_prefix(start).unwrap_or(rest);
    }
    rest = rest.strip_prefix("library/").unwrap_or(rest);
    let repository = repository(rest);
    let whole = if repository.len() == rest.len() { format!("{rest}:latest") } else { rest.to_owned() };
    (whole, repository.to_owned())
}

/// True for an id, which is no reference.
pub fn is_id(text: &str) -> bool {
    text.starts_with("sha256:")
}

/// True when it names a tag or a digest.
pub fn is_whole(reference: &str) -> bool {
    repository(reference).len() != reference.len()
}

fn repository(reference: &str) -> &str {
    let named = reference.split_once('@').map_or(reference, |(named, _)| named);
    let after_slash = named.rfind('/').map_or(0, |at| at + 1);
    match named.get(after_slash..).and_then(|last| last.find(':')) {
        Some(colon) => named.get(..after_slash + colon).unwrap_or(named),
        None => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_reference_are_one() {
        for text in ["nginx", "nginx:latest", "library/nginx", "docker.io/library/nginx:latest", "docker.io/nginx"] {
            assert_eq!(normal(text), ("nginx:latest".to_owned(), "nginx".to_owned()), "{text}");
        }
        for (text, whole, repository) in [
            ("reg.io:5000/a/b", "reg.io:5000/a/b:latest", "reg.io:5000/a/b"),
            ("reg.io:5000/a/b:1", "reg.io:5000/a/b:1", "reg.io:5000/a/b"),
            ("a/b@sha256:0f", "a/b@sha256:0f", "a/b"),
            ("a/b:1@sha256:0f", "a/b:1@sha256:0f", "a/b"),
            ("sha256:0f", "sha256:0f", ""),
            ("", "", ""),
        ] {
            assert_eq!(normal(text), (whole.to_owned(), repository.to_owned()), "{text}");
        }
        assert!(is_whole("a:1") && is_whole("a@sha256:0") && !is_whole("a:5000/b") && !is_whole("a"));
    }
}
