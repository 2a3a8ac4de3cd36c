//! An admin with a password, an authenticator and a session.

use crate::{
    controller::Controller,
    os_user,
    rest::Rest,
    totp::{Person, Totp},
};
use serde_json::{Value, json};

/// The password of every admin of a test.
pub const PASSWORD: &str = "correct horse battery staple";

/// A small change that needs no code of its own: thresholds of hosts with this label, which no host has. To be put at
/// `/v1/capacity/thresholds/NAME`.
pub fn small_change(value: &str) -> Value {
    let mark = json!({"high_permille": 900, "low_permille": 800, "hold_s": 60});
    json!({"selector": {"made": value}, "marks": {"cpu": mark}})
}

/// Someone who is logged in over REST.
pub struct Admin {
    /// Name.
    pub name: String,
    /// Their authenticator.
    pub totp: Totp,
    /// As it was shown, base32.
    pub totp_secret: String,
    /// Shown once, when the account was made.
    pub recovery_codes: Vec<String>,
    rest: Rest,
}

impl Admin {
    /// The first admin, with the bootstrap token of `init`, logged in.
    pub fn bootstrap(controller: &Controller, name: &str) -> Self {
        Self::enrol(controller, &controller.bootstrap_token, name)
    }

    /// Another admin: makes the user with these groups, invites them, and lets them take up the invite.
    pub fn invite(&self, controller: &Controller, name: &str, groups: &[&str]) -> Self {
        self.user(name, groups);
        let invite = self.rest.post(&format!("/v1/users/{name}/invite"), Value::Null).ok();
        Self::enrol(controller, invite["invite"].as_str().expect("invite"), name)
    }

    fn enrol(controller: &Controller, token: &str, name: &str) -> Self {
        let mut rest = controller.rest();
        let enrolment =
            rest.post("/v1/enrolment", json!({"token": token, "username": name, "password": PASSWORD})).ok();
        let totp_secret = enrolment["totp_secret"].as_str().expect("TOTP secret").to_owned();
        let mut totp = Totp::new(&totp_secret);
        let code = totp.code();
        rest.post("/v1/enrolment/complete", json!({"enrolment": enrolment["enrolment"], "code": code})).ok();
        let recovery_codes: Vec<String> = enrolment["recovery_codes"]
            .as_array()
            .expect("recovery codes")
            .iter()
            .map(|c| c.as_str().expect("recovery code").to_owned())
            .collect();
        rest.set_person(Person::new(&totp, &recovery_codes));
        let mut admin = Self { name: name.to_owned(), totp, totp_secret, recovery_codes, rest };
        admin.login();
        admin
    }

    /// One who was enrolled by an earlier process, logged in.
    pub fn again(controller: &Controller, name: &str, totp_secret: &str) -> Self {
        let (totp, mut rest) = (Totp::new(totp_secret), controller.rest());
        rest.set_person(Person::new(&totp, &[]));
        let (name, totp_secret) = (name.to_owned(), totp_secret.to_owned());
        let mut admin = Self { name, totp, totp_secret, recovery_codes: Vec::new(), rest };
        admin.login();
        admin
    }

    /// Logs in anew, which makes the second factor fresh.
    pub fn login(&mut self) -> Value {
        let code = self.totp.code();
        let tokens =
            self.rest.post("/v1/login", json!({"username": self.name, "password": PASSWORD, "code": code})).ok();
        self.rest.set_bearer(tokens["access_token"].as_str().expect("access token"));
        tokens
    }

    /// Their session.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// Makes a user in groups; groups that are not there are made. Both may exist already.
    pub fn user(&self, name: &str, groups: &[&str]) {
        for group in groups {
            if self.rest.get(&format!("/v1/groups/{group}")).status == 404 {
                self.rest.post("/v1/groups", json!({"name": group})).ok();
            }
        }
        self.rest.post("/v1/users", json!({"name": name, "groups": groups})).ok();
    }

    /// The user that the OS user `wharden-t-{short}` is.
    pub fn os_user(&self, short: &str, groups: &[&str]) {
        self.user(&format!("{}{short}", os_user::PREFIX), groups);
    }

    /// Puts a policy; its revision.
    #[track_caller]
    pub fn put_policy(&self, name: &str, text: &str) -> u64 {
        self.put_policy_in(name, text, "enforce")
    }

    /// Puts a policy in a mode; its revision.
    #[track_caller]
    pub fn put_policy_in(&self, name: &str, text: &str, mode: &str) -> u64 {
        let policy = self.rest.put(&format!("/v1/policies/{name}"), json!({"text": text, "mode": mode})).ok();
        policy["revision"].as_u64().expect("revision")
    }

    /// Applies a starter pack; its revision.
    #[track_caller]
    pub fn apply_pack(&self, name: &str) -> u64 {
        let policy = self.rest.post(&format!("/v1/packs/{name}/apply"), json!({})).ok();
        policy["revision"].as_u64().expect("revision")
    }

    /// A join token.
    #[track_caller]
    pub fn join_token(&self, posture: &str, uses: u32, labels: &Value) -> String {
        let token = json!({"ttl_s": 3600, "uses": uses, "posture": posture, "labels": labels});
        self.rest.post("/v1/tokens", token).ok()["token"].as_str().expect("token").to_owned()
    }

    /// Hosts of this name.
    #[track_caller]
    pub fn hosts(&self, name: &str) -> Vec<Value> {
        let hosts = self.rest.get("/v1/hosts").ok();
        hosts.as_array().expect("hosts").iter().filter(|h| h["name"] == name).cloned().collect()
    }

    /// Decision events that match, oldest first; the newest thousand. `query` is `user=x&action=y`, or empty.
    #[track_caller]
    pub fn events(&self, query: &str) -> Vec<Value> {
        let page = self.rest.get(&format!("/v1/events?limit=1000&{query}")).ok();
        page["events"].as_array().expect("events").clone()
    }
}
