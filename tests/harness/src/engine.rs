//! A private Docker Engine: own data, own sockets, own containerd, no network set up on the machine.

use crate::{client::Docker, daemon::Daemon, image, place::Place};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A running dockerd. Dropping it removes its containers and stops it.
pub struct Engine {
    daemon: Daemon,
    command: Command,
    log: PathBuf,
    socket: PathBuf,
    home: PathBuf,
}

impl Engine {
    /// Starts one in `place` and imports the images of [`image`].
    ///
    /// # Panics
    /// When it does not come up; tests run as root with `docker.io` installed.
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    /// The same, with more arguments.
    ///
    /// # Panics
    /// As [`Engine::start`].
    pub fn start_with(place: &Place, more: &[&str]) -> Self {
        let engine = Self::begin(place, "engine", more);
        image::import(&engine.docker(), place.path());
        engine
    }

    /// Starts one without images, in a folder of its own.
    ///
    /// # Panics
    /// As [`Engine::start`].
    pub fn start_empty(place: &Place, name: &str) -> Self {
        Self::begin(place, name, &[])
    }

    fn begin(place: &Place, name: &str, more: &[&str]) -> Self {
        let dir = place.join(name);
        std::fs::create_dir_all(&dir).expect("folder of the engine");
        let socket = dir.join("docker.sock");
        let mut command = Command::new("dockerd");
        command
            .arg(format!("--data-root={}", dir.join("data").display()))
            .arg(format!("--exec-root={}", dir.join("exec").display()))
            .arg(format!("--pidfile={}", dir.join("docker.pid").display()))
            .arg(format!("--host=unix://{}", socket.display()))
            .arg(format!("--config-file={}", place.write(&format!("{name}.json"), "{}").display()))
            // Debug writes every call, which is how tests know what the engine has seen.
            .args(["--bridge=none", "--iptables=false", "--debug"])
            .args(more)
            .env_remove("DOCKER_HOST")
            .env_remove("NOTIFY_SOCKET");
        let log = place.join(&format!("{name}.log"));
        let daemon = Daemon::start(name, &command, &log);
        let mut engine = Self { daemon, command, log, socket, home: place.join("home-root") };
        engine.ready();
        engine
    }

    /// Starts it again after [`Engine::stop`], with more arguments from now on.
    ///
    /// # Panics
    /// As [`Engine::start`].
    #[track_caller]
    pub fn start_again(&mut self, more: &[&str]) {
        assert!(self.daemon.ended().is_some(), "the engine runs still");
        self.command.args(more);
        self.daemon = Daemon::start("engine", &self.command, &self.log);
        self.ready();
    }

    /// Ends it and starts it again, with its containers: those that are always to run run again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.daemon.stop();
        self.start_again(&[]);
    }

    #[track_caller]
    fn ready(&mut self) {
        let docker = self.docker();
        self.daemon.ready("docker version answers", || (docker.run(&["version"]).code == 0).then_some(()));
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Its own socket, unguarded.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A client as root, past the guard.
    pub fn docker(&self) -> Docker {
        Docker::new(&self.socket, None, &self.home)
    }

    /// Every call that the engine has seen so far, `POST /v1.41/containers/create?name=x`, oldest first.
    pub fn calls(&self) -> Vec<String> {
        self.daemon
            .log()
            .lines()
            .filter_map(|line| line.split_once("msg=\"Calling ")?.1.strip_suffix('"').map(str::to_owned))
            .collect()
    }

    /// What `during` gives, and the calls that the engine saw meanwhile.
    pub fn calls_during<T>(&self, during: impl FnOnce() -> T) -> (T, Vec<String>) {
        let before = self.calls().len();
        let result = during();
        (result, self.calls().split_off(before))
    }

    /// Stops it, as a failure or an update would.
    pub fn stop(&mut self) {
        self.remove_containers(&self.docker());
        self.daemon.stop();
    }

    /// The same, with its socket moved to another path.
    pub fn stop_at(&mut self, socket: &Path) {
        self.remove_containers(&Docker::new(socket, None, &self.home));
        self.daemon.stop();
    }

    fn remove_containers(&self, docker: &Docker) {
        let ids = docker.run(&["ps", "-aq"]).out();
        let ids: Vec<_> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            docker.run(&[&["rm", "-f", "-v"], &ids[..]].concat());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Else dockerd gives each of them ten seconds to end.
        if self.daemon.ended().is_none() {
            self.remove_containers(&self.docker());
            // Bridges outlive their engine, and the addresses that it gave them are gone for the next one.
            let networks = self.docker().run(&["network", "ls", "-q", "--filter", "type=custom"]).out();
            let networks: Vec<_> = networks.split_whitespace().collect();
            if !networks.is_empty() {
                self.docker().run(&[&["network", "rm"], &networks[..]].concat());
            }
        }
    }
}
