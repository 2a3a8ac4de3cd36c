//! The same thing is the same for a rule, whichever way a request comes to it.

use crate::support::{IMAGE, VICTIM, canonical, judge, request};
use serde_json::json;
use wharden_docker::{Lookup, View, event_reading, listed_reading};
use wharden_model::{Resource, ResourceKind};

fn judged(method: &str, target: &str, body: &str) -> Resource {
    judge(&request(method, target, body)).expect("judged").resources.remove(0)
}

#[test]
fn an_image_is_called_the_same_in_creations_descriptions_lists_and_events() {
    let made = judged("POST", "/v1.41/containers/create", r#"{"Image":"base"}"#).image;
    assert_eq!(made, "docker.io/library/base:latest");
    let described = judged("GET", "/v1.41/containers/victim/json", "");
    assert_eq!(described.image, made);
    assert_eq!(judged("POST", "/v1.41/containers/victim/stop", "").image, made);
    let labels = json!({"tenant": "b", "io.wharden.owner": "bob", "io.wharden.image": IMAGE});
    let thing = json!({"Id": VICTIM, "Names": ["/victim"], "Image": "base", "ImageID": IMAGE, "Labels": labels});
    let thing = thing.to_string();
    let nobody = |_: &str| String::new();
    let listed = listed_reading(ResourceKind::Container, thing.as_bytes(), &nobody).expect("a container");
    assert_eq!(listed.resource, described);
    let event =
        json!({"Type": "container", "Actor": {"ID": VICTIM, "Attributes": {"image": "base", "name": "victim"}}});
    let told = event_reading(&event, &View::default(), &nobody).expect("an event").expect("about a container");
    assert_eq!(told.resource.image, made);
}

#[test]
fn only_the_plain_description_of_one_thing_answers_itself() {
    let own = |method: &str, target: &str| canonical(&request(method, target, "")).expect("canonical").0.own_answer();
    for (target, lookup) in [
        ("/containers/a%20b/json", Lookup::Container("a b".into())),
        ("/images/reg.example/a:1/json", Lookup::Image("reg.example/a:1".into())),
        ("/volumes/v", Lookup::Volume("v".into())),
    ] {
        assert_eq!(own("GET", &format!("/v1.41{target}")), Some((format!("/v1.41{target}"), lookup)));
    }
    for target in [
        "/v1.41/containers/a/json?size=1",
        "/v1.41/volumes/v?x=1",
        "/v1.41/networks/n",
        "/v1.41/containers/a/logs",
        "/v1.41/containers/json",
        "/v1.41/exec/e/json",
        "/v1.41/images/i/history",
    ] {
        assert_eq!(own("GET", target), None, "{target}");
    }
    assert_eq!(own("DELETE", "/v1.41/containers/a"), None);
}
