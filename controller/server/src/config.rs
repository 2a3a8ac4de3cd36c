//! Configuration: defaults, then the TOML file, then the environment, then flags. A key that is not known is an
//! error that names it.

use crate::alerts::AlertsConfig;
use crate::audit_export::AuditExport;
use crate::backup::{KeyError, Recipients};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use wharden_runtime::telemetry::Format;
use wharden_state::Seat;
use wharden_store::Engine;

/// Name of the file in the data folder that is read when no other is given.
pub const FILE_NAME: &str = "controller.toml";

/// openraft says each attempt to reach one that is away several times; `raft` says it once.
const LOG_FILTER: &str = "info,openraft=error,openraft::core=off,openraft::replication=off,sled=warn";
/// What `init` wrote before.
const FORMER_LOG_FILTER: &str = "info,openraft=warn,sled=warn";

/// The file, and the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Number of this controller in its cluster.
    pub node_id: u64,
    /// Names and addresses that clients and agents reach this controller by; they go into its certificate.
    pub advertise: Vec<String>,
    /// REST and console.
    pub rest_listen: SocketAddr,
    /// Agents.
    pub agent_listen: SocketAddr,
    /// Other controllers.
    pub peer_listen: SocketAddr,
    /// `human` or `json`.
    pub log_format: String,
    /// In the form of `RUST_LOG`, e.g. `info,wharden_controller=debug`.
    pub log_filter: String,
    /// What keeps the log of a new data folder: `redb` or `sled`. One that is there keeps what it was made with.
    pub store: Engine,
    /// Decision events kept on disk, in bytes; the oldest go first.
    pub events_max_bytes: u64,
    /// Days that decision events are kept.
    pub events_max_days: u64,
    /// Controllers that hold an event before its agent may forget it, 1 or 2. With 1 the loss of a disk loses events.
    pub events_copies: usize,
    /// Public keys of age that backups are encrypted to; without one there are no backups.
    pub backup_recipients: Vec<String>,
    /// Folder that scheduled backups go to; without it none are scheduled.
    pub backup_dir: Option<PathBuf>,
    /// Hours between two scheduled backups.
    pub backup_every_hours: u64,
    /// Scheduled backups that stay in the folder.
    pub backup_keep: usize,
    /// Where the audit is sent as it grows.
    #[serde(skip_serializing_if = "AuditExport::is_empty")]
    pub audit_export: AuditExport,
    /// When something is wrong.
    #[serde(skip_serializing_if = "AlertsConfig::is_default")]
    pub alerts: AlertsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node_id: 1,
            advertise: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            rest_listen: SocketAddr::from(([0, 0, 0, 0], 7440)),
            agent_listen: SocketAddr::from(([0, 0, 0, 0], 7441)),
            peer_listen: SocketAddr::from(([0, 0, 0, 0], 7442)),
            log_format: "human".to_owned(),
            log_filter: LOG_FILTER.to_owned(),
            store: Engine::default(),
            events_max_bytes: 10 * 1024 * 1024 * 1024,
            events_max_days: 90,
            events_copies: 2,
            backup_recipients: Vec::new(),
            backup_dir: None,
            backup_every_hours: 24,
            backup_keep: 14,
            audit_export: AuditExport::default(),
            alerts: AlertsConfig::default(),
        }
    }
}

