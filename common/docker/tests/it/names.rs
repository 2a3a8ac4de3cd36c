//! Names of images that readers differ about.

use crate::support::{self, judge, judge_with, request};

#[test]
fn what_is_no_name_of_an_image_is_refused_where_one_is_given() {
    for (target, parameter) in [
        // The engine leaves the colon out, and pulls.
        ("/images/create?fromImage=evil.example%2Fx%3A", "fromImage"),
        ("/images/create?fromImage=x&tag=%3A", "fromImage"),
        ("/images/create?fromSrc=-&repo=A%2F%2Fb", "repo"),
        ("/images/base/tag?repo=a%20b", "repo"),
        ("/commit?container=victim&repo=a%3A%3Ab", "repo"),
        ("/build?t=good&t=a%40b", "t"),
    ] {
        let refusal = judge(&request("POST", target, "")).unwrap_err();
        assert!(refusal.status == 400 && refusal.message.contains(parameter), "{target}: {refusal}");
    }
}

#[test]
fn names_may_be_left_out_and_have_ports_and_digests() {
    for target in [
        "/images/create?fromSrc=-",
        "/images/create?fromImage=localhost%3A5000%2Fa%2Fb",
        "/commit?container=victim",
        "/build?t=a%2Fb%3A1",
        "/images/base/tag?repo=a%3A1&tag=2",
    ] {
        judge(&request("POST", target, "")).unwrap_or_else(|refusal| panic!("{target}: {refusal}"));
    }
    let digest = format!("/images/create?fromImage=a&tag=sha256:{}", "0".repeat(64));
    assert!(support::shows(&judge(&request("POST", &digest, "")).unwrap(), "image_registry", "docker.io"));
}

#[test]
fn a_tag_beside_a_digest_says_nothing() {
    let mut view = support::view();
    let named = format!("base:latest@sha256:{}", "5".repeat(64));
    view.images.insert(named.clone(), view.images["base"].clone());
    let judged = judge_with(&request("GET", &format!("/images/{named}/json"), ""), &view).unwrap();
    let digest = format!("sha256:{}", "5".repeat(64));
    assert!(support::shows(&judged, "image_digest", &digest) && support::shows(&judged, "image_tag", ""));
    let pull = judge(&request("POST", &format!("/images/create?fromImage={named}"), "")).unwrap();
    assert!(support::shows(&pull, "image_tag", ""));
    let apart = format!("/images/create?fromImage=base@sha256:{}&tag=stable", "5".repeat(64));
    assert_eq!(judge(&request("POST", &apart, "")).unwrap_err().status, 400);
}

#[test]
fn a_remote_context_is_told_as_the_engine_reads_it() {
    for remote in ["git@evil:x@github.com/acme/app.git", "git@github.com:acme/app.git"] {
        let build = judge(&request("POST", &format!("/build?remote={}", remote.replace(':', "%3A")), "")).unwrap();
        assert!(support::shows(&build, "remote", remote), "{remote}");
    }
}

#[test]
fn addresses_with_passwords_are_refused_without_a_scheme_too() {
    for source in ["http://a:b@host/x", "//a:b@host/x", "a:b@host/x", "http://a@host"] {
        let target = format!("/images/create?fromSrc={}&repo=x", source.replace('/', "%2F").replace(':', "%3A"));
        let refusal = judge(&request("POST", &target, "")).unwrap_err();
        assert!(refusal.message.contains("password"), "{source}: {refusal}");
    }
}
