use super::*;
use crate::Reading;
use proptest::prelude::*;
use serde_json::{Value, json};

fn maker(image: &str) -> String {
    if image == "mine" { "alice".to_owned() } else { String::new() }
}

/// Asks whether one of the things may be seen.
type May<'m> = &'m mut dyn FnMut(&Reading) -> bool;

/// What is passed on of an answer that comes in pieces of these sizes.
fn sift(action: Action, list: &[u8], sizes: &[usize], may: May<'_>) -> Result<Vec<u8>, UnknownForm> {
    let (mut sifter, mut passed, mut out, mut read) = (Sifter::new(action)?, Vec::new(), Vec::new(), 0);
    let mut passes = |kind, thing: &[u8]| listed_reading(kind, thing, &maker).map(|reading| may(&reading));
    for size in sizes.iter().cycle() {
        let Some(rest) = list.get(read..).filter(|rest| !rest.is_empty()) else { break };
        read += sifter.take(&rest[..rest.len().min(*size)], &mut passes, &mut out)?;
        assert!(sifter.footprint() <= THING_MAX && out.len() <= SIFTED_AT_ONCE + THING_MAX);
        passed.append(&mut out);
    }
    sifter.end()?;
    Ok(passed)
}

/// With white space, as nobody writes it, so that every place where some may be has some.
fn sifted(action: Action, body: &Value, may: May<'_>) -> Result<Value, UnknownForm> {
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON is left");
    let pretty = read(&sift(action, &serde_json::to_vec_pretty(body).expect("JSON"), &[usize::MAX], may)?);
    let dense = sift(action, &serde_json::to_vec(body).expect("JSON"), &[usize::MAX], may)?;
    assert_eq!(pretty, read(&dense));
    assert_eq!(dense, serde_json::to_vec(&pretty).expect("JSON"), "no byte more than is needed");
    Ok(pretty)
}

fn names(action: Action, body: &Value, allowed: &[&str]) -> Value {
    sifted(action, body, &mut |reading| allowed.contains(&reading.resource.owner.as_str())).expect("known form")
}

#[test]
fn lists_keep_what_may_be_read() {
    let of = |owner: &str| json!({"io.wharden.owner": owner, "io.wharden.image": "sha256:1"});
    let (mine, theirs) = (of("alice"), of("bob"));
    let container = |id: &str, labels: &Value| json!({"Id": id, "Names": ["/n"], "Image": "app", "ImageID": "sha256:1", "Labels": labels});
    let list = json!([container("1", &mine), container("2", &theirs), container("3", &Value::Null)]);
    assert_eq!(names(Action::ContainerList, &list, &["alice"]), json!([container("1", &mine)]));
    let volume = |name: &str, labels: &Value| json!({"Name": name, "Labels": labels});
    let list = json!({"Volumes": [volume("a", &theirs), volume("b", &mine)], "Warnings": null});
    let kept = json!({"Volumes": [volume("b", &mine)], "Warnings": null});
    assert_eq!(names(Action::VolumeList, &list, &["alice"]), kept);
    assert_eq!(names(Action::VolumeList, &json!({"Volumes": null}), &[]), json!({"Volumes": null}));
    let df = json!({"LayersSize": 1, "Containers": [container("1", &theirs)], "Volumes": [volume("b", &mine)],
        "Images": null, "BuildCache": [{"ID": "b", "Description": "RUN a --password=b"}],
        "ImageUsage": {"Items": [{"Id": "labelled", "Labels": mine}, {"Id": "mine"}]}});
    let kept = json!({"LayersSize": 1, "Containers": [], "Volumes": [volume("b", &mine)],
        "Images": null, "BuildCache": [], "ImageUsage": {"Items": [{"Id": "mine"}]}});
    assert_eq!(names(Action::SystemDf, &df, &["alice"]), kept);
    let service = |labels: &Value| json!({"ID": "s", "Spec": {"Name": "web", "Labels": labels}});
    let list = json!([service(&mine), service(&theirs)]);
    assert_eq!(names(Action::ServiceList, &list, &["bob"]), json!([service(&theirs)]));
}

