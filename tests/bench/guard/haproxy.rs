//! HAProxy as people put it in front of the engine: a unix socket and path rules.

use std::{
    path::{Path, PathBuf},
    process::Command,
};
use wharden_harness::{daemon::Daemon, place::Place};

pub struct Haproxy {
    pub socket: PathBuf,
    _daemon: Daemon,
}

impl Haproxy {
    pub fn start(place: &Place, engine: &Path) -> Self {
        let socket = place.join("haproxy.sock");
        let rules: String =
            ["_ping", "version", "info", "events", "containers", "exec", "images", "build", "networks", "volumes"]
                .iter()
                .map(|path| format!("    http-request allow if {{ path,url_dec -m reg -i ^(/v[\\d\\.]+)?/{path} }}\n"))
                .collect();
        let config = format!(
            "global\n    maxconn 4096\n\
             defaults\n    mode http\n    timeout connect 10s\n    timeout client 10m\n    timeout server 10m\n    \
             timeout tunnel 1h\n\
             frontend guard\n    bind unix@{} mode 666\n{rules}    http-request deny\n    default_backend engine\n\
             backend engine\n    server engine unix@{}\n",
            socket.display(),
            engine.display()
        );
        let config = place.write("haproxy.cfg", config);
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(config);
        let mut daemon = Daemon::start("haproxy", &command, &place.join("haproxy.log"));
        daemon.ready("haproxy listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
        Self { socket, _daemon: daemon }
    }
}
