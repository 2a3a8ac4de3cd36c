//! `powercut run`: cuts the power of a store many times; `tests/powercut.sh` builds and starts it.

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use wharden_powercut::{
    Task,
    disk::Order,
    run::{self, Plan},
    work::work,
};
use wharden_store::Engine;

#[derive(Parser)]
#[command(name = "powercut", about = "Cuts the power of a store, many times, and looks for what is missing")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Cut, look, and report
    Run {
        /// How often
        #[arg(long, default_value_t = 200)]
        cuts: u64,
        /// journal, redb or sled
        #[arg(long, default_value_t)]
        engine: Engine,
        /// What the disk promises about names: journal or any [default: by the seed]
        #[arg(long)]
        order: Option<Order>,
        /// Where to begin; each store has the next seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Be the process whose power is cut
    #[command(hide = true)]
    Work { task: String },
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { cuts, engine, order, seed } => {
            let program = std::env::current_exe().context("this program")?;
            let report = run::run(&Plan { program, engine, order, seed, cuts }, |failure| {
                eprintln!(
                    "seed {} after cut {}: {}\n  {}",
                    failure.seed,
                    failure.cut,
                    failure.what,
                    failure.replay(engine)
                );
            })?;
            println!("{}", serde_json::to_string_pretty(&report)?);
            for (kind, count) in run::kinds(&report.failures) {
                eprintln!("{count:>4} × {kind}");
            }
            let failed = report.failures.len();
            println!("{engine}: {} cuts, {} stores, {failed} of them lost something", report.cuts, report.stores);
            Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Work { task } => {
            let task: Task = serde_json::from_str(&task).context("the task")?;
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(work(&task))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
