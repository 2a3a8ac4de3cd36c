//! Where the programs under test are.

use std::{env, path::PathBuf};

/// The path of a program of this workspace: in the folder `WHARDEN_BIN`, else beside the running test.
///
/// # Panics
/// When it is not there.
pub fn path(name: &str) -> PathBuf {
    let folder = env::var_os("WHARDEN_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let test = env::current_exe().expect("path of the running test");
        // target/debug/deps/e2e-… → target/debug
        test.ancestors().nth(2).expect("a test lies in target/*/deps").to_owned()
    });
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not there: run `cargo build --workspace --bins` first, or set WHARDEN_BIN",
        path.display()
    );
    path
}
