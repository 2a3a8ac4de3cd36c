//! docs/operations.md, done as it is written: its commands are taken from it and run on a cluster of three machines.

use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wharden_harness::{
    Cli, Controller, Net, Output, Place, Seat, SmallDisk, bins, cluster::Cluster, eventually, limits::SETTLE,
};

const DOCUMENT: &str = include_str!("../../../../docs/operations.md");

/// A fenced block of a case: where its lines are to be run, and the lines, continued ones joined.
struct Block {
    on: String,
    lines: Vec<String>,
}

/// The blocks of a case, in their order.
fn blocks(case: &str, language: &str) -> Vec<Block> {
    let wanted = format!("{language} case={case}");
    let (mut blocks, mut inside, mut held) = (Vec::new(), None::<Block>, String::new());
    for line in DOCUMENT.lines() {
        match (line.strip_prefix("```"), inside.take()) {
            (Some(_), Some(done)) => blocks.push(done),
            (Some(info), None) => {
                let (begin, on) = info.split_once(" on=").unwrap_or((info, "admin"));
                // Others are held too, so that their ends are not taken for beginnings.
                let on = if begin == wanted { on } else { "" };
                inside = Some(Block { on: on.to_owned(), lines: Vec::new() });
            }
            (None, Some(mut block)) => {
                held.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    block.lines.push(std::mem::take(&mut held));
                }
                inside = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks.retain(|block| !block.on.is_empty());
    assert!(!blocks.is_empty(), "docs/operations.md has no case {case}");
    blocks
}

/// Three machines with a controller each, and the person who runs them. Fields stop in the order in which they stand.
struct Site {
    cluster: Cluster,
    /// The controller that the person has logged in at.
    at: usize,
    seats: Vec<Seat>,
    net: Net,
    place: Place,
}

impl Site {
    /// `folder` says where the data folder of each is.
    fn start(configuration: &str, folder: impl Fn(&Place, usize) -> PathBuf) -> Self {
        let (place, mut net) = (Place::new(), Net::new());
        let seats: Vec<Seat> = (0..3).map(|_| net.seat()).collect();
        let made = seats.iter().enumerate().map(|(at, seat)| {
            Controller::new_in(&place, &folder(&place, at), &format!("controller-{}", at + 1)).seated(seat)
        });
        let mut made = made.collect::<Vec<_>>().into_iter();
        let mut first = made.next().expect("three");
        first.init_here();
        first.configure(configuration);
        let mut cluster = Cluster { configuration: configuration.to_owned(), ..Cluster::found(first) };
        made.for_each(|next| cluster.take_in(next));
        Self { cluster, at: 0, seats, net, place }
    }

    fn usual() -> Self {
        Self::start("", |place, at| place.join(&format!("controller-{}", at + 1)))
    }

    /// A machine without anything, at the end of the list.
    fn new_machine(&mut self) -> usize {
        self.seats.push(self.net.seat());
        let name = format!("controller-{}", self.seats.len());
        let seat = self.seats.last().expect("it was added");
        self.cluster.controllers.push(Controller::new(&self.place, &name).seated(seat));
        self.seats.len() - 1
    }

    /// A running controller other than this one; this one when there is none.
    fn other_than(&self, machine: usize) -> usize {
        let runs = |at: &usize| *at != machine && self.cluster.controllers[*at].runs();
        (0..self.seats.len()).find(runs).unwrap_or(machine)
    }

    /// Where the person works, and keeps keys and backups.
    fn desk(&self) -> PathBuf {
        let desk = self.place.join("desk");
        fs::create_dir_all(&desk).expect("a folder");
        desk
    }

    fn cli(&self, at: usize) -> Cli {
        Cli::new(&self.place, &self.cluster.controllers[at], "ada")
    }

    fn log_in(&mut self, at: usize) {
        self.at = at;
        self.cli(at).log_in(&mut self.cluster.admin);
    }

    /// A line that the person types, with a code of the second factor where one is asked for.
    #[track_caller]
    fn at_the_desk(&self, line: &str, by: usize) -> String {
        let typed = self.cli(by).command(&[]);
        let mut command = shell(line);
        command.env_clear().current_dir(self.desk());
        command.envs(typed.get_envs().filter_map(|(key, value)| Some((key, value?)))).env("PATH", path());
        if ["cluster replace", "cluster remove", "cluster add", "backup create"].iter().any(|part| line.contains(part))
        {
            command.env("WHARDEN_TOTP", self.cluster.admin.totp.clone().code());
        }
        Output::of(&mut command, b"").ok()
    }

    /// Does a case on one machine; what `put` says stands for what the document writes. The last thing printed.
    #[track_caller]
    fn follow(&mut self, case: &str, machine: usize, put: &[(&str, &str)]) -> String {
        let logged_in = self.at != machine && self.cluster.controllers[self.at].runs();
        let by = if logged_in { self.at } else { self.other_than(machine) };
        let mut said = String::new();
        for Block { on, lines } in blocks(case, "sh") {
            for line in lines {
                let folder = self.cluster.controllers[machine].dir().display().to_string();
                let mut line = line.replace("/var/lib/wharden-controller", &folder);
                for (what, with) in put {
                    line = line.replace(what, with);
                }
                line = line.replace("wcj_…", &said);
                line = line.replace("ctl1.example.org:7442", &self.cluster.controllers[by].peer_address());
                for name in ["ctl1", "ctl2", "ctl4"] {
                    line = line.replace(&format!("{name}.example.org"), self.seats[machine].address());
                }
                assert!(!line.contains("example.org") && !line.contains('…'), "{line}");
                said = match on.as_str() {
                    "admin" | "key" => self.at_the_desk(&line, by),
                    _ => self.on_machine(&line, machine),
                };
            }
        }
        said
    }

    /// A line on a machine. A controller that is to run is started as a daemon would be, and becomes ready.
    #[track_caller]
    fn on_machine(&mut self, line: &str, machine: usize) -> String {
        if let Some(folder) = line.strip_prefix("wharden-controller run --data-dir ") {
            let controller = &mut self.cluster.controllers[machine];
            controller.move_to(Path::new(folder));
            controller.launch();
            return String::new();
        }
        let mut command = Command::new(self.seats[machine].through()[0]);
        command.args(&self.seats[machine].through()[1..]).args(["sh", "-c", line]);
        command.env("PATH", path()).current_dir(self.desk());
        Output::of(&mut command, b"").ok()
    }

    /// Waits until a write by way of this controller is acknowledged.
    fn writes(&self, at: usize, name: &str) {
        let rest = self.cluster.rest(at);
        eventually("a write is acknowledged", SETTLE * 2, || {
            let body = json!({"name": name}).to_string().into_bytes();
            let answer = rest.try_send(&Method::POST, "/v1/users", Some(body)).ok()?;
            // One that was answered too late has been done all the same.
            matches!(answer.status, 200..300 | 409).then_some(())
        });
        self.has(at, name);
    }

    /// Waits until a controller has a user.
    fn has(&self, at: usize, name: &str) {
        let rest = self.cluster.rest(at);
        eventually(&format!("{name} at controller {}", at + 1), SETTLE * 2, || {
            let answer = rest.try_send(&Method::GET, &format!("/v1/users/{name}"), None).ok()?;
            (answer.status == 200).then_some(())
        });
    }

    /// Puts a new machine, the fourth, in the place of a lost one, as the document says; which machine that is.
    fn replace(&mut self, lost: usize, seen_at: usize) -> usize {
        let number = lost as u64 + 1;
        let new = self.new_machine();
        self.follow("lost-one", new, &[("NUMBER", &number.to_string())]);
        self.cluster.controllers[new].becomes_ready();
        eventually("the new one votes, and the old one is out", SETTLE * 2, || {
            let voters = self.voters(seen_at);
            (voters.contains(&4) && !voters.contains(&number) && voters.len() == 3).then_some(())
        });
        new
    }

    /// Numbers of the voters, once no change is under way.
    fn voters(&self, at: usize) -> Vec<u64> {
        let all = self.cluster.settled(at);
        all.into_iter().filter(|(_, role)| role == "voter").map(|(number, _)| number).collect()
    }
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

/// Where programs are found: those of this workspace first.
fn path() -> String {
    let own = bins::path("wharden");
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", own.parent().expect("a folder").display())
}

#[test]
fn one_that_is_lost_comes_back_or_is_replaced_or_is_left_out() {
    let mut site = Site::usual();
    let lost = site.cluster.leader(0);
    let other = site.other_than(lost);
    site.log_in(other);

    // Nothing has to be done: the others go on, and it catches up.
    site.cluster.controllers[lost].kill();
    site.writes(other, "while-away");
    site.follow("back", lost, &[]);
    site.cluster.controllers[lost].becomes_ready();
    site.has(lost, "while-away");

    // Its disk is lost too.
    site.cluster.controllers[lost].kill();
    fs::remove_dir_all(site.cluster.controllers[lost].dir()).expect("its folder");
    site.writes(other, "after-loss");
    let new = site.replace(lost, other);
    site.has(new, "after-loss");

    // The next one is lost, and nobody comes instead.
    let next = (0..3).find(|at| *at != lost && *at != other).expect("three");
    site.cluster.controllers[next].kill();
    site.writes(other, "two-of-three");
    let number = (next + 1).to_string();
    site.follow("lost-one-without", next, &[("NUMBER", &number)]);
    let mut voters = site.voters(other);
    voters.sort_unstable();
    assert_eq!(voters, [other as u64 + 1, 4]);
    site.writes(new, "two");
}

#[test]
fn when_two_are_lost_nothing_is_acknowledged_until_one_is_back() {
    let mut site = Site::usual();
    let left = site.cluster.leader(0);
    let [one, two] = [(left + 1) % 3, (left + 2) % 3];
    site.writes(left, "before");
    site.cluster.controllers[one].kill();
    site.cluster.controllers[two].kill();
    let refused = site.cluster.rest(left).post("/v1/users", json!({"name": "in-vain"}));
    assert_eq!(refused.status, 503, "{refused}");
    site.follow("lost-two", one, &[]);
    site.cluster.controllers[one].becomes_ready();
    site.writes(left, "back");
    site.has(one, "back");
    site.has(one, "before");
    // Then the other one is replaced as above.
    site.log_in(left);
    site.replace(two, left);
}

/// Writes through `by` until the controller on the full disk has stopped.
fn press_on(site: &mut Site, by: usize, full: usize, round: usize) {
    let rest = site.cluster.rest(by);
    let weight = "x".repeat(40_000);
    for n in 0..2000 {
        if site.cluster.controllers[full].has_ended() {
            site.cluster.controllers[full].ends();
            return;
        }
        let text = format!("// {weight}\npermit (principal == User::\"u{n}\", action, resource);");
        // Names come again, so that the other ones' disks keep little.
        let path = format!("/v1/policies/p{round}-{}", n % 20);
        // An election may be under way.
        drop(rest.try_send(&Method::PUT, &path, Some(json!({"text": text}).to_string().into_bytes())));
    }
    panic!("it goes on with a full disk\n{}", site.cluster.controllers[full].log());
}

#[test]
fn a_full_disk_stops_one_and_room_brings_it_back() {
    let small = std::cell::OnceCell::new();
    let full = 2;
    let mut site = Site::start("[alerts]\nlost_s = 2\ngrace_s = 1", |place, at| {
        if at == full {
            let disk = small.get_or_init(|| SmallDisk::mount(place.join("small"), 160));
            disk.path().join("data")
        } else {
            place.join(&format!("controller-{}", at + 1))
        }
    });
    let disk = small.into_inner().expect("it was mounted");
    let by = site.other_than(full);
    disk.fill_but(16);
    eventually("that little is left is said before nothing is", SETTLE * 2, || {
        let alerts = site.cluster.rest(by).get("/v1/alerts").ok();
        let about = |alert: &Value| alert["id"].as_str().is_some_and(|id| id.starts_with("disk_headroom:3"));
        alerts.as_array().expect("alerts").iter().any(about).then_some(())
    });
    disk.fill();
    press_on(&mut site, by, full, 1);
    site.writes(by, "others-go-on");

    let larger = site.place.join("larger").display().to_string();
    disk.empty();
    site.follow("disk-full", full, &[]);
    site.cluster.controllers[full].becomes_ready();
    site.has(full, "others-go-on");

    disk.fill();
    press_on(&mut site, by, full, 2);
    site.writes(by, "meanwhile");
    site.follow("disk-full-move", full, &[("/srv/wharden-controller", &larger)]);
    site.cluster.controllers[full].becomes_ready();
    assert_eq!(site.cluster.controllers[full].dir(), Path::new(&larger));
    site.has(full, "meanwhile");
    assert_eq!(site.voters(by).len(), 3);
}

/// Puts lines into the configuration of a controller, in place of those with the same key.
fn put_into(controller: &Controller, lines: &[String]) {
    let file = controller.dir().join("controller.toml");
    let text = fs::read_to_string(&file).expect("its configuration");
    let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let keys: Vec<String> = lines.iter().map(|line| key(line)).collect();
    let kept = text.lines().filter(|line| !keys.contains(&key(line)));
    let all: Vec<&str> = lines.iter().map(String::as_str).chain(kept).collect();
    fs::write(file, all.join("\n")).expect("its configuration");
}

#[test]
fn when_all_are_lost_a_backup_brings_the_cluster_back() {
    let mut site = Site::usual();
    site.log_in(0);
    site.writes(0, "kept");
    // The key and its configuration, one controller after the other.
    let [keygen, create, verify] = &blocks("backup", "sh")[..] else { panic!("three blocks") };
    let public = site.at_the_desk(&keygen.lines[0], 0);
    assert!(public.starts_with("age1"), "{public}");
    let own = site.place.join("backups");
    fs::create_dir(&own).expect("a folder");
    let toml = blocks("backup", "toml").remove(0);
    let lines: Vec<String> = toml
        .lines
        .iter()
        .map(|line| line.replace("age1…", &public).replace("/backups", own.to_str().expect("text")))
        .collect();
    for at in 0..3 {
        site.cluster.controllers[at].stop();
        put_into(&site.cluster.controllers[at], &lines);
        site.cluster.controllers[at].start();
        site.writes((at + 1) % 3, &format!("without-{at}"));
    }
    eventually("a scheduled backup", SETTLE, || {
        let mut all = fs::read_dir(&own).expect("lists").flatten();
        all.any(|file| file.path().extension().is_some_and(|end| end == "age")).then_some(())
    });
    for line in [&create.lines[0], &verify.lines[0]] {
        site.at_the_desk(&line.replace("FILE", "cluster.wharden.age"), 0);
    }
    site.writes(0, "too-late");

    // All are lost, with their disks.
    site.cluster.controllers.iter_mut().for_each(Controller::kill);
    // The names of the old ones lead to new machines.
    for at in 0..3 {
        let fresh = Controller::new(&site.place, &format!("restored-{}", at + 1)).seated(&site.seats[at]);
        site.cluster.controllers[at] = fresh;
    }
    site.follow("restore", 0, &[("FILE", "cluster.wharden.age")]);
    site.cluster.controllers[0].becomes_ready();
    site.cluster.admin.login();
    site.log_in(0);
    for at in 1..3 {
        site.follow("add", at, &[]);
        site.cluster.controllers[at].becomes_ready();
        assert_eq!(site.voters(0).len(), at + 1);
    }
    site.has(2, "kept");
    assert_eq!(site.cluster.rest(0).get("/v1/users/too-late").status, 404);
    site.writes(1, "goes-on");
    let verdict = site.cluster.rest(2).get("/v1/audit/verify").ok();
    assert_eq!(verdict["intact"], true, "{verdict}");
}
