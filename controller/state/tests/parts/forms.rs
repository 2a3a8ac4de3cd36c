//! What the version before levels wrote is read for ever. These files are never made anew: a change of them is a change of what
//! is on people's disks.

use serde_json::Value;
use wharden_state::{ControllerCommand, Entry, LEVEL, State};

const STATE: &str = include_str!("../forms/state-level-0.json");
const LOG: &str = include_str!("../forms/log-level-0.json");

/// A snapshot file's content: a version byte, then JSON.
fn bytes(version: u8, json: &str) -> Vec<u8> {
    [&[version], json.as_bytes()].concat()
}

#[test]
fn a_state_of_the_version_before_levels_is_read_and_written_back_byte_for_byte() {
    let mut state = State::from_bytes(&bytes(1, STATE)).expect("reads");
    assert_eq!(state.level, 0);
    assert_eq!(String::from_utf8(state.to_bytes().expect("writes")).expect("text"), format!("\u{1}{STATE}"));
    // With a level it says that older versions must not read it.
    state.level = LEVEL;
    let newer = state.to_bytes().expect("writes");
    assert_eq!(newer[0], 2);
    assert_eq!(State::from_bytes(&newer).expect("reads"), state);
    let unknown = State::from_bytes(&bytes(3, STATE)).expect_err("newer than this program").to_string();
    assert!(unknown.contains("version 3") && unknown.contains("start the version that wrote it"), "{unknown}");
}

#[test]
fn entries_of_the_version_before_levels_are_read_and_written_back_as_they_were() {
    let log: Value = serde_json::from_str(LOG).expect("JSON");
    for entry in log["entries"].as_array().expect("entries") {
        let read: Entry = serde_json::from_value(entry.clone()).expect("an entry");
        assert_eq!(serde_json::to_value(read).expect("JSON"), *entry);
    }
    for command in log["controller_commands"].as_array().expect("commands") {
        let read: ControllerCommand = serde_json::from_value(command.clone()).expect("a command");
        assert_eq!(serde_json::to_value(read).expect("JSON"), *command);
    }
}
