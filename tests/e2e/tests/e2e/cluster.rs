//! Controllers that are one cluster: how they come and go, and who is not let in.

use serde_json::json;
use wharden_harness::{Admin, Cli, Controller, Place, cluster::Cluster, eventually, limits::SETTLE};

#[test]
fn what_is_written_at_any_controller_is_read_at_every_one() {
    let place = Place::new();
    let cluster = Cluster::of(&place, 3);
    let voters = cluster.settled(2);
    assert_eq!(voters, [(1, "voter".to_owned()), (2, "voter".to_owned()), (3, "voter".to_owned())]);
    for at in 0..3 {
        let name = format!("user-{at}");
        // The session was made at the first one; every one knows it.
        cluster.rest(at).post("/v1/users", json!({"name": name})).ok();
        // Who wrote reads what was written, at once.
        cluster.rest(at).get(&format!("/v1/users/{name}")).ok();
        for other in 0..3 {
            let rest = cluster.rest(other);
            eventually("the user at every controller", SETTLE, || {
                (rest.get(&format!("/v1/users/{name}")).status == 200).then_some(())
            });
        }
    }
    // One chain of audit records, the same everywhere.
    let heads: Vec<_> = (0..3).map(|at| cluster.rest(at).get("/v1/audit/verify").ok()).collect();
    assert!(heads.iter().all(|head| head["intact"] == true && head["head"] == heads[0]["head"]), "{heads:?}");
}

#[test]
fn a_code_is_good_once_and_nothing_is_left_of_a_join_that_was_refused() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 1);
    let code = cluster.code(&json!({"ttl_s": 600}));
    let peer = cluster.controllers[0].peer_address();
    let mut second = Controller::new(&place, "controller-2");
    second.join(&peer, &code).ok();
    // A second joiner with the same code.
    let thief = Controller::new(&place, "thief");
    thief.join(&peer, &code).fails_saying(&["used already"]);
    assert_eq!(std::fs::read_dir(thief.dir()).expect("folder").count(), 0, "nothing is left");
    thief.join(&peer, "wcj_nonsense").fails_saying(&["join code"]);
    // One change at a time: the second has not started yet.
    let busy = cluster.admin.rest().post("/v1/cluster/codes", json!({"ttl_s": 600}));
    assert!(busy.refused(409, "conflict")["message"].as_str().expect("text").contains("controller 2"), "{busy}");
    second.start();
    cluster.controllers.push(second);
    cluster.settled(0);
    // A folder that is one already is not taken.
    cluster.controllers[1].join(&peer, &code).fails_saying(&["already"]);
}

#[test]
fn controllers_of_different_clusters_have_nothing_to_say_to_each_other() {
    let place = Place::new();
    let cluster = Cluster::of(&place, 1);
    let mut foreign = Controller::init(&place, "foreign");
    foreign.start();
    let other = Admin::bootstrap(&foreign, "eve");
    let code = other.rest().post("/v1/cluster/codes", json!({"ttl_s": 600})).ok();
    let code = code["code"].as_str().expect("code");
    // The joiner does not trust a controller of another CA than the code's.
    let joiner = Controller::new(&place, "joiner");
    joiner.join(&cluster.controllers[0].peer_address(), code).fails_saying(&["trust"]);
    assert_eq!(std::fs::read_dir(joiner.dir()).expect("folder").count(), 0, "nothing is left");
    // A code of our CA whose secret nobody knows.
    let real = cluster.code(&json!({"ttl_s": 600}));
    let parts: Vec<&str> = real.split('_').collect();
    let forged = format!("{}_{}_{}_{}", parts[0], parts[1], "a".repeat(32), parts[3]);
    joiner.join(&cluster.controllers[0].peer_address(), &forged).fails_saying(&["not known"]);
}

#[test]
fn a_removed_controller_stops_and_stays_out_and_its_number_never_comes_back() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let (gone, stays) = if leader == 2 { (1, 2) } else { (2, 1) };
    let cli = Cli::new(&place, &cluster.controllers[0], "ada");
    cli.log_in(&mut cluster.admin);
    let number = (gone + 1).to_string();
    let code = cluster.admin.totp.code();
    cli.run(&["cluster", "remove", &number, "--yes", "--totp", &code]).ok();
    let status = cluster.controllers[gone].ends();
    assert!(!status.success(), "it was not asked to stop");
    cluster.controllers[gone].log_says("this controller was removed");
    assert_eq!(cluster.settled(0).len(), 2);
    // Neither does it come back when it is started again.
    cluster.controllers[gone].starts_in_vain("this controller was removed");
    cluster.rest(stays).post("/v1/users", json!({"name": "after"})).ok();
    // The next one gets a number that nobody had.
    let mut fourth = Controller::new(&place, "controller-4");
    let code = cluster.code(&json!({"ttl_s": 600}));
    fourth.join(&cluster.controllers[0].peer_address(), &code).ok();
    fourth.start();
    let numbers: Vec<u64> = cluster.settled(0).into_iter().map(|(number, _)| number).collect();
    assert!(numbers.contains(&4) && numbers.len() == 3, "{numbers:?}");
    assert!(cli.run(&["cluster", "status"]).ok().contains("leader"));
}

