//! The controllers of a run, and what an admin does there.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use wharden_harness::{Admin, Controller, cluster::Cluster, ports::free_port};
use wharden_model::Revision;

/// Rules of one policy document: a team's.
const RULES_PER_POLICY: usize = 10;
const STATE: &str = "run.json";
/// A second factor is fresh for five minutes.
const LOGIN_EVERY: Duration = Duration::from_secs(150);

/// What a later run needs to know of the data folder.
#[derive(Serialize, Deserialize)]
struct Kept {
    ports: Vec<[u16; 3]>,
    totp_secret: String,
    policies: usize,
}

/// Controllers as processes, and their admin.
pub struct Ground {
    pub cluster: Cluster,
    /// The controller that the admin is at.
    pub at: usize,
    policies: usize,
    edits: usize,
    logged_in: Instant,
}

/// A change that was committed.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    pub revision: Revision,
    /// The time in its entry, in microseconds since the epoch.
    pub at_us: u64,
}

impl Ground {
    /// Starts the controllers in a folder: those that were made there before, or new ones with so many rules.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn start(dir: &Path, controllers: usize, rules: usize) -> anyhow::Result<Self> {
        let file = dir.join(STATE);
        if let Ok(kept) = fs::read(&file) {
            let kept: Kept = serde_json::from_slice(&kept).context("run.json in the data folder is damaged")?;
            anyhow::ensure!(kept.ports.len() == controllers, "the data folder has {} controllers", kept.ports.len());
            return Ok(Self::again(dir, &kept));
        }
        let mut all: Vec<Controller> =
            (1..=controllers).map(|n| at(dir, n, [free_port(), free_port(), free_port()])).collect();
        let output = all[0].init_again();
        let token =
            output.ok().split_whitespace().find(|word| word.starts_with("wbt_")).context("no token")?.to_owned();
        all[0].bootstrap_token = token;
        all[0].start();
        let admin = Admin::bootstrap(&all[0], "ada");
        let rest = all.split_off(1);
        let mut cluster = Cluster { controllers: all, configuration: String::new(), admin };
        for mut next in rest {
            let code = cluster.code(&json!({"ttl_s": 600}));
            next.join(&cluster.controllers[0].peer_address(), &code).ok();
            next.start();
            cluster.controllers.push(next);
            cluster.settled(0);
        }
        let policies = rules.div_ceil(RULES_PER_POLICY).max(1);
        let ground = Self { cluster, at: 0, policies, edits: 0, logged_in: Instant::now() };
        for n in 0..policies {
            ground.put(n);
        }
        let kept = Kept {
            ports: ground.cluster.controllers.iter().map(Controller::ports).collect(),
            totp_secret: ground.cluster.admin.totp_secret.clone(),
            policies,
        };
        fs::write(&file, serde_json::to_vec(&kept)?)?;
        Ok(ground)
    }

    fn again(dir: &Path, kept: &Kept) -> Self {
        let mut controllers: Vec<Controller> = (1..).zip(&kept.ports).map(|(n, ports)| at(dir, n, *ports)).collect();
        for controller in &mut controllers {
            controller.launch();
        }
        for controller in &mut controllers {
            controller.becomes_ready();
        }
        let admin = Admin::again(&controllers[0], "ada", &kept.totp_secret);
        // Edits must differ from those of the run before.
        let edits = usize::try_from(std::process::id()).unwrap_or(0) * 1000;
        Self {
            cluster: Cluster { controllers, configuration: String::new(), admin },
            at: 0,
            policies: kept.policies,
            edits,
            logged_in: Instant::now(),
        }
    }

    /// Logs the admin in anew before what they may do needs another code. True when it was time to.
    pub fn log_in(&mut self) -> bool {
        let due = self.logged_in.elapsed() > LOGIN_EVERY;
        if due {
            self.cluster.admin.login();
            self.logged_in = Instant::now();
        }
        due
    }

    /// The admin's sessions at all controllers, without anybody who gives codes.
    pub fn sessions(&self) -> Vec<wharden_harness::Rest> {
        (0..self.cluster.controllers.len()).map(|n| self.cluster.rest(n).alone()).collect()
    }

    /// Processes of the controllers that run.
    pub fn pids(&self) -> Vec<u32> {
        self.cluster.controllers.iter().filter_map(Controller::pid).collect()
    }

    /// Number and agents' port of each.
    pub fn agents_ports(&self) -> Vec<(u64, SocketAddr)> {
        (1..)
            .zip(&self.cluster.controllers)
            .map(|(n, c)| (n, SocketAddr::from(([127, 0, 0, 1], c.ports()[1]))))
            .collect()
    }

    /// Join tokens for the whole fleet, each with labels of its own.
    pub fn tokens(&self, hosts: usize, scopes: usize) -> Vec<String> {
        let uses = u32::try_from(hosts.div_ceil(scopes.max(1)) + 1).unwrap_or(u32::MAX);
        let token =
            |n| self.cluster.admin.join_token("observe", uses, &json!({"site": format!("s{n}"), "env": "prod"}));
        (0..scopes.max(1)).map(token).collect()
    }

    fn rest(&self) -> wharden_harness::Rest {
        self.cluster.rest(self.at)
    }

    /// Changes one rule of one policy.
    pub fn change_one(&mut self) -> Committed {
        self.edits += 1;
        self.put(self.edits % self.policies)
    }

    /// Changes a rule of every policy; the last one.
    pub fn change_all(&mut self) -> (Committed, Committed) {
        self.edits += 1;
        let mut all = (0..self.policies).map(|n| self.put(n)).collect::<Vec<_>>().into_iter();
        let first = all.next().expect("there is at least one policy");
        (first, all.last().unwrap_or(first))
    }

    fn put(&self, policy: usize) -> Committed {
        let body = json!({"text": text(policy, self.edits), "mode": "enforce"});
        let answer = self.rest().put(&format!("/v1/policies/sim-{policy:04}"), body).ok();
        let number = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("no {name} in {answer}"));
        Committed { revision: number("revision"), at_us: number("updated_at") * 1000 }
    }

    /// Gives hosts another label, from several sides at once.
    ///
    /// # Panics
    /// When one is refused.
    pub fn relabel(&mut self, share: f64) -> (usize, Revision) {
        let hosts = self.rest().get("/v1/hosts").ok();
        let ids: Vec<String> =
            hosts.as_array().into_iter().flatten().filter_map(|h| h["id"].as_str().map(str::to_owned)).collect();
        let wanted = (ids.len() as f64 * share) as usize;
        self.edits += 1;
        let labels = json!({"labels": {"site": format!("moved-{}", self.edits), "env": "prod"}});
        let each = wanted.div_ceil(16).max(1);
        std::thread::scope(|scope| {
            for ids in ids[..wanted].chunks(each) {
                let (rest, labels) = (self.rest(), labels.clone());
                scope.spawn(move || {
                    for id in ids {
                        rest.patch(&format!("/v1/hosts/{id}"), labels.clone()).ok();
                    }
                });
            }
        });
        (wanted, self.revision())
    }

    /// The newest revision, as the admin's controller has it.
    pub fn revision(&self) -> Revision {
        self.gauge(self.at, "policy_revision")
    }

    /// The newest term of all controllers that run.
    pub fn term(&self) -> u64 {
        let all = self.cluster.controllers.iter().enumerate().filter(|(_, controller)| controller.runs());
        all.map(|(n, _)| self.gauge(n, "raft_term")).max().unwrap_or(0)
    }

    /// A gauge or counter of a controller's metrics.
    pub fn gauge(&self, at: usize, name: &str) -> u64 {
        let metrics = self.cluster.controllers[at].rest().get("/metrics").body;
        let value = |line: &str| line.split_once(' ').filter(|(found, _)| found.ends_with(name))?.1.trim().parse().ok();
        metrics.lines().find_map(value).unwrap_or(0)
    }

    /// Kills the controller that leads; its place.
    pub fn kill_leader(&mut self) -> usize {
        let leader = self.cluster.leader(self.at);
        self.cluster.controllers[leader].kill();
        if self.at == leader {
            self.at = (leader + 1) % self.cluster.controllers.len();
        }
        leader
    }

    /// Kills all and starts them again.
    pub fn restart_all(&mut self) {
        for controller in &mut self.cluster.controllers {
            controller.kill();
        }
        for controller in &mut self.cluster.controllers {
            controller.launch();
        }
        for controller in &mut self.cluster.controllers {
            controller.becomes_ready();
        }
    }

    /// What the controllers know of the hosts: with a session, and with what they should hold.
    pub fn hosts(&self) -> Value {
        self.rest().get("/v1/hosts").ok()
    }
}

fn at(dir: &Path, n: usize, ports: [u16; 3]) -> Controller {
    let name = format!("controller-{n}");
    Controller::again(&dir.join(&name), &dir.join(format!("{name}.log")), ports)
}

/// A team's policy. `edit` changes its first rule.
fn text(policy: usize, edit: usize) -> String {
    let rule = |n: usize| {
        let tier = if n == 0 { format!("t{policy}-{edit}") } else { format!("t{policy}-x{n}") };
        format!(
            "@id(\"rule-{n}\")\n@reason(\"team {policy} keeps its tier {n} to itself: ask team-{policy}@example.org\")\n\
             @severity(\"high\")\nforbid (\n  principal in Group::\"team-{policy}\",\n  \
             action == Docker::Action::\"container.create\",\n  resource\n)\nwhen {{\n  \
             context.labels.contains(\"tier={tier}\") && context.privileged\n}};\n"
        )
    };
    (0..RULES_PER_POLICY).map(rule).collect()
}
