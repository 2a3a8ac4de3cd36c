//! Three controllers and two agents on a bridge.

use serde_json::json;
use std::fs;
use wharden_harness::{Agent, Controller, Engine, Net, Place, Seat, cluster::Cluster, eventually, limits::SETTLE};
use wharden_powercut::{
    disk::{Disk, Order},
    mount::{Faults, Mount},
};

/// Root may look at the engine and not at its disk.
const POLICY: &str =
    r#"@id("look") permit (principal == User::"root", action == Docker::Action::"system.info", resource);"#;

/// Everything that runs. Fields stop in the order in which they stand.
pub struct Site {
    pub agents: Vec<Agent>,
    pub cluster: Cluster,
    pub seats: Vec<Seat>,
    pub disks: Vec<Mount>,
    pub engine: Engine,
    net: Net,
    place: Place,
}

impl Site {
    /// Starts everything.
    ///
    /// # Panics
    /// When anything of it does not start.
    pub fn start() -> Self {
        let place = Place::new();
        let mut net = Net::new();
        let engine = Engine::start_empty(&place, "engine");
        let (mut seats, mut disks, mut made) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=3 {
            let path = place.join(&format!("disk-{number}"));
            fs::create_dir(&path).expect("a folder");
            disks.push(Mount::at(&path, Disk::new(Order::Journal), Faults::default()).expect("a disk"));
            let seat = net.seat();
            let name = format!("controller-{number}");
            made.push(Controller::new_in(&place, &path.join("data"), &name).seated(&seat));
            seats.push(seat);
        }
        let mut made = made.into_iter();
        let mut first = made.next().expect("three");
        first.init_here();
        let mut cluster = Cluster::found(first);
        made.for_each(|next| cluster.take_in(next));
        cluster.admin.user("root", &[]);
        cluster.admin.put_policy("look", POLICY);
        let mut site = Self { agents: Vec::new(), cluster, seats, disks, engine, net, place };
        for number in 1..=2 {
            site.add_agent(number);
        }
        site.agents_are_back();
        site
    }

    fn add_agent(&mut self, number: usize) {
        let seat = self.net.seat();
        let token = self.cluster.admin.join_token("enforce", 1, &json!({}));
        let mut agent = Agent::new(&self.place, &format!("agent-{number}"), self.engine.socket());
        agent.run_through(&seat.through());
        let at = self.cluster.controllers[number % 3].agent_address();
        agent.enroll(&at, &token, &format!("dock-{number}")).ok();
        agent.start();
        self.agents.push(agent);
        self.seats.push(seat);
    }

    /// Waits until every controller says that it is ready.
    ///
    /// # Panics
    /// When one does not.
    pub fn all_are_ready(&mut self) {
        self.cluster.controllers.iter_mut().for_each(Controller::becomes_ready);
    }

    /// The seat of an agent.
    pub fn agent_seat(&self, number: usize) -> &Seat {
        &self.seats[3 + number]
    }

    /// Waits until every agent has a session and the newest policy.
    ///
    /// # Panics
    /// When one has not.
    pub fn agents_are_back(&self) {
        let rest = self.cluster.rest(0);
        eventually("a session of every agent, with the newest policy", SETTLE * 2, || {
            let status =
                rest.try_send(&reqwest::Method::GET, "/v1/status", None).ok().filter(|a| a.status == 200)?.ok();
            (status["hosts_connected"] == 2 && status["hosts_behind"] == 0).then_some(())
        });
    }
}
