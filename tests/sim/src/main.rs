//! `wharden-sim`: scenarios on simulated fleets.

use clap::{Parser, Subcommand};
use std::{fs, path::PathBuf, process::ExitCode};
use wharden_sim::{
    chart,
    run::{Options, run},
    scenario,
    worker::{self, Setup},
};

/// Simulates thousands of hosts on real controllers and measures what they cost.
///
/// Starts the controllers itself, from the folder that this program lies in, or from WHARDEN_BIN.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario and prints what it measured as JSON
    Run {
        /// One of `wharden-sim list`, or a TOML file
        scenario: String,
        /// Hosts of the fleet [default: as the scenario says]
        #[arg(long, value_name = "N")]
        hosts: Option<usize>,
        /// Controllers, 1 to 7 [default: as the scenario says]
        #[arg(long, value_name = "N")]
        controllers: Option<usize>,
        /// Processes that the hosts are spread over, at least; each has room for 19,500
        #[arg(long, value_name = "N", default_value_t = 1)]
        processes: usize,
        /// Rules of all policies [default: as the scenario says]
        #[arg(long, value_name = "N")]
        rules: Option<usize>,
        /// Folder that keeps the controllers and who the hosts are, so that the next run with as many of each enrols
        /// nobody [default: a temporary one]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Writes the JSON to this file too
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Lists the scenarios
    List,
    /// Draws charts over the number of hosts from the JSON of several runs
    Chart {
        /// Files that `run --output` wrote
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// Folder for the SVG files
        #[arg(long, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
    /// A process full of hosts, started by `run`
    #[command(hide = true)]
    Hosts { setup: String },
}

fn main() -> ExitCode {
    match Cli::parse().command.obey() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wharden-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn obey(self) -> anyhow::Result<()> {
        match self {
            Self::List => {
                for (name, about) in scenario::known() {
                    println!("{name:15} {about}");
                }
                Ok(())
            }
            Self::Chart { runs, output } => {
                let read = |path: &PathBuf| -> anyhow::Result<_> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
                let runs = runs.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
                for (name, svg) in chart::charts(&runs) {
                    fs::write(output.join(name), svg)?;
                }
                Ok(())
            }
            Self::Hosts { setup } => {
                let setup: Setup = serde_json::from_str(&setup)?;
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(worker::run(setup))
            }
            Self::Run { scenario: name, hosts, controllers, processes, rules, data, output } => {
                let scenario = scenario::load(&name)?;
                let (fleet, temporary) = (&scenario.fleet, tempfile::tempdir()?);
                let options = Options {
                    hosts: hosts.unwrap_or(fleet.hosts).max(1),
                    controllers: controllers.unwrap_or(fleet.controllers).clamp(1, 7),
                    processes,
                    rules: rules.unwrap_or(fleet.rules),
                    data: data.unwrap_or_else(|| temporary.path().to_owned()),
                    name,
                };
                fs::create_dir_all(&options.data)?;
                let figures = serde_json::to_string_pretty(&run(&options, &scenario)?)?;
                if let Some(output) = output {
                    fs::write(output, format!("{figures}\n"))?;
                }
                println!("{figures}");
                Ok(())
            }
        }
    }
}