#[test]
fn a_change_that_would_lose_the_quorum_is_refused_with_the_reason() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let (dead, alive) = if leader == 2 { (1, 2) } else { (2, 1) };
    cluster.controllers[dead].kill();
    // Of two voters both are needed, and one of them is dead.
    let at = leader;
    let refused = cluster.rest(at).delete(&format!("/v1/cluster/{}", alive + 1));
    let why = refused.refused(409, "conflict");
    assert!(why["message"].as_str().expect("text").contains("quorum"), "{why}");
    // Removing the dead one needs the other two, who are there.
    cluster.rest(at).delete(&format!("/v1/cluster/{}", dead + 1)).ok();
    assert_eq!(cluster.settled(at).len(), 2);
    cluster.rest(at).delete("/v1/cluster/9").refused(404, "not_found");
    cluster.rest(at).post(&format!("/v1/cluster/{}/promote", at + 1), json!(null)).refused(409, "conflict");
}

#[test]
fn the_last_controller_cannot_be_removed() {
    let place = Place::new();
    let cluster = Cluster::of(&place, 1);
    let why = cluster.admin.rest().delete("/v1/cluster/1").refused(409, "conflict");
    assert!(why["message"].as_str().expect("text").contains("last"), "{why}");
}

#[test]
fn a_learner_has_no_vote_until_it_is_promoted() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 1);
    let code = cluster.code(&json!({"ttl_s": 600, "learner": true}));
    let mut second = Controller::new(&place, "controller-2");
    second.join(&cluster.controllers[0].peer_address(), &code).ok();
    second.start();
    cluster.controllers.push(second);
    assert_eq!(cluster.settled(0), [(1, "voter".to_owned()), (2, "learner".to_owned())]);
    assert_eq!(cluster.status(0)["quorum"], 1);
    // It takes writes all the same.
    cluster.rest(1).post("/v1/users", json!({"name": "bob"})).ok();
    cluster.rest(1).post("/v1/cluster/2/promote", json!(null)).ok();
    eventually("a vote for the learner", SETTLE, || (cluster.settled(0)[1] == (2, "voter".to_owned())).then_some(()));
    eventually("the vote at the other one", SETTLE, || (cluster.status(1)["quorum"] == 2).then_some(()));
}

#[test]
fn a_dead_controller_is_replaced_by_a_new_one() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let dead = if cluster.leader(0) == 2 { 1 } else { 2 };
    cluster.controllers[dead].kill();
    let at = if cluster.leader(0) == 0 { 0 } else { cluster.leader(0) };
    let path = format!("/v1/cluster/{}/replace", dead + 1);
    let answer = cluster.rest(at).post(&path, json!({"ttl_s": 600})).ok();
    let mut fourth = Controller::new(&place, "controller-4");
    fourth.join(&cluster.controllers[at].peer_address(), answer["code"].as_str().expect("code")).ok();
    fourth.start();
    eventually("the new one in place of the dead one", SETTLE * 2, || {
        let numbers: Vec<u64> = cluster.settled(at).into_iter().map(|(number, _)| number).collect();
        (numbers.contains(&4) && !numbers.contains(&(dead as u64 + 1)) && numbers.len() == 3).then_some(())
    });
    cluster.controllers[dead].starts_in_vain("this controller was removed");
}

/// Its folder is gone, with a disk or by a hand, and two of three would elect each other without what was acknowledged.
#[test]
fn a_controller_whose_log_is_gone_does_not_vote() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let [gone, late] = [1, 2].map(|n| (leader + n) % 3);
    cluster.controllers[late].kill();
    cluster.rest(leader).post("/v1/users", json!({"name": "acknowledged"})).ok();
    cluster.controllers[leader].kill();
    cluster.controllers[gone].kill();
    let store = cluster.controllers[gone].dir().join("store");
    std::fs::rename(&store, place.join("aside")).expect("moved");
    cluster.controllers[late].launch();
    cluster.controllers[gone].starts_in_vain(&format!("`wharden cluster replace {}`", gone + 1));
    assert!(!store.exists(), "nothing was begun anew");
    cluster.controllers[leader].start();
    cluster.controllers[late].becomes_ready();
    cluster.rest(late).get("/v1/users/acknowledged").ok();
}

