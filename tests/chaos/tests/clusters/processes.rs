//! Real controllers and agents, in network namespaces: a short form of what `tests/chaos.sh --real` does. Without root and
//! iproute2 it fails, since a cut that was not made proves nothing.

use wharden_chaos::real::{Kind, Plan, run};

#[test]
fn killed_cut_off_and_muted_leaders_cost_no_write_no_decision_and_no_event() {
    let kinds = vec![Kind::KillLeader, Kind::CutLeader, Kind::CutAgent, Kind::KillLeader, Kind::MuteLeader];
    let report = run(&Plan { kinds, leader_kills: 2, until: None }).expect("it can be done here");
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.failover_ms.len(), 2);
    assert!(report.writes_acknowledged > 50 && report.decisions > 100 && report.events > 50, "{report:#?}");
}
