//! What controllers say to each other, frozen: two versions of the program talk during an upgrade. These files are never made
//! anew; a message that is new, or grows, gets its line in the file of its level.

use super::*;
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeSet;
use wharden_proto::v1::PeerFrame;

use crate::raft::{Answer, Call};

fn read(file: &str, part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(file).expect("JSON");
    all[part].as_array().expect("a list").clone()
}

fn level_0(part: &str) -> Vec<Value> {
    read(include_str!("forms/level-0.json"), part)
}

fn level_3(part: &str) -> Vec<Value> {
    read(include_str!("forms/level-3.json"), part)
}

fn level_4(part: &str) -> Vec<Value> {
    read(include_str!("forms/level-4.json"), part)
}

/// It is understood, and said in the same words.
fn same<T: DeserializeOwned + Serialize>(said: &[Value]) {
    for one in said {
        let read: T = serde_json::from_value(one.clone()).unwrap_or_else(|error| panic!("{one}: {error}"));
        assert_eq!(serde_json::to_value(read).expect("JSON"), *one);
    }
}

#[test]
fn what_the_version_before_levels_says_is_understood() {
    same::<Request>(&level_0("questions"));
    same::<Reply>(&level_0("answers"));
}

#[test]
fn what_level_3_says_is_understood() {
    same::<Request>(&level_3("questions"));
    same::<Reply>(&level_3("answers"));
}

#[test]
fn what_level_4_says_is_understood() {
    same::<Request>(&level_4("questions"));
    same::<Reply>(&level_4("answers"));
}

/// Messages that have grown, as they were before.
#[test]
fn what_lacks_the_newer_fields_is_understood() {
    for answer in read(include_str!("forms/grown.json"), "answers") {
        let read: Reply = serde_json::from_value(answer["said"].clone()).expect("understood");
        assert_eq!(serde_json::to_value(read).expect("JSON"), answer["read"]);
    }
}

/// The names of the variants of a message, which serde lists when it does not know one.
fn variants<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>("\"none of them\"") else { panic!("there is one of that name") };
    let error = error.to_string();
    let (_, listed) = error.split_once("expected one of").expect("a list");
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn name(message: &Value) -> String {
    let of_object = || message.as_object().and_then(|fields| fields.keys().next()).cloned();
    message.as_str().map(str::to_owned).or_else(of_object).expect("a variant")
}

fn names(messages: &[Value]) -> BTreeSet<String> {
    messages.iter().map(name).collect()
}

#[test]
fn every_message_is_frozen() {
    let all = |part| [level_3(part), level_4(part)].concat();
    let (questions, answers) = (all("questions"), all("answers"));
    let inner =
        |messages: &[Value]| -> Vec<Value> { messages.iter().filter_map(|one| one.get("raft").cloned()).collect() };
    assert_eq!(names(&questions), variants::<Request>());
    assert_eq!(names(&answers), variants::<Reply>());
    assert_eq!(names(&inner(&questions)), variants::<Call>());
    assert_eq!(names(&inner(&answers)), variants::<Answer>());
}

/// What is no JSON goes beside it.
#[test]
fn bytes_travel_beside_the_question() {
    for question in level_3("questions") {
        let mut asked: Request = serde_json::from_value(question.clone()).expect("a question");
        let carries = match &mut asked {
            Request::Raft(Call::Snapshot(part)) => {
                part.data = b"bytes".to_vec();
                true
            }
            Request::Keep { records, .. } => {
                *records = bytes::Bytes::from_static(b"bytes");
                true
            }
            _ => false,
        };
        let frame = asked.into_frame().expect("a frame");
        let said: Value = serde_json::from_slice(&frame.body).expect("JSON");
        assert_eq!((said, frame.version), (question, 1));
        assert_eq!(frame.attachment, if carries { &b"bytes"[..] } else { &b""[..] });
        let sent = PeerFrame::decode(frame.encode_to_vec().as_slice()).expect("a frame");
        match Request::from_frame(sent).expect("a question") {
            Request::Raft(Call::Snapshot(part)) => assert_eq!(part.data, b"bytes"),
            Request::Keep { records, .. } => assert_eq!(records, &b"bytes"[..]),
            _ => assert!(!carries),
        }
    }
}

/// A question of a later version is refused by one that does not know it, which both sides take for an answer: see
/// `CallError::Refused`.
#[test]
fn what_is_not_known_is_not_understood() {
    let body = bytes::Bytes::from_static(br#"{"raft":{"of_later":{}}}"#);
    let frame = PeerFrame { version: 1, body, attachment: bytes::Bytes::new(), level: 9 };
    assert!(Request::from_frame(frame).is_err());
    // A field of a later version is no reason to refuse: who sends it must not need it to be understood.
    let body = bytes::Bytes::from_static(br#"{"raft":{"canvass":{"by":2,"last":null,"of_later":1}}}"#);
    let frame = PeerFrame { version: 1, body, attachment: bytes::Bytes::new(), level: 9 };
    assert!(Request::from_frame(frame).is_ok());
}