#[test]
fn an_old_copy_of_a_folder_is_found_out_and_the_leader_goes_on() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let [old, other] = [1, 2].map(|n| (leader + n) % 3);
    let (folder, copy) = (cluster.controllers[old].dir().to_owned(), place.join("copy"));
    cluster.controllers[old].stop();
    let output = std::process::Command::new("cp").arg("-a").args([&folder, &copy]).output().expect("cp");
    assert!(output.status.success(), "{output:?}");
    cluster.controllers[old].start();
    for n in 0..5 {
        cluster.rest(leader).post("/v1/users", json!({"name": format!("user-{n}")})).ok();
    }
    let last = || (cluster.rest(old).get("/v1/users/user-4").status == 200).then_some(());
    eventually("all of it there", SETTLE, last);
    cluster.controllers[old].stop();
    std::fs::remove_dir_all(&folder).expect("removed");
    std::fs::rename(&copy, &folder).expect("put back");
    cluster.controllers[old].launch();
    assert!(!cluster.controllers[old].ends().success());
    let replace = format!("`wharden cluster replace {}`", old + 1);
    cluster.controllers[old].log_says(&replace);
    cluster.controllers[old].starts_in_vain(&replace);
    cluster.controllers[leader].log_says("a controller has lost part of its log");
    cluster.rest(leader).post("/v1/users", json!({"name": "after"})).ok();
    cluster.rest(other).get("/v1/users/after").ok();
    let told = |at: usize| cluster.rest(at).get("/v1/doctor").ok().to_string().contains("it has lost part of its log");
    eventually("what is to be done, asked at a follower", SETTLE, || told(other).then_some(()));
}

#[test]
fn a_controller_that_moved_comes_back_under_a_new_leader() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 3);
    let leader = cluster.leader(0);
    let moved = (leader + 1) % 3;
    cluster.controllers[moved].stop();
    // A new term: whoever leads in it has never reached the one that is away.
    cluster.controllers[leader].stop();
    cluster.controllers[leader].start();
    let old = cluster.controllers.remove(moved);
    let [rest, agents, _] = old.ports();
    let elsewhere = Controller::new(&place, "elsewhere").ports();
    let again = Controller::again(old.dir(), &place.join("moved.log"), [rest, agents, elsewhere[2]]);
    cluster.controllers.insert(moved, again.moved());
    cluster.controllers[moved].start();
}

#[test]
fn a_controller_is_joined_by_a_name_that_it_has_got_since() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 1);
    cluster.controllers[0].stop();
    let file = cluster.controllers[0].dir().join("controller.toml");
    let config = std::fs::read_to_string(&file).expect("its configuration");
    let port = cluster.controllers[0].peer_address().rsplit_once(':').expect("a port").1.to_owned();
    let renamed = config
        .replace(&format!("peer_listen = \"127.0.0.1:{port}\""), &format!("peer_listen = \"0.0.0.0:{port}\""))
        .replace("advertise = [\"127.0.0.1\"", "advertise = [\"127.0.0.1\", \"127.0.0.2\"");
    assert_eq!(renamed.matches("127.0.0.2").count() + renamed.matches("0.0.0.0").count(), 2, "{renamed}");
    std::fs::write(&file, renamed).expect("its configuration");
    cluster.controllers[0].start();
    let code = cluster.code(&json!({"ttl_s": 600}));
    let mut second = Controller::new(&place, "controller-2");
    // A name that it has not is no way in, and costs no code.
    second.join(&format!("127.0.0.3:{port}"), &code).fails_saying(&["127.0.0.3 is no name"]);
    second.join(&format!("127.0.0.2:{port}"), &code).ok();
    second.start();
    cluster.controllers.push(second);
    assert_eq!(cluster.settled(0).len(), 2);
}

#[test]
fn a_session_goes_on_at_controllers_that_came_after_it_began() {
    let place = Place::new();
    let mut cluster = Cluster::of(&place, 1);
    let cli = Cli::new(&place, &cluster.controllers[0], "ada");
    cli.log_in(&mut cluster.admin);
    for name in ["controller-2", "controller-3"] {
        let code = cluster.code(&json!({"ttl_s": 600}));
        let mut next = Controller::new(&place, name);
        next.join(&cluster.controllers[0].peer_address(), &code).ok();
        next.start();
        cluster.controllers.push(next);
        cluster.settled(0);
    }
    cli.run(&["cluster", "status"]).ok();
    cluster.controllers[0].kill();
    let status = || cli.run(&["cluster", "status"]);
    eventually("an answer of the others", SETTLE, || (status().code == 0).then_some(()));
    // The same session by the name of one that came later.
    let other = cluster.controllers[2].url();
    eventually("an answer there", SETTLE, || {
        let there = Cli::new(&place, &cluster.controllers[0], "ada").with_url(&other);
        (there.run(&["user", "list"]).code == 0).then_some(())
    });
}
