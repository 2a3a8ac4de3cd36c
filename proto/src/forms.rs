//! The bytes of every message, frozen: agents and controllers of two versions talk to each other during an upgrade. A line, once
//! released, stays as it is; a message that is new, or grows, gets one more.

use crate::v1::{
    AgentMessage, BundleAck, BundleDifference, BundleNack, BundlePush, ControllerAddress, ControllerMessage,
    Controllers, DifferenceStep, EnrollRequest, EnrollResponse, Event, Events, EventsAck, Heartbeat, HeartbeatAck,
    Hello, Inventory, InventoryAck, InventoryReset, JoinRequest, JoinResponse, KnownController, Notice, NoticeAck,
    PeerFrame, RenewRequest, RenewResponse, Report, Usage, Welcome,
};
use prost::Message;
use std::collections::BTreeSet;

const FORMS: &str = include_str!("forms/messages.txt");
const SOURCES: [&str; 2] = [include_str!("../wharden/v1/agent.proto"), include_str!("../wharden/v1/peer.proto")];

/// What is not known, or has another number or type, is not there any more afterwards.
fn again<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
    M::decode(bytes).expect("understood").encode_to_vec()
}

macro_rules! again_as {
    ($name:expr, $bytes:expr, $($message:ident),+ $(,)?) => {
        match $name {
            $(stringify!($message) => again::<$message>($bytes),)+
            other => panic!("there is no message {other}"),
        }
    };
}

fn of_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn forms() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    FORMS.lines().map(|line| {
        let (name, bytes) = line.split_once(' ').unwrap_or((line, ""));
        (name, of_hex(bytes))
    })
}

#[test]
fn the_bytes_of_messages_are_frozen() {
    for (name, bytes) in forms() {
        let said = again_as!(
            name,
            &bytes[..],
            AgentMessage,
            BundleAck,
            BundleDifference,
            BundleNack,
            BundlePush,
            ControllerAddress,
            ControllerMessage,
            Controllers,
            DifferenceStep,
            EnrollRequest,
            EnrollResponse,
            Event,
            Events,
            EventsAck,
            Heartbeat,
            HeartbeatAck,
            Hello,
            Inventory,
            InventoryAck,
            InventoryReset,
            JoinRequest,
            JoinResponse,
            KnownController,
            Notice,
            NoticeAck,
            PeerFrame,
            RenewRequest,
            RenewResponse,
            Report,
            Usage,
            Welcome,
        );
        assert_eq!(said, bytes, "{name}");
    }
}

#[test]
fn every_message_and_every_field_is_frozen() {
    let lines = || SOURCES.iter().flat_map(|source| source.lines());
    let messages = lines().filter_map(|line| line.strip_prefix("message ")?.split_once(' '));
    let messages: BTreeSet<&str> = messages.map(|(name, _)| name).collect();
    assert_eq!(forms().map(|(name, _)| name).collect::<BTreeSet<_>>(), messages);
    // The numbers of the fields that each message has in the file.
    for message in messages {
        let (mut inside, mut declared) = (false, BTreeSet::new());
        for line in lines() {
            inside = if inside { !line.starts_with('}') } else { line == format!("message {message} {{") };
            let field = line.trim().strip_suffix(';').and_then(|line| line.rsplit_once(" = "));
            if let Some((_, number)) = field.filter(|_| inside) {
                declared.insert(number.parse::<u32>().expect("a number"));
            }
        }
        let used = forms().filter(|(name, _)| *name == message).flat_map(|(_, bytes)| numbers(&bytes));
        assert_eq!(used.collect::<BTreeSet<_>>(), declared, "{message}");
    }
}

/// Numbers of the fields in a message of integers and of what has a length.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (number, wire) = prost::encoding::decode_key(&mut rest).expect("a key");
        prost::encoding::skip_field(wire, number, &mut rest, prost::encoding::DecodeContext::default())
            .expect("a field");
        found.push(number);
    }
    found
}
