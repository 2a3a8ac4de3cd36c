//! `backup`: everything that the cluster must not lose, in one encrypted file.

use crate::{client::Call, context::Context, error::CliError, limits::BACKUP_TIMEOUT};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use wharden_model::AdminAction;

const HELP: &str = "\
A backup holds users, policies, hosts, sessions, the audit and the cluster key; decision events are not
in it. It is encrypted to the keys in backup_recipients of the controller's configuration, and nobody
else can read it.

Examples:
  wharden backup create
  wharden backup create --file /backups/wharden.age
  wharden-controller backup verify --identity wharden-backup.key /backups/wharden.age";

/// Commands of `backup`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Backup {
    /// Make a backup and keep it in a file here
    Create(Create),
}

/// Flags of `backup create`.
#[derive(Debug, Args)]
pub struct Create {
    /// File to write; must not exist [default: wharden-TIME.wharden.age in this folder]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Made {
    file: String,
    bytes: u64,
}

/// `wharden backup …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(Backup::Create(args): Backup, context: &mut Context<'_>) -> Result<(), CliError> {
    let path = args.file.unwrap_or_else(|| {
        let time: String = context.console.now().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        PathBuf::from(format!("wharden-{time}.wharden.age"))
    });
    let what = path.display().to_string();
    if path.exists() {
        return Err(CliError::usage(format!("{what} exists"), "give another name with --file"));
    }
    let mut api = context.api()?;
    context.note("making the backup");
    let draft = draft_of(&path);
    let write = |source| CliError::Write { what: what.clone(), source };
    // Never one that is there already: whoever made it could change the backup later.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(write)?;
    let call = Call::post(&["backups"]).of(AdminAction::BackupCreate).timeout(BACKUP_TIMEOUT);
    if let Err(error) = api.download(call, &mut file).await {
        // Half a backup is none.
        let _ = fs::remove_file(&draft);
        return Err(match error {
            CliError::Output(source) => write(source),
            other => other,
        });
    }
    if let Err(error) = keep(&file, &draft, &path) {
        let _ = fs::remove_file(&draft);
        return Err(write(error));
    }
    let bytes = file.metadata().map_err(write)?.len();
    let made = Made { file: what, bytes };
    context.made(&made, &format!("{} has the backup, {bytes} bytes", made.file))
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:032x}.part", rand::random::<u128>()));
    PathBuf::from(name)
}

fn keep(file: &File, draft: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    // Unlike a rename, this does not replace a file that came into being meanwhile.
    fs::hard_link(draft, path)?;
    fs::remove_file(draft)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
