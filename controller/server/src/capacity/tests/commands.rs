//! The commands that move a container, and what is advised once it has moved.

use super::*;

/// The commands of the only advice, each with its host.
fn commands(bench: &Bench) -> Vec<(String, String)> {
    let advice = bench.plan().plan.advice[0].id.clone();
    let Told::Commands(preview) = bench.watch.answer_now(Ask::Commands { advice }) else { panic!("no commands") };
    preview.steps.into_iter().map(|step| (step.on.name, step.command)).collect()
}

#[test]
fn the_commands_name_both_hosts_and_end_with_the_removal() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    {
        let mut view = bench.view.0.lock().expect("whole");
        let (host, contents) = view.get_mut(&id(2)).expect("it is there");
        host.guard = "/srv/my guard.sock".to_owned();
        (contents.images, contents.tags) = Default::default();
    }
    bench.look_after(30);
    let steps = commands(&bench);
    let load = "save app:1 | ssh host2 'docker -H '\\''unix:///srv/my guard.sock'\\'' load'";
    assert!(steps[0].1.contains(load), "{steps:?}");
    assert!(steps[0].1.starts_with("docker -H unix:///run/wharden/docker.sock save"), "{steps:?}");
    assert!(steps.iter().any(|(on, command)| on == "host2" && command.contains("/containers/create?name=job")));
    let at = |part: &str| steps.iter().position(|(_, command)| command.contains(part)).expect("it is a step");
    assert!(at("/containers/create") < at(" stop job") && at(" stop job") < at(" start job"), "{steps:?}");
    // Nobody has counted what it wrote.
    assert!(steps.iter().any(|(on, command)| on == "host1" && command.ends_with(" diff job")), "{steps:?}");
    assert!(steps.last().is_some_and(|(on, command)| on == "host1" && command.contains(" rm job")), "{steps:?}");
}

#[test]
fn an_image_whose_name_means_another_one_is_carried_by_its_id_and_what_was_written_goes_along() {
    let bench = Bench::new();
    let mut containers = full();
    containers[2].image_id = "sha256:old".to_owned();
    containers[2].layer_bytes = Some(5);
    containers[2].networks = vec!["a".to_owned(), "b".to_owned()];
    bench.host(1, "", containers);
    bench.host(2, "", vec![]);
    for n in [1, 2] {
        let networks = ["a", "b"].map(|name| SeenNetwork { name: name.into(), ..SeenNetwork::default() });
        bench.view.0.lock().expect("whole").get_mut(&id(n)).expect("it is there").1.networks = networks.into();
    }
    bench.look_after(30);
    let steps = commands(&bench);
    let has = |part: &str| steps.iter().any(|(_, command)| command.contains(part));
    for part in [
        "save sha256:old |",
        ".Image = \"sha256:old\"",
        "commit job wharden-move/job:mv-",
        "network connect",
        "rmi wharden-move/job",
    ] {
        assert!(has(part), "{part}: {steps:?}");
    }
    assert!(!has(" diff job"));
    let at = |part: &str| steps.iter().position(|(_, command)| command.contains(part)).expect("it is a step");
    assert!(at(" stop job") < at("commit job") && at("commit job") < at("/containers/create"), "{steps:?}");
}

#[test]
fn a_container_that_is_gone_is_taken_off_at_once_and_a_full_small_host_counts_as_full() {
    let bench = Bench::new();
    let marks = BTreeMap::from([(Signal::Containers, Mark { high_permille: 900, low_permille: 800, hold_s: 0 })]);
    let rule = ThresholdRule { selector: Default::default(), marks };
    let held = ThresholdsHeld { rule, updated_by: "system".to_owned(), updated_at: Timestamp(0) };
    bench.state.lock().expect("whole").thresholds.insert("all".parse().expect("a name"), held.into());
    let names = ["a", "b", "c", "d"];
    bench.host(1, "containers-max=4", vec![]);
    bench.host(2, "containers-max=40", vec![]);
    bench.look_after(30);
    bench.runs(1, names.map(|name| seen(name, 1)).into());
    for _ in 0..40 {
        bench.look_after(60);
    }
    assert_eq!(
        (bench.status().alerts.len(), bench.moves().len()),
        (1, 1),
        "four of four, however long they took to come"
    );
    bench.runs(1, names[..3].iter().map(|name| seen(name, 1)).collect());
    bench.look_after(30);
    assert_eq!((bench.status().alerts, bench.moves()), (vec![], vec![]), "and three of four at once when one is gone");
}
