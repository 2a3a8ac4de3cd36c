//! Ids that clients choose, by which they and the engine name what goes on: sessions of BuildKit, through which a client serves files
//! and secrets to a build, and builds. Whoever names one as well has a part in it.

use crate::{canonical::Canonical, limits::HANDLE_MAX, refusal::Refusal};
use sha2::{Digest, Sha256};
use wharden_model::Action;

/// What each of them begins with, so that no session is taken for a build.
const SESSION: &str = "session ";
const BUILD: &str = "build ";
const SHARED_KEY: &str = "X-Docker-Expose-Session-Sharedkey";

/// Those that a request names, as the engine looks for them.
///
/// # Errors
/// 400 for one that is longer than any client makes it.
pub fn of(canonical: &Canonical) -> Result<Vec<String>, Refusal> {
    let query = &canonical.query;
    let found = match canonical.action() {
        Action::BuildSession | Action::BuildGrpc => {
            let ids = canonical.headers.iter().filter(|(name, _)| *name == "X-Docker-Expose-Session-Uuid");
            ids.map(|(name, id)| (*name, SESSION, id.as_str())).collect()
        }
        Action::ImageBuild => vec![
            ("session", SESSION, session(query.get("session"))),
            ("buildid", BUILD, query.get("buildid").strip_prefix("upload-request:").unwrap_or(query.get("buildid"))),
        ],
        Action::BuildCancel => vec![("id", BUILD, query.get("id"))],
        _ => Vec::new(),
    };
    let named = found.into_iter().filter(|(_, _, id)| !id.is_empty());
    let kept = named.map(|(place, kind, id)| {
        if id.len() > HANDLE_MAX {
            return Err(Refusal::bad(format!("{place}: the id is longer than {HANDLE_MAX} bytes")));
        }
        Ok(format!("{kind}{id}"))
    });
    kept.collect()
}

/// Gives a session a key of its owner's. Under the client's own BuildKit would keep the files of a context for whoever comes with the
/// same key, and ask for none of which the new client knows name, size and time.
pub fn own_shared_key(headers: &mut Vec<(&'static str, String)>, owner: &str) {
    let key = headers.extract_if(.., |(name, _)| *name == SHARED_KEY).map(|(_, key)| key).next().unwrap_or_default();
    let own = Sha256::new().chain_update(owner).chain_update([0]).chain_update(key).finalize();
    headers.push((SHARED_KEY, own.iter().map(|byte| format!("{byte:02x}")).collect()));
}

/// BuildKit looks for what is behind the first colon, if something is.
fn session(id: &str) -> &str {
    match id.split_once(':') {
        Some((_, rest)) if !rest.is_empty() => rest,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::parse_head, request::begin, version::ApiVersion};

    fn named(request: &str) -> Result<Vec<String>, Refusal> {
        let (head, _) = parse_head(format!("{request}\r\n\r\n").as_bytes()).expect("a head").expect("whole");
        let canonical = begin(&head, ApiVersion::NEWEST).expect("routed").finish(None).expect("canonical");
        of(&canonical)
    }

    #[test]
    fn a_shared_key_is_shared_with_oneself_alone() {
        let sent = |key: Option<&str>, owner: &str| {
            let mut headers: Vec<_> = key.map(|key| (SHARED_KEY, key.to_owned())).into_iter().collect();
            headers.insert(0, ("User-Agent", "x".to_owned()));
            own_shared_key(&mut headers, owner);
            assert_eq!(headers[0].1, "x");
            let [_, (SHARED_KEY, key)] = headers.as_slice() else { panic!("{headers:?}") };
            key.clone()
        };
        assert_eq!(sent(Some("k"), "alice"), sent(Some("k"), "alice"));
        assert_eq!(sent(None, "alice"), sent(Some(""), "alice"));
        let all = [
            (None, "alice"),
            (Some("k"), "alice"),
            (None, "bob"),
            (Some("k"), "bob"),
            (Some("ek"), "alic"),
            (None, ""),
        ];
        let all: std::collections::BTreeSet<_> = all.iter().map(|(key, owner)| sent(*key, owner)).collect();
        assert!(all.len() == 6 && all.iter().all(|key| key.len() == 64));
    }

    #[test]
    fn one_id_is_the_same_however_it_is_named() {
        for (request, ids) in [
            (
                "POST /session HTTP/1.1\r\nHost: d\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nX-Docker-Expose-Session-Uuid: u1",
                &["session u1"][..],
            ),
            ("POST /build?version=2&session=u1 HTTP/1.1\r\nHost: d", &["session u1"]),
            ("POST /build?version=2&session=ctx:u1&buildid=b1 HTTP/1.1\r\nHost: d", &["session u1", "build b1"]),
            (
                "POST /build?version=2&session=u1:&buildid=upload-request:b1 HTTP/1.1\r\nHost: d",
                &["session u1:", "build b1"],
            ),
            ("POST /build/cancel?id=b1 HTTP/1.1\r\nHost: d", &["build b1"]),
            ("POST /build?t=a HTTP/1.1\r\nHost: d", &[]),
            ("GET /_ping HTTP/1.1\r\nHost: d", &[]),
        ] {
            assert_eq!(named(request).expect(request), ids, "{request}");
        }
        let long = named(&format!("POST /build?session={} HTTP/1.1\r\nHost: d", "x".repeat(HANDLE_MAX + 1)));
        assert!(long.expect_err("long").message.starts_with("session: "));
    }
}