#[test]
fn what_has_another_form_is_not_passed_on() {
    for (action, body) in [
        (Action::ContainerList, json!({"Containers": []})),
        (Action::ContainerList, json!([{"Names": ["/no-id"]}])),
        (Action::VolumeList, json!([])),
        (Action::SystemDf, json!({"Surprise": []})),
        (Action::NetworkList, json!("x")),
        (Action::SystemInfo, json!({})),
    ] {
        assert_eq!(sifted(action, &body, &mut |_| true), Err(UnknownForm), "{body}");
    }
    for text in [
        "",
        "[",
        "[{\"Id\":\"1\"}",
        "[{\"Id\":\"1\"},]",
        "[]]",
        "[[]]",
        "[1]",
        "[] x",
        "{\"Volumes\":[]",
        "{\"Volumes\" []}",
        "{\"Volumes\":\"null\"}",
        "{\"Volumes\":{}}",
        "{\"volumes\":[]}",
    ] {
        let action = if text.starts_with('{') { Action::VolumeList } else { Action::ContainerList };
        assert_eq!(sift(action, text.as_bytes(), &[1], &mut |_| true), Err(UnknownForm), "{text}");
    }
}

#[test]
fn images_are_read_by_their_names() {
    let mut seen = Vec::new();
    let list = json!([{"Id": "sha256:1", "RepoTags": ["reg.example/a:1", "b:2"], "Labels": null},
        {"Id": "sha256:2", "RepoTags": ["<none>:<none>"]}]);
    let mut look = |reading: &Reading| {
        seen.push((reading.resource.name.clone(), reading.facts.get("image").cloned()));
        true
    };
    let bytes = serde_json::to_vec(&list).expect("JSON");
    assert_eq!(sift(Action::ImageList, &bytes, &[5], &mut look), Ok(bytes));
    let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["reg.example/a:1", "sha256:2"]);
    assert_eq!(seen[0].1, Some("reg.example/a:1".into()));
}

/// A thing, and whether it may be seen, which its name says.
#[derive(Clone, Debug)]
struct Drawn {
    text: String,
    seen: bool,
    space: String,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let odd = prop_oneof![".{0,12}", Just("\\\"],}[{".to_owned()), "[\\\\\"\\]}{,]{0,9}"];
    let more = prop_oneof![
        odd.prop_map(|text| json!(text).to_string()),
        Just("1.50e3".to_owned()),
        Just("[ [{\"Id\":\"inner\"},{}] , null]".to_owned()),
        Just("\"\\u003c\\ud83d\\ude00\"".to_owned()),
    ];
    (any::<bool>(), "[ \n]{0,2}", prop::collection::vec(more, 0..4), "[a-z]{1,3}").prop_map(
        |(seen, space, more, name)| {
            let name = if seen { format!("seen-{name}") } else { name };
            let more: String =
                more.iter().enumerate().map(|(n, value)| format!(",\"More{n}\":{space}{value}")).collect();
            Drawn { text: format!("{{{space}\"Id\":\"{name}\" ,\"Name\":\"{name}\"{more}}}"), seen, space }
        },
    )
}

/// A list of all of them, or of those that may be seen.
fn list(things: &[Drawn], all: bool) -> String {
    let mut text = "[".to_owned();
    let mut comma = "";
    for Drawn { text: thing, seen, space } in things {
        text += space;
        if all || *seen {
            text += comma;
            text += thing;
            comma = ",";
        }
        text += space;
    }
    text + "]"
}

/// The document of one action around such lists.
fn document(action: Action, things: &[Drawn], all: bool) -> String {
    let (list, half) = (list(things, all), list(&things[things.len() / 2..], all));
    match action {
        Action::VolumeList => format!("{{\"Volumes\":{list},\"Warnings\":[\"\\\"Volumes\\\":[\"]}}\n"),
        Action::SystemDf => format!(
            "{{\"LayersSize\":-1 ,\"Images\":{list},\"Containers\":null,\"BuildCache\":null,\
             \"VolumeUsage\":{{\"Items\":{half},\"Total\":1}}}}"
        ),
        _ => list + "\n",
    }
}

proptest! {
    #[test]
    fn whatever_is_left_out_and_however_it_comes_the_rest_is_as_the_engine_wrote_it(
        things in prop::collection::vec(drawn(), 0..6),
        action in prop_oneof![Just(Action::NetworkList), Just(Action::ContainerList), Just(Action::VolumeList), Just(Action::SystemDf)],
        sizes in prop::collection::vec(1..40_usize, 1..8),
    ) {
        let (whole, wanted) = (document(action, &things, true), document(action, &things, false));
        let mut may = |reading: &Reading| reading.resource.name.starts_with("seen-") || reading.resource.id.starts_with("seen-");
        for sizes in [&sizes[..], &[usize::MAX]] {
            let passed = sift(action, whole.as_bytes(), sizes, &mut may).expect("known form");
            prop_assert_eq!(String::from_utf8(passed).expect("text"), &wanted[..]);
        }
        prop_assert!(serde_json::from_str::<Value>(&wanted).is_ok());
        let cut = &whole.trim_end().as_bytes()[..whole.trim_end().len() - 1];
        prop_assert_eq!(sift(action, cut, &sizes, &mut may), Err(UnknownForm));
    }

    #[test]
    fn no_bytes_make_it_panic(text in "[\\[\\]{}:,\"\\\\ InV]{0,30}", size in 1..9_usize) {
        for action in [Action::ContainerList, Action::VolumeList, Action::SystemDf] {
            let passed = sift(action, text.as_bytes(), &[size], &mut |_| true);
            prop_assert_eq!(&passed, &sift(action, text.as_bytes(), &[usize::MAX], &mut |_| true));
        }
    }
}

