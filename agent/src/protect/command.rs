//! The commands. They write down what is wanted, and wait for the agent where one runs.

use super::{PlaceError, Record, Stage, place, systemd};
use crate::{
    cli::{Protect, Unprotect},
    config::{Config, ConfigError, Overrides},
    enrolment::{DataDir, DataDirError},
    inventory::resolve_host_path,
    limits::PROTECT_WAIT,
};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Pause between two looks at what the agent has done.
const LOOK: Duration = Duration::from_millis(50);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    #[error("only root can do this: run it with sudo")]
    NotRoot,
    #[error("{0} is protected already: see wharden-agent status, or undo it with wharden-agent unprotect")]
    Already(PathBuf),
    #[error("nothing is protected here")]
    NotProtected,
    #[error("{0} is not a socket: start the engine first, or name its socket with --socket")]
    NoEngine(PathBuf),
    #[error(
        "{0}: an account other than root may put something else there, as a folder on the way is its own or can be written by \
         others: name a place that is root's alone"
    )]
    Others(PathBuf),
    #[error("{public} and {folder} are on different file systems: choose another --folder")]
    FileSystems { public: PathBuf, folder: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("systemctl {0} failed: run it by hand and see why")]
    Systemctl(String),
    #[error("the running agent did not do it within {} s: see its log", PROTECT_WAIT.as_secs())]
    Agent,
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("the system refuses: {0}")]
    Out(#[from] io::Error),
}

/// `protect`.
///
/// # Errors
/// [`ProtectError`].
pub fn protect(args: &Protect, out: &mut impl Write) -> Result<(), ProtectError> {
    let dir = root_only(&args.data.data_dir)?;
    if let Some(record) = Record::load(&dir)? {
        return Err(ProtectError::Already(record.public));
    }
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => Config::load(dir.path(), None, Overrides::default())?.engine_socket,
    };
    let public = roots_alone(&socket)?;
    let meta = fs::symlink_metadata(&public).map_err(|_| ProtectError::NoEngine(public.clone()))?;
    if !meta.file_type().is_socket() || !place::answers(&public) {
        return Err(ProtectError::NoEngine(public));
    }
    let folder = roots_alone(&args.folder)?;
    let private = folder.join(public.file_name().unwrap_or_default());
    // Nearest to the folder that is there.
    let device = folder.ancestors().find_map(|folder| fs::metadata(folder).ok()).map(|meta| meta.dev());
    if device != Some(meta.dev()) {
        return Err(ProtectError::FileSystems { public, folder });
    }
    let units = systemd::look(Path::new("/"), &public, &private);
    writeln!(out, "The engine's socket: {} (mode {:o})", public.display(), meta.permissions().mode() & 0o777)?;
    writeln!(out, "  goes to           {} (folder of mode 700, root only)", private.display())?;
    writeln!(out, "  and the guard to  {}", public.display())?;
    if let systemd::Units::Socket(drop_in) = &units {
        writeln!(out, "systemd makes it:    {} makes it there from the start", drop_in.path.display())?;
    }
    if args.dry_run {
        writeln!(out, "Nothing was done (--dry-run).")?;
        return Ok(());
    }
    place::folder(&private)?;
    let mut record = Record {
        stage: Stage::Wanted,
        public,
        private,
        mode: meta.permissions().mode() & 0o777,
        uid: meta.uid(),
        gid: meta.gid(),
        drop_ins: Vec::new(),
    };
    if let systemd::Units::Socket(drop_in) = &units {
        record.drop_ins.push(drop_in.path.clone());
    }
    // First what undoes it, then what it undoes.
    record.store(&dir)?;
    if let systemd::Units::Socket(drop_in) = &units {
        drop_in.write().map_err(|source| ProtectError::Io { path: drop_in.path.clone(), source })?;
    }
    if runs(&dir)? {
        wait(|| Ok(Record::load(&dir)?.is_some_and(|record| record.stage == Stage::Held)))?;
        writeln!(out, "Done: the guard answers at {}.", record.public.display())?;
    } else {
        writeln!(out, "The agent does not run. It takes the place as soon as it does: wharden-agent run")?;
    }
    writeln!(out, "Containers that have the engine's socket mounted keep it: make them anew.")?;
    match units {
        systemd::Units::Socket(_) => restart(args.now, out),
        systemd::Units::Service => {
            writeln!(
                out,
                "The engine makes its socket itself at each start; the agent moves it within moments, and as soon as it runs. \
                 To leave no moment, start the engine with -H unix://{}, or with --group root",
                record.private.display()
            )?;
            Ok(())
        }
        systemd::Units::None => Ok(()),
    }
}

