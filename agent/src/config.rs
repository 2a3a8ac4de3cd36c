//! Configuration: defaults, then the TOML file, then the environment, then flags. A key that is not known is an error
//! that names it.

use crate::{
    limits::Limits,
    session::{Address, AddressError},
};
use clap::Args;
use serde::Deserialize;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use wharden_runtime::telemetry::Format;

/// Name of the file in the data directory that is read when no other is given.
pub const FILE_NAME: &str = "agent.toml";
/// The data directory when none is given.
pub const DEFAULT_DATA_DIR: &str = "/var/lib/wharden-agent";

/// The file, and the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Socket that people's clients use.
    pub guard_socket: PathBuf,
    /// Its mode in octal. Anyone may connect by default: who it is decides what they may do.
    pub guard_socket_mode: String,
    /// Address at which the guard also serves people elsewhere, who hold a certificate; none by default.
    pub guard_listen: Option<SocketAddr>,
    /// Names or addresses that they reach this host by, the best first; by default the address that it listens on, when
    /// that is one, and the system's host name.
    pub guard_names: Vec<String>,
    /// The engine's own socket.
    pub engine_socket: PathBuf,
    /// Socket of the engine's authorization plugin, e.g. `/run/docker/plugins/wharden.sock`; none by default.
    pub authz_socket: Option<PathBuf>,
    /// More files and folders that no container may see, besides the sockets and the folders with the data of the engine
    /// and of the agent: those of a controller on the same host, for example.
    pub private_paths: Vec<PathBuf>,
    /// Address of the metrics, `host:port`; none by default.
    pub metrics_listen: Option<SocketAddr>,
    /// Controllers to use in place of those of the enrolment, `host:port` each.
    pub controllers: Vec<String>,
    /// MiB of memory that the agent limits itself to, where nothing limits it yet and the system lets it; 0 for none. It is
    /// killed and started anew when it needs more.
    pub own_memory_mib: u64,
    /// The same for processor time, in hundredths of one processor.
    pub own_cpu_percent: u64,
    /// Whom a refused person is told to ask.
    pub contact: String,
    /// `human` or `json`.
    pub log_format: String,
    /// In the form of `RUST_LOG`, e.g. `info,wharden_agent=debug`.
    pub log_filter: String,
    /// Sizes, counts and times.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            guard_socket: "/run/wharden/docker.sock".into(),
            guard_socket_mode: "0666".to_owned(),
            guard_listen: None,
            guard_names: Vec::new(),
            engine_socket: "/run/docker.sock".into(),
            authz_socket: None,
            private_paths: Vec::new(),
            metrics_listen: None,
            controllers: Vec::new(),
            own_memory_mib: 128,
            own_cpu_percent: 20,
            contact: "your Wharden administrator".to_owned(),
            log_format: "human".to_owned(),
            log_filter: "info".to_owned(),
            limits: Limits::default(),
        }
    }
}