#[test]
fn a_thing_that_is_too_large_is_left_out_and_the_others_stay() {
    let thing = |id: &str, size: usize| {
        let frame = json!({"Id": id, "Labels": {"a": "\"]}"}, "Name": ""}).to_string();
        let filled = frame.replace("\"Name\":\"\"", &format!("\"Name\":\"{}\"", "x".repeat(size - frame.len())));
        assert_eq!(filled.len(), size);
        filled
    };
    let things = [
        ("1", 100),
        ("larger", THING_MAX + 1),
        ("2", THING_MAX),
        ("much-larger", 3 * THING_MAX),
        ("3", 200 * 1024),
        ("4", 100),
    ];
    let list = |things: &[(&str, usize)]| {
        format!("[{}]\n", things.iter().map(|(id, size)| thing(id, *size)).collect::<Vec<_>>().join(","))
    };
    let many = |labels: usize| {
        let labels: serde_json::Map<String, Value> = (0..labels).map(|n| (n.to_string(), json!(""))).collect();
        json!({"Id": "many", "Labels": labels}).to_string()
    };
    let sifted =
        |list: String| sift(Action::NetworkList, list.as_bytes(), &[usize::MAX], &mut |_| true).expect("known");
    let fits = many(THING_VALUES_MAX - 4);
    assert_eq!(sifted(format!("[{fits}]")), format!("[{fits}]").into_bytes());
    assert_eq!(sifted(format!("[{},{fits}]", many(THING_VALUES_MAX))), format!("[{fits}]").into_bytes());
    let kept: Vec<_> = things.into_iter().filter(|(_, size)| *size <= THING_MAX).collect();
    for size in [4096, 250_000, usize::MAX] {
        let mut seen = Vec::new();
        let mut may = |reading: &Reading| {
            seen.push(reading.resource.id.clone());
            true
        };
        let passed = sift(Action::NetworkList, list(&things).as_bytes(), &[size], &mut may).expect("known form");
        assert!(passed == list(&kept).into_bytes(), "in pieces of {size}");
        assert_eq!(seen, ["1", "2", "3", "4"]);
    }
}

#[test]
fn what_is_attached_to_a_network_is_passed_on_by_its_id() {
    let passed = |network: &Value, size: usize| {
        let text = serde_json::to_vec_pretty(network).expect("JSON");
        let (mut sifter, mut out) = (Sifter::new(Action::NetworkInspect).expect("known"), Vec::new());
        let mut passes = |_, thing: &[u8]| Ok(attached(thing)?.starts_with("mine"));
        for mut part in text.chunks(size) {
            while !part.is_empty() {
                let read = sifter.take(part, &mut passes, &mut out)?;
                part = &part[read..];
            }
        }
        sifter.end().map(|()| serde_json::from_slice::<Value>(&out).expect("JSON is left"))
    };
    let network = |containers: Value| {
        json!({"Name": "web", "Id": "n1", "Containers": containers, "Labels": {"Containers": "x"},
            "IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}], "Containers": {"theirs": {}}}})
    };
    let at = |name: &str| json!({"Name": name, "IPv4Address": "10.0.0.2/8", "more": [{"a": {}}]});
    let all = network(json!({"theirs1": at("a"), "mine\"1": at("b"), "ep-1": at("lb"), "theirs2": at("c")}));
    for size in [1, 3, usize::MAX] {
        assert_eq!(passed(&all, size).expect("known"), network(json!({"mine\"1": at("b")})));
    }
    for empty in [json!({}), Value::Null] {
        assert_eq!(passed(&network(empty.clone()), 7).expect("known"), network(empty));
    }
    for odd in [json!([at("a")]), json!({"theirs": 1}), json!({"theirs": [at("a")]}), json!("x"), json!(1)] {
        assert_eq!(passed(&network(odd.clone()), 7), Err(UnknownForm), "{odd}");
    }
}