/// The same as flags and environment.
#[derive(Clone, Debug, Default, Args)]
pub struct Overrides {
    /// Names and addresses that this controller is reached by, comma-separated [default: localhost,127.0.0.1]
    #[arg(long, env = "WHARDEN_ADVERTISE", value_delimiter = ',', value_name = "HOST")]
    pub advertise: Option<Vec<String>>,
    /// Address of the REST API and the console [default: 0.0.0.0:7440]
    #[arg(long, env = "WHARDEN_REST_LISTEN", value_name = "ADDR:PORT")]
    pub rest_listen: Option<SocketAddr>,
    /// Address for agents [default: 0.0.0.0:7441]
    #[arg(long, env = "WHARDEN_AGENT_LISTEN", value_name = "ADDR:PORT")]
    pub agent_listen: Option<SocketAddr>,
    /// Address for other controllers [default: 0.0.0.0:7442]
    #[arg(long, env = "WHARDEN_PEER_LISTEN", value_name = "ADDR:PORT")]
    pub peer_listen: Option<SocketAddr>,
    /// human or json [default: human]
    #[arg(long, env = "WHARDEN_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<Format>,
    /// Log filter, e.g. info,wharden_controller=debug [default: info without what libraries say]
    #[arg(long, env = "WHARDEN_LOG", value_name = "FILTER")]
    pub log_filter: Option<String>,
    /// Bytes of decision events kept on disk [default: 10 GiB]
    #[arg(long, env = "WHARDEN_EVENTS_MAX_BYTES", value_name = "BYTES")]
    pub events_max_bytes: Option<u64>,
    /// Days that decision events are kept [default: 90]
    #[arg(long, env = "WHARDEN_EVENTS_MAX_DAYS", value_name = "DAYS")]
    pub events_max_days: Option<u64>,
    /// Public keys of age that backups are encrypted to, comma-separated
    #[arg(long, env = "WHARDEN_BACKUP_RECIPIENTS", value_delimiter = ',', value_name = "KEY")]
    pub backup_recipients: Option<Vec<String>>,
    /// Folder that scheduled backups go to
    #[arg(long, env = "WHARDEN_BACKUP_DIR", value_name = "DIR")]
    pub backup_dir: Option<PathBuf>,
    /// Hours between two scheduled backups [default: 24]
    #[arg(long, env = "WHARDEN_BACKUP_EVERY_HOURS", value_name = "N")]
    pub backup_every_hours: Option<u64>,
    /// Scheduled backups that stay in the folder [default: 14]
    #[arg(long, env = "WHARDEN_BACKUP_KEEP", value_name = "N")]
    pub backup_keep: Option<usize>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{path}: {error}")]
    Parse { path: PathBuf, error: Box<toml::de::Error> },
    #[error("{at}: {message}")]
    Value { at: &'static str, message: String },
}

impl Config {
    /// Reads the file (the one in the data folder when none is given, if it is there) and lays the rest over it.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, line and key.
    pub fn load(data_dir: &Path, file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| data_dir.join(FILE_NAME), Path::to_owned);
        let mut config: Self = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| ConfigError::Parse { path, error: Box::new(error) })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => Self::default(),
            Err(error) => return Err(ConfigError::Read { path, error }),
        };
        if config.log_filter == FORMER_LOG_FILTER {
            LOG_FILTER.clone_into(&mut config.log_filter);
        }
        config.with(overrides).checked()
    }

    /// These settings, where the overrides do not say otherwise.
    #[must_use]
    pub fn with(self, overrides: Overrides) -> Self {
        Self {
            node_id: self.node_id,
            advertise: overrides.advertise.unwrap_or(self.advertise),
            rest_listen: overrides.rest_listen.unwrap_or(self.rest_listen),
            agent_listen: overrides.agent_listen.unwrap_or(self.agent_listen),
            peer_listen: overrides.peer_listen.unwrap_or(self.peer_listen),
            log_format: overrides.log_format.map_or(self.log_format, |format| format.to_string()),
            log_filter: overrides.log_filter.unwrap_or(self.log_filter),
            store: self.store,
            events_max_bytes: overrides.events_max_bytes.unwrap_or(self.events_max_bytes),
            events_max_days: overrides.events_max_days.unwrap_or(self.events_max_days),
            events_copies: self.events_copies,
            backup_recipients: overrides.backup_recipients.unwrap_or(self.backup_recipients),
            backup_dir: overrides.backup_dir.or(self.backup_dir),
            backup_every_hours: overrides.backup_every_hours.unwrap_or(self.backup_every_hours),
            backup_keep: overrides.backup_keep.unwrap_or(self.backup_keep),
            audit_export: self.audit_export,
            alerts: self.alerts,
        }
    }

    /// Where this controller is reached: by its first name, at the ports that it listens on.
    #[must_use]
    pub fn seat(&self) -> Seat {
        let name = self.advertise.first().cloned().unwrap_or_default();
        let host = if name.contains(':') { format!("[{name}]") } else { name.clone() };
        Seat {
            peer: format!("{host}:{}", self.peer_listen.port()),
            rest: format!("https://{host}:{}", self.rest_listen.port()),
            agent: format!("{host}:{}", self.agent_listen.port()),
            name,
        }
    }

    /// The log format.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn format(&self) -> Result<Format, ConfigError> {
        self.log_format.parse().map_err(|message| ConfigError::Value { at: "log_format", message })
    }

    /// The same, when it can be used.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn checked(self) -> Result<Self, ConfigError> {
        let wrong = |at, message: &str| Err(ConfigError::Value { at, message: message.to_owned() });
        if self.node_id == 0 {
            return wrong("node_id", "0 is not a node id: count from 1");
        }
        if self.advertise.is_empty() {
            return wrong(
                "advertise",
                "there must be at least one name or address that agents reach this controller by",
            );
        }
        let ports =
            [("rest_listen", self.rest_listen), ("agent_listen", self.agent_listen), ("peer_listen", self.peer_listen)];
        for (n, (at, listen)) in ports.iter().enumerate() {
            if listen.port() != 0 && ports.iter().take(n).any(|(_, other)| other == listen) {
                return wrong(
                    at,
                    &format!("{listen} is another port's address already: each of the three has its own"),
                );
            }
        }
        wharden_pki::check_server_names(&self.advertise)
            .map_err(|error| ConfigError::Value { at: "advertise", message: error.to_string() })?;
        if !(1..=2).contains(&self.events_copies) {
            return wrong("events_copies", "an event is held by 1 or 2 controllers");
        }
        if self.events_max_days == 0 {
            return wrong("events_max_days", "0 days would keep nothing");
        }
        self.format()?;
        let recipients = Recipients::parse(&self.backup_recipients)
            .map_err(|error| ConfigError::Value { at: "backup_recipients", message: error.to_string() })?;
        if self.backup_dir.is_some() && recipients.is_empty() {
            return wrong("backup_dir", &KeyError::NoRecipient.to_string());
        }
        if self.backup_every_hours == 0 || self.backup_keep == 0 {
            return wrong(
                "backup_every_hours, backup_keep",
                "0 is not possible: leave backup_dir out to have no schedule",
            );
        }
        if self.alerts.lost_s == 0 {
            return wrong("alerts.lost_s", "after 0 seconds everything is lost: 1 is the least");
        }
        if self.alerts.disk_free_percent > 100 {
            return wrong("alerts.disk_free_percent", "no disk has more than 100 % free");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, overrides: Overrides) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join(FILE_NAME), text).expect("written");
        Config::load(dir.path(), None, overrides)
    }

    #[test]
    fn the_store_is_one_that_there_is() {
        assert_eq!(load("store = \"sled\"\n", Overrides::default()).expect("valid").store, Engine::Sled);
        assert_eq!(load("", Overrides::default()).expect("valid").store, Engine::Journal);
        let error = load("store = \"etcd\"\n", Overrides::default()).expect_err("unknown").to_string();
        assert!(error.contains("etcd") && error.contains("redb") && error.contains("sled"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let flag = Overrides { log_filter: Some("debug".to_owned()), ..Overrides::default() };
        let config = load("node_id = 3\nlog_filter = \"warn\"\n", flag).expect("valid");
        assert_eq!((config.node_id, config.log_filter.as_str()), (3, "debug"));
        assert_eq!(config.rest_listen.port(), 7440);
    }

    #[test]
    fn the_log_filter_that_was_written_before_counts_as_none() {
        let former = format!("log_filter = \"{FORMER_LOG_FILTER}\"\n");
        assert_eq!(load(&former, Overrides::default()).expect("valid").log_filter, LOG_FILTER);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let error = load("node_id = 1\nrest_lisen = \"x\"\n", Overrides::default()).expect_err("unknown").to_string();
        assert!(error.contains("line 2") && error.contains("rest_lisen") && error.contains("rest_listen"), "{error}");
        let error = load("log_format = \"xml\"\n", Overrides::default()).expect_err("format").to_string();
        assert_eq!(error, "log_format: \"xml\" is not a log format: use human or json");
        assert!(load("advertise = []\n", Overrides::default()).is_err());
        let twice = load("rest_listen = \"127.0.0.1:1\"\npeer_listen = \"127.0.0.1:1\"\n", Overrides::default());
        let error = twice.expect_err("one address for two ports").to_string();
        assert!(error.contains("peer_listen") && error.contains("127.0.0.1:1"), "{error}");
        for alerts in ["lost_s = 0", "disk_free_percent = 150"] {
            let error =
                load(&format!("[alerts]\n{alerts}\n"), Overrides::default()).expect_err("of no use").to_string();
            assert!(error.starts_with(&format!("alerts.{}", &alerts[..6])), "{error}");
        }
        let missing = Config::load(Path::new("/nonexistent"), Some(Path::new("/nonexistent/x")), Overrides::default());
        assert!(missing.expect_err("missing").to_string().starts_with("/nonexistent/x: "));
    }
}
