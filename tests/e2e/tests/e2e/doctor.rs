//! `wharden doctor` finds what is wrong and says what to do.

use serde_json::Value;
use wharden_harness::{Cli, Place, cluster::Cluster, eventually, limits::SETTLE, wait::within};

/// The checks that found something. The machine that the test runs on may be slow and its disk full; that is not tested.
fn ill(checks: &Value) -> Vec<&str> {
    let all = checks.as_array().expect("checks").iter();
    all.filter(|check| check["problems"].as_array().is_some_and(|problems| !problems.is_empty()))
        .map(|check| check["name"].as_str().expect("name"))
        .filter(|name| !["disk_headroom", "fsync_slow", "apply_lag"].contains(name))
        .collect()
}

#[test]
fn the_doctor_tells_a_lost_controller_a_wrong_ca_and_who_may_not_ask() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let urls: Vec<String> = cluster.controllers.iter().map(wharden_harness::Controller::url).collect();
    let cli = Cli::new(&place, &cluster.controllers[0], "ada").with_url(&urls.join(","));
    let said = cli.run(&["doctor"]).fails_with(3);
    assert!(said.contains("it was not asked") && said.contains("wharden login"), "{said}");
    cli.log_in(&mut cluster.admin);

    // A controller that had no time to answer at one look is there at the next.
    let mut last = String::new();
    let is_so = within(SETTLE * 2, || {
        let report = cli.run(&["-o", "json", "doctor"]);
        last = report.all();
        let checks: Value = serde_json::from_slice(&report.stdout).expect("JSON");
        report.code > 0
            && ill(&checks["cluster"]["checks"]) == ["backups", "channels"]
            && ill(&checks["local"]).is_empty()
    });
    assert!(is_so, "no backups, nobody to tell, and nothing else: {last}");

    // The one that is asked first, and that leads or not.
    let away = 0;
    cluster.controllers[away].kill();
    let said = eventually("the one that is away", SETTLE, || {
        let said = cli.run(&["doctor"]);
        (said.code == 2 && said.all().contains("controller_away")).then(|| said.all())
    });
    assert!(said.contains(&format!("controllers: {}: it cannot be used from here", urls[away])), "{said}");
    assert!(said.contains("wharden cluster replace"), "{said}");
    let other = place.join("other");
    let foreign = wharden_harness::Controller::init_in(&place, &other, "other");
    let said = cli.with_ca_file(foreign.ca_file()).run(&["doctor"]).fails_with(2);
    assert!(said.contains("not to be trusted") && said.contains("ca.pem of this controller's cluster"), "{said}");
}
