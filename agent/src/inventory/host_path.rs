use crate::limits::SYMLINKS_MAX;
use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Where a host path leads, all links followed, links in its last part and links to what does not exist too: the engine
/// may create what is missing. `None` when that cannot be said, e.g. because links go round.
pub fn resolve(path: &str) -> Option<String> {
    let mut todo = VecDeque::new();
    if !Path::new(path).is_absolute() {
        return None;
    }
    push_front(&mut todo, Path::new(path));
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        match fs::symlink_metadata(&next) {
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
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => done = next,
            Err(_) => return None,
        }
    }
    done.into_os_string().into_string().ok()
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
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_wherever_they_are() {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("real");
        fs::create_dir_all(root.join("real/sub")).expect("mkdir");
        symlink("real", root.join("link")).expect("link");
        symlink(root.join("link/sub"), root.join("deep")).expect("link");
        symlink("../nowhere/x", root.join("real/dangling")).expect("link");
        symlink("round", root.join("round")).expect("link");
        let at = |tail: &str| resolve(root.join(tail).to_str().expect("utf-8"));
        let is = |tail: &str| Some(root.join(tail).to_str().expect("utf-8").to_owned());
        assert_eq!(at("link/sub"), is("real/sub"));
        assert_eq!(at("deep/../missing/y"), is("real/missing/y"));
        assert_eq!(at("real/dangling/z"), is("nowhere/x/z"));
        assert_eq!(at("round/x"), None);
        assert_eq!(resolve("relative"), None);
        assert_eq!(resolve("/../.."), Some("/".into()));
    }
}
