//! The command line of `wharden-controller`.

use crate::{
    backup::{self, Moment},
    boot, cluster,
    config::Overrides,
    console, offline, rest,
};
use anyhow::Context;
use clap::{Parser, Subcommand};
use serde::Serialize;
use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use wharden_model::{UserName, api::Secret};
use wharden_store::Engine;

/// Time for blocking work to end after everything else has.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Controller of Wharden: holds users, policies and hosts, and gives every agent its bundle.
#[derive(Debug, Parser)]
#[command(
    name = "wharden-controller",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  wharden-controller init --data-dir /var/lib/wharden --advertise ctl.example.org
  wharden-controller run --data-dir /var/lib/wharden
  wharden-controller join --data-dir /var/lib/wharden --advertise ctl2.example.org --peer ctl.example.org:7442 --code wcj_...
  wharden-controller restore --data-dir /var/lib/wharden --identity wharden-backup.key BACKUP.wharden.age

Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new cluster of one controller in an empty data folder, and print its bootstrap token
    #[command(after_help = "\
Examples:
  wharden-controller init --data-dir /var/lib/wharden --advertise ctl.example.org
  wharden-controller init --data-dir DIR --rest-listen 127.0.0.1:7440")]
    Init {
        /// Folder of the controller's data; made if missing, must be empty
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// What keeps the log in this folder, for as long as it lives: journal (redb behind a journal), redb or sled [default: journal]
        #[arg(long, value_name = "STORE")]
        store: Option<Engine>,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Make the data folder of one more controller of a cluster, with a code from `wharden cluster add`
    #[command(after_help = "\
Examples:
  wharden-controller join --data-dir /var/lib/wharden --advertise ctl2.example.org \\
      --peer ctl.example.org:7442 --code wcj_...")]
    Join {
        /// Folder of the controller's data; made if missing, must be empty
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// The code, good once
        #[arg(long, env = "WHARDEN_JOIN_CODE", value_name = "CODE", hide_env_values = true)]
        code: String,
        /// Any controller of the cluster
        #[arg(long, value_name = "HOST:PORT")]
        peer: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Run the controller until SIGTERM or SIGINT
    #[command(after_help = "\
Examples:
  wharden-controller run --data-dir /var/lib/wharden
  wharden-controller run --data-dir /var/lib/wharden --advertise ctl-new.example.org,10.0.0.4")]
    Run {
        /// Folder of the controller's data, made by `init` or `join`
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// Configuration file [default: controller.toml in the data folder]
        #[arg(long, env = "WHARDEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Make the data folder of a new first controller out of a backup
    #[command(after_help = "\
Examples:
  wharden-controller restore --data-dir /var/lib/wharden --advertise ctl.example.org \\
      --identity wharden-backup.key BACKUP.wharden.age
  wharden-controller restore --data-dir NEW --log OLD --until 2026-11-24T08:00:00Z \\
      --identity wharden-backup.key BACKUP.wharden.age
  wharden-controller restore --data-dir NEW --from-data OLD")]
    Restore {
        /// Folder of the controller's data; made if missing, must be empty
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// File with the secret half of a key that the backup was encrypted to
        #[arg(long, value_name = "FILE", required_unless_present = "from_data", requires = "backup")]
        identity: Option<PathBuf>,
        /// Follow the log after the backup, or of the folder, up to this entry (a number) or time (2026-11-24T08:00:00Z)
        /// [default: its end]
        #[arg(long, value_name = "MOMENT")]
        until: Option<Moment>,
        /// Data folder of a stopped controller, or its copy, whose log goes on from the backup
        #[arg(long, value_name = "DIR", requires = "backup")]
        log: Option<PathBuf>,
        /// Without a backup: data folder of a stopped controller, or its copy, with the cluster's key
        #[arg(long, value_name = "DIR", conflicts_with_all = ["log", "backup", "identity"])]
        from_data: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        overrides: Overrides,
        /// The backup
        #[arg(required_unless_present = "from_data", requires = "identity")]
        backup: Option<PathBuf>,
    },
    /// Keys of backups, and checks of backups without a cluster
    #[command(subcommand)]
    Backup(Backup),
    /// Let somebody in anew who lost both factors, when nobody is left to ask: on the console of a running controller
    #[command(after_help = "\
Examples:
  wharden-controller recover --data-dir /var/lib/wharden --user alice")]
    Recover {
        /// Folder of the running controller's data
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// Who
        #[arg(long, value_name = "USER")]
        user: UserName,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at a data folder, whether or not its controller runs: configuration, keys, certificates, disk
    #[command(after_help = "\
Examples:
  wharden-controller doctor --data-dir /var/lib/wharden
  wharden-controller doctor --data-dir /var/lib/wharden --json")]
    Doctor {
        /// Folder of the controller's data
        #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the OpenAPI document of the REST API
    Openapi,
}

/// Commands of `backup`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  wharden-controller backup keygen --out wharden-backup.key
  wharden-controller backup verify --identity wharden-backup.key BACKUP.wharden.age")]
enum Backup {
    /// Make a key: the secret half goes into a new file, the public half is printed for backup_recipients
    Keygen {
        /// File for the secret half; must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Read a backup whole and check that it can be restored
    Verify {
        /// File with the secret half of a key that it was encrypted to
        #[arg(long, value_name = "FILE")]
        identity: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// The backup
        backup: PathBuf,
    },
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell that it cannot be told.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init { data_dir, json, store, overrides } => {
            let made = block_on(boot::init(&data_dir, store.unwrap_or_default(), overrides))?;
            show(&made, json)
        }
        Command::Join { data_dir, code, peer, json, overrides } => {
            let code = Secret::new(code);
            let joined = block_on(cluster::join(&data_dir, &code, &peer, overrides))?;
            show(&joined, json)
        }
        Command::Run { data_dir, config, overrides } => block_on(boot::run(&data_dir, config.as_deref(), overrides)),
        Command::Restore { data_dir, identity, until, log, from_data, json, overrides, backup } => {
            let source = backup::Source { backup: backup.zip(identity), data: log.or(from_data), until };
            let restored = backup::restore(&data_dir, &source, overrides)?;
            show(&restored, json)
        }
        Command::Backup(Backup::Keygen { out }) => {
            let public = backup::keygen_to(&out)?;
            say(&public)
        }
        Command::Backup(Backup::Verify { identity, json, backup }) => {
            let summary = backup::verify(&backup, &identity)?;
            show(&summary, json)
        }
        Command::Recover { data_dir, user, json } => {
            let invite = block_on(console::recover(&data_dir, user.clone()))?;
            say(&if json { serde_json::to_string(&invite)? } else { console::told(&user, &invite) })
        }
        Command::Doctor { data_dir, json } => {
            let findings = offline::look(&data_dir);
            say(&if json { serde_json::to_string(&findings.told())? } else { findings.to_string() })?;
            anyhow::ensure!(findings.wrong() == 0, "the data folder is not as it should be");
            Ok(())
        }
        Command::Openapi => say(&serde_json::to_string_pretty(&rest::openapi())?),
    }
}

/// As JSON, or in words.
fn show<T: Serialize + Display>(made: &T, json: bool) -> anyhow::Result<()> {
    say(&if json { serde_json::to_string(made)? } else { made.to_string() })
}

/// Prints a line. Who does not read to its end, as `head` does, has not made the work undone.
fn say(line: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A disk that hangs must not keep a process that has nothing more to do.
    runtime.shutdown_timeout(STOP_TIMEOUT);
    done
}
