//! Builds the library that a simulation is started with; see `src/sim/system.c`.

use std::{env, error::Error, path::Path, process::Command};

const SOURCE: &str = "src/sim/system.c";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=CC");
    let out = env::var("OUT_DIR")?;
    let library = Path::new(&out).join("libsystem.so");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(SOURCE)
        .status()
        .map_err(|error| format!("{compiler}: {error}"))?;
    if !status.success() {
        return Err(format!("{compiler} ended with {status}").into());
    }
    println!("cargo::rustc-env=WHARDEN_CHAOS_SYSTEM={}", library.display());
    Ok(())
}