/// The same as flags and environment.
#[derive(Clone, Debug, Default, Args)]
pub struct Overrides {
    /// Socket that people's clients use [default: /run/wharden/docker.sock]
    #[arg(long, env = "WHARDEN_GUARD_SOCKET", value_name = "PATH")]
    pub guard_socket: Option<PathBuf>,
    /// Its mode, in octal [default: 0666]
    #[arg(long, env = "WHARDEN_GUARD_SOCKET_MODE", value_name = "MODE")]
    pub guard_socket_mode: Option<String>,
    /// Address to serve people elsewhere on, who hold a certificate of `wharden docker login`, e.g. 0.0.0.0:2376
    #[arg(long, env = "WHARDEN_GUARD_LISTEN", value_name = "ADDR:PORT")]
    pub guard_listen: Option<SocketAddr>,
    /// Names or addresses that they reach this host by, the best first, comma-separated [default: the address listened
    /// on, and the host name]
    #[arg(long = "guard-name", env = "WHARDEN_GUARD_NAME", value_name = "NAME", value_delimiter = ',')]
    pub guard_names: Option<Vec<String>>,
    /// The Docker Engine's own socket [default: /run/docker.sock]
    #[arg(long, env = "WHARDEN_ENGINE_SOCKET", value_name = "PATH")]
    pub engine_socket: Option<PathBuf>,
    /// Also answer the engine's authorization plugin protocol here, e.g. /run/docker/plugins/wharden.sock
    #[arg(long, env = "WHARDEN_AUTHZ_SOCKET", value_name = "PATH")]
    pub authz_socket: Option<PathBuf>,
    /// One more file or folder that no container may see; may be given several times
    #[arg(long = "private-path", value_name = "PATH")]
    pub private_paths: Vec<PathBuf>,
    /// MiB of memory that the agent limits itself to, where nothing limits it yet; 0 for none [default: 128]
    #[arg(long, env = "WHARDEN_OWN_MEMORY_MIB", value_name = "MIB")]
    pub own_memory_mib: Option<u64>,
    /// Hundredths of one processor, likewise [default: 20]
    #[arg(long, env = "WHARDEN_OWN_CPU_PERCENT", value_name = "PERCENT")]
    pub own_cpu_percent: Option<u64>,
    /// Address to serve metrics on
    #[arg(long, env = "WHARDEN_METRICS_LISTEN", value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// human or json [default: human]
    #[arg(long, env = "WHARDEN_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// Log filter, e.g. info,wharden_agent=debug [default: info]
    #[arg(long, env = "WHARDEN_LOG", value_name = "FILTER")]
    pub log_filter: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {error}")]
    Read { path: PathBuf, error: io::Error },
    #[error("{path}: {error}")]
    Parse { path: PathBuf, error: Box<toml::de::Error> },
    #[error("{at}: {message}")]
    Value { at: &'static str, message: String },
}

impl Config {
    /// Reads the file (the one in the data directory when none is given, if it is there) and lays the rest over it.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, line and key.
    pub fn load(data_dir: &Path, file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| data_dir.join(FILE_NAME), Path::to_owned);
        let config = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| ConfigError::Parse { path, error: Box::new(error) })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => Self::default(),
            Err(error) => return Err(ConfigError::Read { path, error }),
        };
        config.with(overrides).checked()
    }

    fn with(self, overrides: Overrides) -> Self {
        Self {
            guard_socket: overrides.guard_socket.unwrap_or(self.guard_socket),
            guard_socket_mode: overrides.guard_socket_mode.unwrap_or(self.guard_socket_mode),
            guard_listen: overrides.guard_listen.or(self.guard_listen),
            guard_names: overrides.guard_names.unwrap_or(self.guard_names),
            engine_socket: overrides.engine_socket.unwrap_or(self.engine_socket),
            authz_socket: overrides.authz_socket.or(self.authz_socket),
            private_paths: self.private_paths.into_iter().chain(overrides.private_paths).collect(),
            own_memory_mib: overrides.own_memory_mib.unwrap_or(self.own_memory_mib),
            own_cpu_percent: overrides.own_cpu_percent.unwrap_or(self.own_cpu_percent),
            metrics_listen: overrides.metrics_listen.or(self.metrics_listen),
            log_format: overrides.log_format.map_or(self.log_format, |format| format.to_string()),
            log_filter: overrides.log_filter.unwrap_or(self.log_filter),
            ..self
        }
    }

    fn checked(self) -> Result<Self, ConfigError> {
        self.format()?;
        self.mode()?;
        self.addresses()?;
        let sockets = [("guard_socket", &self.guard_socket), ("engine_socket", &self.engine_socket)];
        for (at, path) in sockets.into_iter().chain(self.authz_socket.iter().map(|path| ("authz_socket", path))) {
            if !path.is_absolute() {
                let message = format!("{} is not an absolute path", path.display());
                return Err(ConfigError::Value { at, message });
            }
        }
        let limits = &self.limits;
        for (at, value) in [
            ("limits.connections", limits.connections as u64),
            ("limits.connections_per_user", limits.connections_per_user as u64),
            ("limits.head_timeout_s", limits.head_timeout_s),
            ("limits.idle_timeout_s", limits.idle_timeout_s),
            ("limits.body_timeout_s", limits.body_timeout_s),
            ("limits.loads", limits.loads as u64),
            ("limits.loads_per_user", limits.loads_per_user as u64),
            ("limits.load_silence_s", limits.load_silence_s),
            ("limits.archives", limits.archives as u64),
            ("limits.archives_per_user", limits.archives_per_user as u64),
            ("limits.spool_bytes", limits.spool_bytes),
        ] {
            if value == 0 {
                return Err(ConfigError::Value { at, message: "0 would refuse everything".to_owned() });
            }
        }
        for (at, value) in [
            ("limits.buffered_bytes", limits.buffered_bytes),
            ("limits.buffered_bytes_per_user", limits.buffered_bytes_per_user),
        ] {
            if value < Limits::MIN_BUFFERED {
                let message = format!("the largest of what one request may hold needs {} bytes", Limits::MIN_BUFFERED);
                return Err(ConfigError::Value { at, message });
            }
        }
        Ok(self)
    }

    /// The log format.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn format(&self) -> Result<Format, ConfigError> {
        self.log_format.parse().map_err(|message| ConfigError::Value { at: "log_format", message })
    }

    /// The mode of the guard's socket.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn mode(&self) -> Result<u32, ConfigError> {
        u32::from_str_radix(&self.guard_socket_mode, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
            let message = format!("{:?} is not a mode: write e.g. 0660", self.guard_socket_mode);
            ConfigError::Value { at: "guard_socket_mode", message }
        })
    }

    /// Names that people elsewhere reach this host by, the best first.
    pub fn names(&self, hostname: &str) -> Vec<String> {
        if !self.guard_names.is_empty() {
            return self.guard_names.clone();
        }
        let own = self.guard_listen.map(|address| address.ip()).filter(|ip| !ip.is_unspecified());
        own.iter().map(ToString::to_string).chain([hostname.to_owned()]).collect()
    }

    /// Controllers to use in place of those of the enrolment.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn addresses(&self) -> Result<Vec<Address>, ConfigError> {
        let parsed: Result<_, AddressError> = self.controllers.iter().map(|text| text.parse()).collect();
        parsed.map_err(|error| ConfigError::Value { at: "controllers", message: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, overrides: Overrides) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().expect("dir");
        fs::write(dir.path().join(FILE_NAME), text).expect("write");
        Config::load(dir.path(), None, overrides)
    }

    #[test]
    fn flags_go_over_the_file_and_the_file_over_defaults() {
        let overrides = Overrides { engine_socket: Some("/b".into()), ..Overrides::default() };
        let text = "engine_socket = \"/a\"\nguard_socket = \"/g\"\n[limits]\nconnections = 5\n";
        let config = load(text, overrides).expect("valid");
        assert_eq!((config.engine_socket, config.guard_socket), ("/b".into(), "/g".into()));
        assert_eq!((config.limits.connections, config.limits.head_timeout_s), (5, 10));
        assert_eq!(Config::load(Path::new("/nonexistent"), None, Overrides::default()).expect("ok"), Config::default());
    }

    #[test]
    fn a_host_is_reached_by_what_it_is_told_or_by_address_and_name() {
        let names = |text: &str| load(text, Overrides::default()).expect("valid").names("web1");
        assert_eq!(names("guard_listen = \"0.0.0.0:2376\""), ["web1"]);
        assert_eq!(names("guard_listen = \"10.0.0.1:2376\""), ["10.0.0.1", "web1"]);
        assert_eq!(names("guard_listen = \"10.0.0.1:2376\"\nguard_names = [\"dock.example\"]"), ["dock.example"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("guard_sokcet = \"/a\"", "guard_sokcet"),
            ("[limits]\nconections = 5", "conections"),
            ("guard_socket_mode = \"888\"", "guard_socket_mode"),
            ("guard_socket = \"a\"", "guard_socket"),
            ("authz_socket = \"a\"", "authz_socket"),
            ("log_format = \"xml\"", "log_format"),
            ("controllers = [\"a:b\"]", "controllers"),
            ("[limits]\nconnections = 0", "limits.connections"),
            ("[limits]\nbuffered_bytes = 10", "limits.buffered_bytes:"),
            ("[limits]\nbuffered_bytes_per_user = 10", "limits.buffered_bytes_per_user"),
        ] {
            let error = load(text, Overrides::default()).expect_err(text).to_string();
            assert!(error.contains(named), "{error}");
        }
        assert!(matches!(
            Config::load(Path::new("/"), Some(Path::new("/nonexistent")), Overrides::default()),
            Err(ConfigError::Read { .. })
        ));
    }
}
