//! Programs that take what Wharden sends elsewhere: a webhook, a mail server, a syslog server, each with a certificate of
//! its own.

use crate::{daemon::Daemon, limits::SETTLE, output::Output, place::Place, ports::free_port, wait::eventually};
use serde_json::Value;
use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

/// A receiver as a process.
pub struct Receiver {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    out: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    kind: &'static str,
    args: Vec<String>,
    log: PathBuf,
    daemon: Option<Daemon>,
}

impl Receiver {
    /// Takes webhooks that are signed with this secret.
    pub fn webhook(place: &Place, name: &str, secret: &str) -> Self {
        Self::new(place, name, "webhook", &[secret])
    }

    /// Takes mail after STARTTLS and a login with these.
    pub fn smtp(place: &Place, name: &str, user: &str, password: &str) -> Self {
        Self::new(place, name, "smtp", &[user, password])
    }

    /// Takes syslog over TLS.
    pub fn syslog(place: &Place, name: &str) -> Self {
        Self::new(place, name, "syslog", &[])
    }

    #[track_caller]
    fn new(place: &Place, name: &str, kind: &'static str, args: &[&str]) -> Self {
        let (certificate, key) = (place.join(&format!("{name}.pem")), place.join(&format!("{name}.key")));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"]).arg(&certificate);
        openssl.arg("-keyout").arg(&key);
        Output::of(&mut openssl, b"").ok();
        let mut receiver = Self {
            port: free_port(),
            out: place.join(&format!("{name}.jsonl")),
            certificate,
            key,
            kind,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            log: place.join(&format!("{name}.log")),
            daemon: None,
        };
        receiver.start();
        receiver
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it does not, or `WHARDEN_TEST_PYTHON` does not name a Python with what it needs: `tests/run.sh` sets it.
    #[track_caller]
    pub fn start(&mut self) {
        let python = env::var_os("WHARDEN_TEST_PYTHON")
            .expect("WHARDEN_TEST_PYTHON names a Python with aiosmtpd; tests/run.sh makes one and sets it");
        let mut command = Command::new(python);
        command.args(["-I", "-c", include_str!("py/receiver.py"), self.kind, &self.port.to_string()]);
        command.arg(&self.certificate).arg(&self.key).arg(&self.out).args(&self.args);
        let port = self.port;
        let daemon = self.daemon.insert(Daemon::start("receiver", &command, &self.log));
        daemon.ready("it listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    }

    /// Stops it; what it took stays.
    pub fn stop(&mut self) {
        drop(self.daemon.take());
    }

    /// Its certificate, which it is to be believed by.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The same as text.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn certificate_pem(&self) -> String {
        fs::read_to_string(&self.certificate).expect("a certificate")
    }

    /// Refuses from now on, with this status, or takes everything.
    ///
    /// # Panics
    /// When that cannot be written down.
    pub fn refuse(&self, status: Option<u16>) {
        let file = PathBuf::from(format!("{}.refuse", self.out.display()));
        match status {
            // Whole at once: it is read at any moment.
            Some(status) => {
                let new = file.with_extension("new");
                fs::write(&new, status.to_string()).and_then(|()| fs::rename(&new, &file)).expect("written");
            }
            None => fs::remove_file(&file).expect("it refused"),
        }
    }

    /// Everything that came so far, refused or not.
    ///
    /// # Panics
    /// When it wrote something that is no JSON.
    pub fn came(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.out).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until so many things have come that pass.
    ///
    /// # Panics
    /// When they do not come.
    #[track_caller]
    pub fn gets(&self, what: &str, count: usize, pass: impl Fn(&Value) -> bool) -> Vec<Value> {
        eventually(what, SETTLE * 2, || {
            let came: Vec<Value> = self.came().into_iter().filter(|thing| pass(thing)).collect();
            (came.len() >= count).then_some(came)
        })
    }
}
