//! Several controllers as processes.

use crate::{admin::Admin, controller::Controller, limits::SETTLE, place::Place, wait::eventually};
use serde_json::{Value, json};

/// A cluster that grew from one controller, and its first admin.
pub struct Cluster {
    /// In the order in which they joined; the first one has number 1.
    pub controllers: Vec<Controller>,
    /// What is added to the configuration of each.
    pub configuration: String,
    /// Logged in at the first one.
    pub admin: Admin,
}

impl Cluster {
    /// A cluster of `size` voters, all running.
    ///
    /// # Panics
    /// When one does not get there.
    #[track_caller]
    pub fn of(place: &Place, size: usize) -> Self {
        Self::configured(place, size, "")
    }

    /// The same with this added to the configuration of each.
    ///
    /// # Panics
    /// As [`Cluster::of`].
    #[track_caller]
    pub fn configured(place: &Place, size: usize, configuration: &str) -> Self {
        let first = Controller::init(place, "controller-1");
        first.configure(configuration);
        let mut cluster = Self { configuration: configuration.to_owned(), ..Self::found(first) };
        while cluster.controllers.len() < size {
            cluster.grow(place);
        }
        cluster
    }

    /// A cluster of one, running.
    ///
    /// # Panics
    /// When it does not get there.
    #[track_caller]
    pub fn found(mut first: Controller) -> Self {
        first.start();
        let admin = Admin::bootstrap(&first, "ada");
        Self { controllers: vec![first], configuration: String::new(), admin }
    }

    /// One more controller, which becomes a voter.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn grow(&mut self, place: &Place) {
        let number = self.controllers.len() + 1;
        self.take_in(Controller::new(place, &format!("controller-{number}")));
    }

    /// The same with a controller that was made already.
    ///
    /// # Panics
    /// As [`Cluster::grow`].
    #[track_caller]
    pub fn take_in(&mut self, mut next: Controller) {
        let code = self.code(&json!({"ttl_s": 600}));
        next.join(&self.controllers[0].peer_address(), &code).ok();
        next.configure(&self.configuration);
        next.start();
        self.controllers.push(next);
        self.settled(0);
    }

    /// A join code, from the first controller.
    #[track_caller]
    pub fn code(&self, new: &Value) -> String {
        let answer = self.admin.rest().post("/v1/cluster/codes", new.clone()).ok();
        answer["code"].as_str().expect("code").to_owned()
    }

    /// What a controller says of the cluster.
    #[track_caller]
    pub fn status(&self, at: usize) -> Value {
        self.rest(at).get("/v1/cluster").ok()
    }

    /// The admin's session, at another controller.
    pub fn rest(&self, at: usize) -> crate::Rest {
        self.admin.rest().at(&self.controllers[at].url())
    }

    /// Waits until no change of membership is under way, as controller `at` sees it; its numbers and roles.
    ///
    /// # Panics
    /// When one stays.
    #[track_caller]
    pub fn settled(&self, at: usize) -> Vec<(u64, String)> {
        let rest = self.rest(at);
        eventually("no change of membership under way", SETTLE * 2, || {
            let status = rest.get("/v1/cluster");
            let status: Value = serde_json::from_str(&status.body).ok()?;
            status["controllers"].as_array().filter(|_| status["changing"].is_null()).map(|all| {
                all.iter()
                    .map(|c| (c["number"].as_u64().unwrap_or(0), c["role"].as_str().unwrap_or("").to_owned()))
                    .collect()
            })
        })
    }

    /// The place in `controllers` of the one that leads, as controller `at` sees it.
    ///
    /// # Panics
    /// When nobody comes to lead.
    #[track_caller]
    pub fn leader(&self, at: usize) -> usize {
        let rest = self.rest(at);
        let number = eventually("a leader", SETTLE * 2, || {
            let status: Value = serde_json::from_str(&rest.get("/v1/cluster").body).ok()?;
            let all = status["controllers"].as_array()?;
            all.iter().find(|c| c["leader"] == true && c["reachable"] == true)?["number"].as_u64()
        });
        usize::try_from(number).expect("small") - 1
    }
}
