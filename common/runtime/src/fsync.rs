//! Files that are still there after a power cut. All of these block: call them off the async threads.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Makes everything written so far on the file system that holds `dir` durable, also files whose names are unknown here.
///
/// # Errors
/// What the system says, with the folder's name.
pub fn sync_filesystem(dir: &Path) -> io::Result<()> {
    let file = File::open(dir).map_err(|error| named("open", dir, &error))?;
    sync_filesystem_of(&file).map_err(|error| named("sync the file system of", dir, &error))
}

/// [`sync_filesystem`] for a folder that is already open.
///
/// # Errors
/// What the system says. Since Linux 5.8 that includes write-back errors that happened since the folder was opened, so
/// keep it open.
pub fn sync_filesystem_of(dir: &File) -> io::Result<()> {
    rustix::fs::syncfs(dir).map_err(io::Error::from)
}

/// Makes names in a folder durable: what was created, renamed or removed.
///
/// # Errors
/// What the system says, with the folder's name.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|error| named("sync", dir, &error))
}

/// Writes a whole file so that after a crash it is either the old one or the new one: temporary file, fsync, rename, fsync
/// of the folder. One writer at a time for each path.
///
/// # Errors
/// What the system says, with the file's name. The old file is then unchanged, except that when the last fsync fails the
/// new one may already have taken its place.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (dir, temporary) = temporary_of(path)?;
    let written = write_new(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a temporary file that stays is overwritten by the next try.
        drop(fs::remove_file(&temporary));
        return Err(named("write", path, &error));
    }
    sync_dir(&dir)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn temporary_of(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = path.file_name().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} does not name a file", path.display()))
    })?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(".tmp");
    let temporary = dir.join(temporary);
    Ok((dir, temporary))
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("key");
        fs::write(dir.path().join(".key.tmp"), "left by a crash").expect("leftover");
        write_atomic(&path, b"one", 0o600).expect("written");
        write_atomic(&path, b"two", 0o600).expect("replaced");
        assert_eq!(fs::read(&path).expect("reads"), b"two");
        assert_eq!(fs::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_file_and_keeps_the_old_one() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("there");
        fs::create_dir(&path).expect("a folder is in the way");
        fs::write(path.join("x"), "x").expect("not empty");
        let error = write_atomic(&path, b"one", 0o600).expect_err("a folder is in the way");
        assert!(error.to_string().contains("there"), "{error}");
        assert!(path.join("x").exists());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
        assert!(write_atomic(&dir.path().join("no/file"), b"", 0o600).is_err());
        assert!(write_atomic(Path::new("/"), b"", 0o600).is_err());
    }

    #[test]
    fn folders_and_file_systems_sync() {
        let dir = tempfile::tempdir().expect("dir");
        sync_dir(dir.path()).expect("folder");
        sync_filesystem(dir.path()).expect("file system");
        assert!(sync_filesystem(&dir.path().join("none")).expect_err("missing").to_string().contains("none"));
    }
}
