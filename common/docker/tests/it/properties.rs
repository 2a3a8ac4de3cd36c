//! For any bytes: no panic, and one meaning.

use crate::support::{self, judge};
use proptest::prelude::*;
use serde_json::{Value, json};
use wharden_docker::ForwardBody;

/// JSON like that of a container to be, in any spelling of its keys.
fn body() -> impl Strategy<Value = Value> {
    let spelling = |name: &'static str| {
        proptest::collection::vec(any::<bool>(), name.len()).prop_map(move |upper| {
            let letters = name.chars().zip(upper);
            letters.map(|(c, u)| if u { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect::<String>()
        })
    };
    let host = (
        any::<bool>(),
        any::<i64>(),
        proptest::collection::vec(
            "((/[a-z/.]{0,8}|[a-z][a-z.]{1,6}):)?(/[a-z]{1,4})(:(ro|rw|Z|nocopy|ro,rshared|[a-z,:]{0,6}))?",
            0..3,
        ),
        spelling("Privileged"),
    )
        .prop_map(|(privileged, memory, binds, key)| json!({key: privileged, "Memory": memory, "Binds": binds}));
    (host, spelling("HostConfig"), spelling("Image"), proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..3))
        .prop_map(|(host, host_key, image_key, labels)| json!({host_key: host, image_key: "base", "Labels": labels}))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = wharden_docker::parse_head(&bytes);
    }

    #[test]
    fn no_request_makes_it_panic(method in "[A-Z]{1,7}", target in "/[ -~]{0,48}", body in "[ -~]{0,64}") {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n").into_bytes();
        bytes.extend(format!("Content-Length: {}\r\n\r\n{body}", body.len()).bytes());
        let _ = judge(&bytes);
    }

    #[test]
    fn no_body_of_any_route_makes_it_panic(index in 0..wharden_docker::ENDPOINTS.len(), body in "[\\[\\]{}:,\"a-zA-Z0-9 ]{0,64}") {
        let endpoint = wharden_docker::ENDPOINTS[index];
        let path = endpoint.pattern.replace(":.*}", "").replace(":.+}", "").replace(['{', '}'], "");
        let method = if endpoint.method == "*" { "GET" } else { endpoint.method };
        let _ = judge(&support::request(method, &path, &body));
    }

    #[test]
    fn what_is_sent_on_is_judged_the_same_and_sent_on_the_same(body in body()) {
        let once = judge(&support::request("POST", "/containers/create", &body.to_string())).expect("valid");
        let sent = support::forwarded(&once);
        let twice = judge(&sent).expect("canonical");
        prop_assert_eq!(support::forwarded(&twice), sent);
        prop_assert_eq!(&twice.facts, &once.facts);
        // The oracle: what a decoder that folds keys finds in the bytes sent on is what was judged.
        let ForwardBody::Bytes(bytes) = &once.body else { panic!("a body") };
        let value: Value = serde_json::from_slice(bytes).expect("JSON");
        let privileged = value["HostConfig"]["Privileged"].as_bool().expect("there");
        prop_assert!(support::shows(&once, "privileged", &privileged.to_string()));
    }
}
