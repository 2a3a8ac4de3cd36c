//! Hosts that find no room at their own controller, and what other controllers find for them.

use super::*;
use wharden_model::capacity::Stuck;

/// Controllers with these numbers, of which the first asks the others; `None` says nothing.
struct Others<'a>(u64, Vec<(u64, Option<&'a Bench>)>);

impl Peers for Others<'_> {
    fn own(&self) -> u64 {
        self.0
    }

    fn others(&self) -> Vec<u64> {
        self.1.iter().map(|(number, _)| *number).collect()
    }

    async fn ask(&self, number: u64, ask: Ask) -> Option<Told> {
        let (_, bench) = self.1.iter().find(|(n, _)| *n == number)?;
        // As it goes over the wire.
        let ask = serde_json::from_slice(&serde_json::to_vec(&ask).expect("JSON")).expect("the same question");
        let told = (*bench)?.watch.answer_now(ask);
        serde_json::from_slice(&serde_json::to_vec(&told).expect("JSON")).expect("the same answer")
    }
}

/// Every controller knows every host of the cluster, wherever its session is.
fn acquaint(benches: &[&Bench]) {
    let all: Vec<_> = benches.iter().flat_map(|bench| bench.state.lock().expect("whole").hosts.clone()).collect();
    for bench in benches {
        bench.state.lock().expect("whole").hosts.extend(all.clone());
    }
}

fn stuck(bench: &Bench) -> Vec<Stuck> {
    bench.plan().plan.stuck
}

/// A controller with a host that is full and no other.
fn full_house() -> Bench {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench
}

fn with_host(n: u64, containers: Vec<SeenContainer>) -> Bench {
    let bench = Bench::new();
    bench.host(n, "", containers);
    bench
}

#[tokio::test]
async fn another_controller_finds_the_room_keeps_it_and_sees_the_move_done() {
    let (home, away) = (full_house(), with_host(2, vec![]));
    acquaint(&[&home, &away]);
    let others = Others(1, vec![(2, Some(&away))]);
    home.look_after(30);
    away.look_after(30);
    assert_eq!(stuck(&home).len(), 1, "there is no other host at home");
    home.watch.lodge(&others).await;
    assert_eq!(stuck(&home), []);
    assert_eq!((home.moves(), away.moves()), (vec![], vec![("job".to_owned(), "host2".to_owned())]));
    let status = away.status();
    assert_eq!((status.watched, status.alerts.len()), (1, 0), "a guest is not one of its hosts");

    let advice = away.plan().plan.advice[0].id.clone();
    let Told::Commands(preview) = away.watch.answer_now(Ask::Commands { advice: advice.clone() }) else {
        panic!("no commands")
    };
    assert!(preview.steps.iter().any(|step| step.on.name == "host1" && step.command.ends_with(" stop job")));

    let Told::Accepted(_) = away.watch.answer_now(Ask::Accept { advice: advice.clone(), by: alice() }) else {
        panic!("it was not accepted")
    };
    home.watch.lodge(&others).await;
    assert!(matches!(home.status().alerts[0].state, AlertState::Acknowledged { .. }));
    // From now on home counts it as gone, and asks for nothing more; the commands are still to be had.
    for _ in 0..3 {
        home.look_after(30);
        away.look_after(30);
        home.watch.lodge(&others).await;
    }
    assert_eq!((home.moves(), stuck(&home), away.moves()), (vec![], vec![], vec![]));
    assert!(matches!(away.watch.answer_now(Ask::Commands { advice }), Told::Commands(_)));

    home.runs(1, full().into_iter().filter(|c| c.name != "job").collect());
    away.runs(2, vec![SeenContainer { id: format!("{:0>64}", "new"), ..seen("job", 1600) }]);
    for _ in 0..60 {
        home.look_after(60);
        away.look_after(60);
        home.watch.lodge(&others).await;
    }
    assert!(away.plan().accepted.is_empty());
    assert!(away.history().iter().any(|what| matches!(what, CapacityHappening::Moved { .. })));
    assert_eq!((home.status().alerts, stuck(&home)), (vec![], vec![]));

    // Now the other one is full of it. It goes to a third one, and not back to where it came from.
    away.runs(2, vec![SeenContainer { id: format!("{:0>64}", "new"), ..seen("job", 9000) }]);
    home.runs(1, vec![]);
    for _ in 0..60 {
        home.look_after(60);
        away.look_after(60);
        away.watch.lodge(&Others(2, vec![(1, Some(&home))])).await;
    }
    assert_eq!((home.moves(), stuck(&away).len()), (vec![], 1), "it may not go back");
}

#[tokio::test]
async fn who_finds_no_room_keeps_no_guest() {
    let (home, away) = (full_house(), with_host(2, vec![seen("big", 7400)]));
    acquaint(&[&home, &away]);
    home.look_after(30);
    away.look_after(30);
    home.watch.lodge(&Others(1, vec![(2, Some(&away))])).await;
    assert_eq!((stuck(&home).len(), stuck(&away).len(), away.moves()), (1, 0, vec![]));
    assert!(away.watch.held().guests.is_empty());
}

#[tokio::test]
async fn a_silent_controller_is_passed_over_and_who_has_a_guest_keeps_it() {
    let (home, second, third) = (full_house(), with_host(2, vec![]), with_host(3, vec![]));
    acquaint(&[&home, &second, &third]);
    for bench in [&home, &second, &third] {
        bench.look_after(30);
    }
    home.watch.lodge(&Others(1, vec![(2, None), (3, Some(&third))])).await;
    assert_eq!((second.moves().len(), third.moves().len()), (0, 1));
    home.watch.lodge(&Others(1, vec![(2, Some(&second)), (3, Some(&third))])).await;
    assert_eq!((second.moves().len(), third.moves().len()), (0, 1), "advice does not wander");
}

#[tokio::test]
async fn room_is_promised_once_to_own_hosts_and_guests() {
    // Host 3 has room for one job under its low mark, and host 2 is as full as the guest.
    let (home, away) = (full_house(), with_host(2, full()));
    away.host(3, "", vec![seen("other", 5000)]);
    acquaint(&[&home, &away]);
    home.look_after(30);
    away.look_after(30);
    assert_eq!(away.moves().len(), 1);
    home.watch.lodge(&Others(1, vec![(2, Some(&away))])).await;
    assert_eq!((away.moves().len(), stuck(&home).len() + stuck(&away).len()), (1, 1));
}

#[tokio::test]
async fn a_guest_that_nobody_asks_for_again_is_forgotten() {
    let (home, away) = (full_house(), with_host(2, vec![]));
    acquaint(&[&home, &away]);
    home.look_after(30);
    away.look_after(30);
    let others = Others(1, vec![(2, Some(&away))]);
    home.watch.lodge(&others).await;
    assert_eq!(away.moves().len(), 1);
    away.look_after(limits::GUEST_KEPT_S + 1);
    away.watch.held().stale = true;
    away.watch.look();
    assert_eq!(away.moves(), []);

    // One who is relieved at home is taken back.
    home.watch.lodge(&others).await;
    assert_eq!(away.moves().len(), 1);
    home.host(4, "", vec![]);
    home.watch.held().stale = true;
    home.look_after(30);
    home.watch.lodge(&others).await;
    assert_eq!((home.moves().len(), away.moves()), (1, vec![]));
}
