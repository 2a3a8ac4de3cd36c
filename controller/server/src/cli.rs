//! The command line of `wharden-controller`.

use crate::{
    backup::{self, Moment},
    boot, cluster,
    config::Overrides,
    console, offline, rest,
};
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode, time::Duration};
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
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init { data_dir, json, store, overrides } => {
            let made = block_on(boot::init(&data_dir, store.unwrap_or_default(), overrides))?;
            if json {
                println!("{}", serde_json::to_string(&made)?);
            } else {
                println!("{made}");
            }
            Ok(())
        }
        Command::Join { data_dir, code, peer, json, overrides } => {
            let code = Secret::new(code);
            let joined = block_on(cluster::join(&data_dir, &code, &peer, overrides))?;
            if json {
                println!("{}", serde_json::to_string(&joined)?);
            } else {
                println!("{joined}");
            }
            Ok(())
        }
        Command::Run { data_dir, config, overrides } => block_on(boot::run(&data_dir, config.as_deref(), overrides)),
        Command::Restore { data_dir, identity, until, log, from_data, json, overrides, backup } => {
            let source = backup::Source { backup: backup.zip(identity), data: log.or(from_data), until };
            let restored = backup::restore(&data_dir, &source, overrides)?;
            if json {
                println!("{}", serde_json::to_string(&restored)?);
            } else {
                println!("{restored}");
            }
            Ok(())
        }
        Command::Backup(Backup::Keygen { out }) => {
            let public = backup::keygen_to(&out)?;
            println!("{public}");
            Ok(())
        }
        Command::Backup(Backup::Verify { identity, json, backup }) => {
            let summary = backup::verify(&backup, &identity)?;
            if json {
                println!("{}", serde_json::to_string(&summary)?);
            } else {
                println!("{summary}");
            }
            Ok(())
        }
        Command::Recover { data_dir, user, json } => {
            let invite = block_on(console::recover(&data_dir, user.clone()))?;
            if json {
                println!("{}", serde_json::to_string(&invite)?);
            } else {
                println!("{}", console::told(&user, &invite));
            }
            Ok(())
        }
        Command::Doctor { data_dir, json } => {
            let findings = offline::look(&data_dir);
            if json {
                println!("{}", serde_json::to_string(&findings.told())?);
            } else {
                println!("{findings}");
            }
            anyhow::ensure!(findings.wrong() == 0, "the data folder is not as it should be");
            Ok(())
        }
        Command::Openapi => {
            println!("{}", serde_json::to_string_pretty(&rest::openapi())?);
            Ok(())
        }
    }
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A disk that hangs must not keep a process that has nothing more to do.
    runtime.shutdown_timeout(STOP_TIMEOUT);
    done
}
