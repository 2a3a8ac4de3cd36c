//! A rolling upgrade of a running cluster: three controllers and two hosts of an earlier version become this one, one after
//! the other, while changes are made and events come in. `tests/upgrade.sh` builds what it needs and runs it.
//!
//! Afterwards nothing acknowledged is missing and all controllers are the same; the cluster uses what the new version can
//! do; and a program of the earlier version refuses to go on with what it cannot read. When both can do the same, it goes on.

use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    env,
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use wharden_harness::{Agent, Engine, Place, Rest, bins, cluster::Cluster, eventually, limits::SETTLE, raw};

/// Between two events of a host.
const PACE: Duration = Duration::from_millis(20);
/// What a version from before levels says when it is started on a log that it does not know.
const UNKNOWN: &str = "start the version that wrote it";
/// What a later one says when the cluster uses what it cannot do.
const TOO_OLD: &str = "is too old for this cluster";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [old, new] = &arguments[..] else { panic!("usage: upgrade OLD-FOLDER NEW-FOLDER") };
    let (old, new) = (Path::new(old), Path::new(new));
    let (was, is) = (level_of(old), level_of(new));
    eprintln!("the earlier version can do level {was}, this one level {is}");
    let place = Place::new();
    let engine = Engine::start(&place);
    bins::take_from(old);
    let mut cluster = Cluster::of(&place, 3);
    let mut agents = hosts(&place, &engine, &cluster);
    let (asked, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (going_on, ends): (Vec<_>, Vec<_>) = (0..agents.len()).map(|_| mpsc::channel::<()>()).unzip();
    let sockets: Vec<_> = agents.iter().map(|agent| agent.socket().to_owned()).collect();
    let clients: Vec<Rest> = (0..3).map(|at| cluster.rest(at)).collect();
    bins::take_from(new);
    let (asked_by_all, stopped) = (&asked, &stop);
    let written = thread::scope(|scope| {
        let writing = scope.spawn(move || write(&clients, stopped));
        for (socket, end) in sockets.iter().zip(ends) {
            scope.spawn(move || ask(socket, asked_by_all, &end));
        }
        // The one that leads comes last: its followers must be able to read what it writes.
        let leader = cluster.leader(0);
        let order: Vec<usize> = (0..3).filter(|at| *at != leader).chain([leader]).collect();
        for (nth, at) in order.into_iter().enumerate() {
            cluster.controllers[at].stop();
            cluster.controllers[at].start();
            cluster.settled(at);
            eprintln!("controller {} is of the new version", at + 1);
            if let Some(agent) = agents.get_mut(nth) {
                agent.stop();
                agent.start();
                eprintln!("host {nth} is of the new version");
            }
            // Some writes and events in this mixture.
            let begin = asked.load(Ordering::SeqCst);
            eventually("events", SETTLE, || (asked.load(Ordering::SeqCst) > begin + 10).then_some(()));
            if nth < 2 {
                assert_eq!(cluster.status(at)["level"], was, "nothing is used that one of them cannot do");
            }
        }
        stop.store(true, Ordering::SeqCst);
        drop(going_on);
        writing.join().expect("the writer")
    });
    eprintln!("{} changes and {} events during the upgrade", written.len(), asked.load(Ordering::SeqCst));
    eventually("the new level at every controller", SETTLE, || {
        (0..3).all(|at| cluster.status(at)["level"] == is).then_some(())
    });
    nothing_is_missing(&cluster, &written, asked.load(Ordering::SeqCst));
    cluster.controllers[2].stop();
    bins::take_from(old);
    if is > was {
        // From here on the earlier version would do harm, and does not.
        cluster.controllers[2].starts_in_vain(if was == 0 { UNKNOWN } else { TOO_OLD });
    } else {
        cluster.controllers[2].start();
        nothing_is_missing(&cluster, &written, asked.load(Ordering::SeqCst));
        cluster.controllers[2].stop();
    }
    bins::take_from(new);
    cluster.controllers[2].start();
    nothing_is_missing(&cluster, &written, asked.load(Ordering::SeqCst));
    agents.iter_mut().for_each(Agent::stop);
    println!("the upgrade lost nothing: {} changes, {} events", written.len(), asked.load(Ordering::SeqCst));
}

