//! The short form of what is measured at length: a small fleet on three controllers, with everything that can be counted.

use std::process::{Command, Stdio};
use wharden_sim::figures::Figures;

#[test]
fn a_fleet_gets_every_change_and_comes_back_after_its_leader_is_killed() {
    let output = Command::new(env!("CARGO_BIN_EXE_wharden-sim"))
        .args(["run", "short"])
        .stdin(Stdio::null())
        .output()
        .expect("the simulation starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let figures: Figures = serde_json::from_slice(&output.stdout).expect("JSON");
    let counts = figures.counts;
    assert_eq!((figures.hosts, figures.controllers, counts.connected), (200, 3, 200), "{errors}");
    // The simulation itself fails when a host does not get to the newest revision, or loses an event.
    let steps: Vec<&str> = figures.steps.iter().map(|step| step.step.as_str()).collect();
    assert_eq!(steps, ["connect", "push-one", "push-one", "kill-leader", "push-one", "relabel", "behave"]);
    assert_eq!((counts.nacks, counts.events_lost), (0, 0), "{errors}");
    assert!(counts.events_made > 0 && counts.events_made == counts.events_acked, "{counts:?}");
    assert!(counts.reports > 0, "{counts:?}");
    assert!(counts.rules >= 50, "{counts:?}");
    assert!(figures.elections >= 1, "a leader was killed");
    assert!(counts.sessions > 200, "the hosts of the dead leader opened new ones: {counts:?}");
    assert!(counts.whole >= 200 && counts.differences >= 400, "changes go out as differences: {counts:?}");
}
