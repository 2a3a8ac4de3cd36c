use crate::limits::SYMLINKS_MAX;
use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};
use wharden_docker::{Gate, HostPathView};

/// Where a host path leads, all links followed, links in its last part and links to what does not exist too: the engine
/// may create what is missing; whether it could lead elsewhere in the next moment; and who may go there. `None` when that
/// cannot be said, e.g. because links go round.
pub fn resolve(path: &str) -> Option<HostPathView> {
    let mut todo = VecDeque::new();
    if !Path::new(path).is_absolute() {
        return None;
    }
    push_front(&mut todo, Path::new(path));
    let mut done = PathBuf::from("/");
    let mut links = 0;
    let mut replaceable = false;
    let mut missing = false;
    let mut gates = Vec::new();
    while let Some(part) = todo.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        let found = fs::symlink_metadata(&next);
        if let Ok(folder) = fs::symlink_metadata(&done) {
            replaceable |= others_rename(&folder, found.as_ref().ok());
            gates.extend(gate(&folder));
        }
        match found {
            Ok(meta) if meta.is_symlink() => {
                links += 1;
                if links > SYMLINKS_MAX {
                    return None;
                }
                let target = fs::read_link(&next).ok()?;
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                push_front(&mut todo, &target);
            }
            Ok(_) => done = next,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                missing = true;
                done = next;
            }
            Err(_) => return None,
        }
    }
    Some(HostPathView { real: done.into_os_string().into_string().ok()?, replaceable, missing, gates })
}

/// Whether an account other than root may put something else in the place of what is in a folder. With access control
/// lists the mode's group bits are their mask, so that these count too.
fn others_rename(folder: &Metadata, entry: Option<&Metadata>) -> bool {
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    if folder.uid() != 0 {
        return true;
    }
    let mode = folder.mode();
    let writable = mode & OTHERS != 0 || (mode & GROUP != 0 && folder.gid() != 0);
    let held = mode & STICKY != 0 && entry.is_some_and(|entry| entry.uid() == 0);
    writable && !held
}

/// The folder, unless everybody may pass through it.
fn gate(folder: &Metadata) -> Option<Gate> {
    const ALL: u32 = 0o111;
    let gate = Gate { uid: folder.uid(), gid: folder.gid(), mode: folder.mode() & 0o7777 };
    (gate.mode & ALL != ALL).then_some(gate)
}

fn push_front(todo: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(part) => todo.push_front(part.to_owned()),
            Component::ParentDir => todo.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_are_followed_wherever_they_are() {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("real");
        fs::create_dir_all(root.join("real/sub")).expect("mkdir");
        symlink("real", root.join("link")).expect("link");
        symlink(root.join("link/sub"), root.join("deep")).expect("link");
        symlink("../nowhere/x", root.join("real/dangling")).expect("link");
        symlink("round", root.join("round")).expect("link");
        let at = |tail: &str| resolve(root.join(tail).to_str().expect("utf-8")).map(|found| found.real);
        let is = |tail: &str| Some(root.join(tail).to_str().expect("utf-8").to_owned());
        assert_eq!(at("link/sub"), is("real/sub"));
        assert_eq!(at("deep/../missing/y"), is("real/missing/y"));
        assert_eq!(at("real/dangling/z"), is("nowhere/x/z"));
        assert_eq!(at("round/x"), None);
        assert_eq!(resolve("relative"), None);
        assert_eq!(resolve("/../..").map(|found| found.real), Some("/".into()));
    }

    #[test]
    fn a_folder_on_the_way_that_others_may_write_to_makes_a_path_replaceable() {
        let replaceable = |path: &Path| resolve(path.to_str().expect("utf-8")).expect("resolved").replaceable;
        assert!(!replaceable(Path::new("/usr/bin")) && !replaceable(Path::new("/not-there")));
        let dir = tempfile::tempdir().expect("dir");
        let (open, inner) = (dir.path().join("open"), dir.path().join("open/inner"));
        fs::create_dir_all(&inner).expect("mkdir");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("mode");
        let before = replaceable(&inner);
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("mode");
        assert!(replaceable(&inner) && replaceable(&open.join("missing/below")));
        // The folder itself cannot be renamed, whoever may write to it.
        assert_eq!(replaceable(&open), before);
    }

    #[test]
    fn the_folders_that_not_everybody_may_pass_through_are_on_the_way() {
        let dir = tempfile::tempdir().expect("dir");
        let (closed, inner) = (dir.path().join("closed"), dir.path().join("closed/inner"));
        fs::create_dir_all(&inner).expect("mkdir");
        symlink(&inner, dir.path().join("link")).expect("link");
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
        set(dir.path(), 0o755);
        set(&inner, 0o755);
        let modes = |path: &Path| -> Vec<_> {
            let found = resolve(path.to_str().expect("utf-8")).expect("resolved");
            found.gates.iter().map(|gate| gate.mode & 0o777).collect()
        };
        set(&closed, 0o755);
        let before = modes(&inner);
        set(&closed, 0o710);
        let with = [before.as_slice(), &[0o710]].concat();
        // Wherever it is reached from; the folder at the end is not on the way.
        assert_eq!([modes(&inner), modes(&dir.path().join("link"))], [with.clone(), with]);
        assert_eq!(modes(&closed), before);
        let missing = |path: &Path| resolve(path.to_str().expect("utf-8")).expect("resolved").missing;
        assert!(missing(&inner.join("not/there")) && !missing(&inner) && !missing(&dir.path().join("link")));
    }
}
