//! One host, end to end: an engine, a controller, an admin, an enrolled agent.

use crate::{
    admin::Admin, agent::Agent, cli::Cli, client::Docker, controller::Controller, engine::Engine, eventually,
    limits::SETTLE, os_user, place::Place,
};
use serde_json::{Value, json};

/// The name of the admin of every world.
pub const ADMIN: &str = "root-admin";
/// The name that the host enrols with.
pub const HOSTNAME: &str = "dock-1";

/// Everything that one test needs. Fields stop in the order in which they stand.
pub struct World {
    /// The agent, with the guard.
    pub agent: Agent,
    /// The first admin's session.
    pub admin: Admin,
    /// The controller.
    pub controller: Controller,
    /// The engine behind the guard.
    pub engine: Engine,
    /// The host's id.
    pub host: String,
    /// Files of this test. Last, so that everything in it has stopped.
    pub place: Place,
}

/// How a world begins.
#[derive(Default)]
pub struct Setup<'a> {
    posture: Option<&'a str>,
    packs: Vec<&'a str>,
    users: Vec<(&'a str, Vec<&'a str>)>,
    policies: Vec<(&'a str, &'a str)>,
    labels: Value,
    tcp: bool,
    engine: Vec<&'a str>,
}

impl World {
    /// A world in posture `enforce` with nothing in it.
    pub fn setup<'a>() -> Setup<'a> {
        Setup { labels: json!({}), ..Setup::default() }
    }

    /// The docker command through the guard, as the OS user `wharden-t-{short}`.
    pub fn docker(&self, short: &str) -> Docker {
        self.agent.docker(short)
    }

    /// The docker command past the guard, as root.
    pub fn direct(&self) -> Docker {
        self.engine.docker()
    }

    /// The admin CLI with the credentials of `name`; not logged in yet.
    pub fn cli(&self, name: &str) -> Cli {
        Cli::new(&self.place, &self.controller, name)
    }

    /// The admin CLI, logged in as the first admin.
    pub fn logged_in_cli(&mut self) -> Cli {
        let cli = self.cli(ADMIN);
        cli.log_in(&mut self.admin);
        cli
    }

    /// Waits until the host enforces what is newest.
    pub fn settle(&self) {
        self.settle_at(0);
    }

    /// Waits until the host enforces this revision or a newer one.
    pub fn settle_at(&self, revision: u64) {
        eventually("the host holds the newest policy", SETTLE, || {
            let host = self.admin.rest().get(&format!("/v1/hosts/{}", self.host)).ok();
            let status = self.admin.rest().get("/v1/status").ok();
            (host["status"] == "connected"
                && host["held_revision"].as_u64() >= Some(revision.max(1))
                && status["hosts_behind"] == 0)
                .then_some(())
        });
    }

    /// Puts a policy and waits until the host enforces it.
    #[track_caller]
    pub fn put_policy(&self, name: &str, text: &str) {
        let revision = self.admin.put_policy(name, text);
        self.settle_at(revision);
    }

    /// Waits until events that match are at least `count`, and gives them.
    #[track_caller]
    pub fn events(&self, query: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} events for {query:?}"), SETTLE, || {
            let events = self.admin.events(query);
            (events.len() >= count).then_some(events)
        })
    }
}

impl<'a> Setup<'a> {
    /// The posture that the host enrols in.
    #[must_use]
    pub fn posture(mut self, posture: &'a str) -> Self {
        self.posture = Some(posture);
        self
    }

    /// Applies starter packs.
    #[must_use]
    pub fn packs(mut self, packs: &[&'a str]) -> Self {
        self.packs.extend(packs);
        self
    }

    /// Makes the user that the OS user `wharden-t-{short}` is.
    #[must_use]
    pub fn user(mut self, short: &'a str, groups: &[&'a str]) -> Self {
        self.users.push((short, groups.to_vec()));
        self
    }

    /// Puts a policy.
    #[must_use]
    pub fn policy(mut self, name: &'a str, text: &'a str) -> Self {
        self.policies.push((name, text));
        self
    }

    /// Labels of the host.
    #[must_use]
    pub fn labels(mut self, labels: Value) -> Self {
        self.labels = labels;
        self
    }

    /// Lets the guard listen on TCP too.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Arguments of the engine.
    #[must_use]
    pub fn engine(mut self, arguments: &[&'a str]) -> Self {
        self.engine.extend(arguments);
        self
    }

    /// Starts everything and waits until the host enforces what was asked for.
    ///
    /// # Panics
    /// When anything of it fails.
    #[track_caller]
    pub fn start(self) -> World {
        let place = Place::new();
        let engine = Engine::start_with(&place, &self.engine);
        let mut controller = Controller::init(&place, "controller");
        controller.start();
        let admin = Admin::bootstrap(&controller, ADMIN);
        for (short, groups) in &self.users {
            os_user::OsUser::named(short);
            admin.os_user(short, groups);
        }
        let mut revision = 0;
        for pack in &self.packs {
            revision = admin.apply_pack(pack);
        }
        for (name, text) in &self.policies {
            revision = admin.put_policy(name, text);
        }
        let token = admin.join_token(self.posture.unwrap_or("enforce"), 1, &self.labels);
        let mut agent = Agent::new(&place, "agent", engine.socket());
        if self.tcp {
            agent.listen_on_tcp();
        }
        agent.enroll(&controller.agent_address(), &token, HOSTNAME).ok();
        agent.start();
        let host = admin.hosts(HOSTNAME)[0]["id"].as_str().expect("host id").to_owned();
        let world = World { agent, admin, controller, engine, host, place };
        world.settle_at(revision);
        world
    }
}