/// The level of a cluster that these programs found.
fn level_of(programs: &Path) -> u64 {
    bins::take_from(programs);
    let place = Place::new();
    let cluster = Cluster::of(&place, 1);
    cluster.status(0)["level"].as_u64().unwrap_or(0)
}

fn hosts(place: &Place, engine: &Engine, cluster: &Cluster) -> Vec<Agent> {
    let token = cluster.admin.join_token("enforce", 2, &json!({}));
    let made = (0..2).map(|n| {
        let name = format!("dock-{n}");
        let mut agent = Agent::new(place, &name, engine.socket());
        agent.enroll(&cluster.controllers[n].agent_address(), &token, &name).ok();
        agent.start();
        agent
    });
    made.collect()
}

/// Makes users, at each controller in turn, and gives the names of those that were acknowledged.
fn write(clients: &[Rest], stop: &AtomicBool) -> BTreeSet<String> {
    let mut written = BTreeSet::new();
    for n in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("user-{n}");
        let body = json!({"name": name}).to_string().into_bytes();
        let answer = clients[n % clients.len()].try_send(&reqwest::Method::POST, "/v1/users", Some(body));
        if answer.is_ok_and(|answer| answer.status == 200 || answer.status == 201) {
            written.insert(name);
        }
    }
    written
}

/// Asks the guard for something that no policy permits, and counts the answers, until the channel ends. An agent that restarts
/// does not answer.
fn ask(socket: &Path, asked: &AtomicUsize, end: &mpsc::Receiver<()>) {
    let request = b"GET /v1.41/system/df HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";
    while end.recv_timeout(PACE) == Err(mpsc::RecvTimeoutError::Timeout) {
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            let answer = std::panic::catch_unwind(|| raw::exchange_open(socket, request));
            if answer.is_ok_and(|answer| raw::status(&answer) == 403) {
                asked.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

fn nothing_is_missing(cluster: &Cluster, written: &BTreeSet<String>, asked: usize) {
    for at in 0..3 {
        let rest = cluster.rest(at);
        let missing: Vec<_> = written.difference(&users(&rest)).cloned().collect();
        assert!(missing.is_empty(), "controller {} lacks {missing:?}", at + 1);
        let audit = rest.get("/v1/audit/verify").ok();
        assert_eq!(audit["intact"], true, "{audit}");
        eventually("all events", SETTLE * 2, || (events(&rest) >= asked).then_some(()));
    }
    // The cluster writes by itself too, so what is read at one moment is of different moments.
    eventually("the same at all controllers", SETTLE * 2, || {
        let states: Vec<_> = (0..3)
            .map(|at| {
                let rest = cluster.rest(at);
                (users(&rest), rest.get("/v1/audit/verify").ok()["head"].clone())
            })
            .collect();
        states.iter().all(|state| *state == states[0]).then_some(())
    });
}

fn users(rest: &Rest) -> BTreeSet<String> {
    let users = rest.get("/v1/users").ok();
    users.as_array().expect("users").iter().map(|u| u["name"].as_str().expect("name").to_owned()).collect()
}

/// Pages through all events; how many were asked for. None may be there twice.
fn events(rest: &Rest) -> usize {
    let (mut seen, mut count, mut after) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = rest.get(&format!("/v1/events?limit=100&after={after}")).ok();
        for event in page["events"].as_array().expect("events") {
            let id: Vec<&Value> = vec![&event["host_id"], &event["boot_id"], &event["seq"]];
            assert!(seen.insert(format!("{id:?}")), "{id:?} is there twice");
            count += usize::from(event["action"] == "system.df");
        }
        after = page["next"].as_str().expect("a cursor").to_owned();
        if page["more"] != true {
            return count;
        }
    }
}