/// Where a path leads, if nobody but root can make it lead elsewhere.
fn roots_alone(path: &Path) -> Result<PathBuf, ProtectError> {
    let whole = std::path::absolute(path).map_err(|source| ProtectError::Io { path: path.to_owned(), source })?;
    match resolve_host_path(&whole.to_string_lossy()) {
        Some(found) if !found.replaceable => Ok(found.real.into()),
        _ => Err(ProtectError::Others(whole)),
    }
}

/// `unprotect`.
///
/// # Errors
/// [`ProtectError`].
pub fn unprotect(args: &Unprotect, out: &mut impl Write) -> Result<(), ProtectError> {
    let dir = root_only(&args.data.data_dir)?;
    let mut record = Record::load(&dir)?.ok_or(ProtectError::NotProtected)?;
    writeln!(out, "The engine's socket: {}", record.private.display())?;
    writeln!(out, "  goes back to      {} (mode {:o})", record.public.display(), record.mode)?;
    for path in &record.drop_ins {
        writeln!(out, "Removed:             {}", path.display())?;
    }
    if args.dry_run {
        writeln!(out, "Nothing was done (--dry-run).")?;
        return Ok(());
    }
    for path in &record.drop_ins {
        match fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ProtectError::Io { path: path.clone(), source });
            }
            _ => {}
        }
    }
    record.stage = Stage::Restoring;
    record.store(&dir)?;
    match dir.lock() {
        Ok(_lock) => {
            place::give_back(&record)?;
            Record::remove(&dir)?;
        }
        Err(DataDirError::Locked(_)) => wait(|| Ok(Record::load(&dir)?.is_none()))?,
        Err(error) => return Err(error.into()),
    }
    writeln!(out, "Done: whoever may use {} is not guarded.", record.public.display())?;
    if record.drop_ins.is_empty() { Ok(()) } else { restart(args.now, out) }
}

fn root_only(data_dir: &Path) -> Result<DataDir, ProtectError> {
    if !rustix::process::geteuid().is_root() {
        return Err(ProtectError::NotRoot);
    }
    Ok(DataDir::open(data_dir)?)
}

fn runs(dir: &DataDir) -> Result<bool, DataDirError> {
    match dir.lock() {
        Ok(_) => Ok(false),
        Err(DataDirError::Locked(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

fn wait(mut done: impl FnMut() -> Result<bool, DataDirError>) -> Result<(), ProtectError> {
    let started = Instant::now();
    while !done()? {
        if started.elapsed() > PROTECT_WAIT {
            return Err(ProtectError::Agent);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn restart(now: bool, out: &mut impl Write) -> Result<(), ProtectError> {
    let steps: [&[&str]; 2] = [&["daemon-reload"], &["restart", "docker.socket", "docker.service"]];
    if !now {
        writeln!(out, "For the next start of the engine, run (the second may stop containers):")?;
    }
    for step in steps {
        let line = step.join(" ");
        writeln!(out, "  systemctl {line}")?;
        if now && !Command::new("systemctl").args(step).status()?.success() {
            return Err(ProtectError::Systemctl(line));
        }
    }
    Ok(())
}
