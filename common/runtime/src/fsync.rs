//! Files that are still there after a power cut. All of these block: call them off the async threads.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Makes names in a folder durable: what was created, renamed or removed.
///
/// # Errors
/// What the system says, with the folder's name.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|error| named("sync", dir, &error))
}

/// Makes a folder, and the missing ones above it, so that their names are durable too: what is synced inside a folder is
/// lost with the folder's name. Says nothing when it is there.
///
/// # Errors
/// What the system says, with the folder's name.
pub fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        // The root is always there.
        None => return Ok(()),
    };
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => sync_dir(parent),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_dir(parent, mode)?;
            DirBuilder::new().mode(mode).create(path).map_err(|error| named("make", path, &error))?;
            sync_dir(parent)
        }
        // Whoever made it may have been killed before the sync; unless that was someone whose folder we may not even read.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => match sync_dir(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        },
        Err(error) => Err(named("make", path, &error)),
    }
}

/// Makes a file's content durable, and makes the next reader see what the disk holds of it. After a write-back error the
/// kernel goes on showing what it could not write, as if it had been.
///
/// # Errors
/// What the system says, with the file's name.
pub fn sync_and_reread(path: &Path) -> io::Result<()> {
    let file = File::open(path).map_err(|error| named("open", path, &error))?;
    file.sync_all().map_err(|error| named("sync", path, &error))?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)
        .map_err(|error| named("reread", path, &error.into()))
}

/// Writes a whole file so that after a crash it is either the old one or the new one: temporary file, fsync, rename, fsync
/// of the folder. One writer at a time for each path.
///
/// # Errors
/// What the system says, with the file's name. The old file is then unchanged, except that when the last fsync fails the
/// new one may already have taken its place.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_with(path, mode, |file| file.write_all(bytes))
}

/// [`write_atomic`] for content that is made while it is written.
///
/// # Errors
/// As [`write_atomic`], and whatever `write` says.
pub fn replace_with(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let (dir, temporary) = temporary_of(path)?;
    let written = write_new(&temporary, mode, write).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a temporary file that stays is overwritten by the next try.
        drop(fs::remove_file(&temporary));
        return Err(named("write", path, &error));
    }
    sync_dir(&dir)
}

fn write_new(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    write(&mut file)?;
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
    fn folders_are_made_with_those_above_and_only_where_nothing_is_in_the_way() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a/b/c");
        for _ in 0..2 {
            make_dir(&path, 0o700).expect("made");
            assert_eq!(fs::metadata(dir.path().join("a")).expect("there").permissions().mode() & 0o777, 0o700);
        }
        fs::write(path.join("file"), "x").expect("file");
        assert!(make_dir(&path.join("file"), 0o700).expect_err("a file").to_string().contains("c/file"));
        assert!(make_dir(&path.join("file/d"), 0o700).is_err());
        make_dir(Path::new("/"), 0o700).expect("is there");
        sync_and_reread(&path.join("file")).expect("synced");
        assert_eq!(fs::read(path.join("file")).expect("reads"), b"x");
        assert!(sync_and_reread(&path.join("none")).expect_err("missing").to_string().contains("none"));
    }

    #[test]
    fn folders_sync() {
        let dir = tempfile::tempdir().expect("dir");
        sync_dir(dir.path()).expect("folder");
        assert!(sync_dir(&dir.path().join("none")).expect_err("missing").to_string().contains("none"));
    }
}
