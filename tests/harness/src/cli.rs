//! The admin CLI as a person would run it.

use crate::{
    admin::{Admin, PASSWORD},
    bins,
    controller::Controller,
    output::Output,
    place::Place,
    totp::Person,
};
use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
};

/// What `wharden` says when a change wants a code and nobody is there to ask.
const WANTS_A_CODE: &str = "Each works for one change";

/// `wharden` with a credentials folder of its own. Who is logged in gives a code when a change wants one.
#[derive(Clone)]
pub struct Cli {
    url: String,
    ca_file: PathBuf,
    config: PathBuf,
    person: Arc<OnceLock<Person>>,
}

impl Cli {
    /// For one controller. `name` keeps the credentials of several people apart.
    pub fn new(place: &Place, controller: &Controller, name: &str) -> Self {
        Self {
            url: controller.url(),
            ca_file: controller.ca_file(),
            config: place.join("cli").join(name),
            person: Arc::default(),
        }
    }

    /// The same without anybody who gives codes.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self { person: Arc::default(), ..self.clone() }
    }

    /// The same with another CA file.
    #[must_use]
    pub fn with_ca_file(mut self, ca_file: PathBuf) -> Self {
        self.ca_file = ca_file;
        self
    }

    /// The same against another address.
    #[must_use]
    pub fn with_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Logs this admin in, with a code that was not given before, who gives codes from then on.
    ///
    /// # Panics
    /// When the login is refused.
    #[track_caller]
    pub fn log_in(&self, admin: &mut Admin) {
        let code = admin.totp.code();
        self.run_with(&["login", "--username", &admin.name, "--password-stdin", "--totp", &code], PASSWORD).ok();
        if let Some(person) = admin.rest().person() {
            self.answered_by(person);
        }
    }

    /// Lets this person give a code when a change wants one.
    pub fn answered_by(&self, person: Person) {
        self.person.get_or_init(|| person);
    }

    /// Where its credentials are.
    pub fn config(&self) -> &PathBuf {
        &self.config
    }

    /// A command that is not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(bins::path("wharden"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.config)
            .env("LC_ALL", "C.UTF-8")
            .env("WHARDEN_URL", &self.url)
            .env("WHARDEN_CA_FILE", &self.ca_file)
            .env("WHARDEN_CONFIG_DIR", &self.config);
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "")
    }

    /// Runs a command to its end with something on its standard input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &str) -> Output {
        let output = Output::of(&mut self.command(args), input.as_bytes());
        match self.person.get() {
            Some(person) if output.code != 0 && output.err().contains(WANTS_A_CODE) => {
                let factor = person.factor();
                Output::of(self.command(args).env(factor.env(), factor.code), input.as_bytes())
            }
            _ => output,
        }
    }

    /// Runs a command with `-o json` and reads what it printed.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        self.run(&[&["-o", "json"], args].concat()).json()
    }
}
