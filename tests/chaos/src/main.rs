//! `chaos`: simulates a cluster on which everything goes wrong; `tests/chaos.sh` builds and starts it.

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use tracing_subscriber::EnvFilter;
use wharden_chaos::{
    real::{self, Kind},
    sim::{self, Flaw, Plan, Scene},
};

#[derive(Parser)]
#[command(
    name = "chaos",
    about = "Cuts, kills and pauses controllers, and looks whether anybody was told anything wrong"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Simulate by seed, and report
    Sim {
        /// One seed only; RUST_LOG=debug shows what happens
        #[arg(long, conflicts_with_all = ["from", "seeds", "minutes"])]
        seed: Option<u64>,
        /// Where to begin
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// How many
        #[arg(long, default_value_t = 200, conflicts_with = "minutes")]
        seeds: u64,
        /// As many as fit into so many minutes
        #[arg(long)]
        minutes: Option<u64>,
        /// At the same time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Be wrong on purpose, to see that it is found
        #[arg(long, value_enum, default_value_t)]
        flaw: Flaw,
        /// What is played
        #[arg(long, value_enum, default_value_t)]
        scene: Scene,
    },
    /// Do it to real controllers and agents, in network namespaces; WHARDEN_BIN says where the programs are
    Real {
        /// Kinds of faults, in this order, again and again [default: all]
        #[arg(long, value_enum, value_delimiter = ',')]
        kinds: Vec<Kind>,
        /// For so many minutes at least
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// End when the leader was killed so often, however little time has passed
        #[arg(long)]
        leader_kills: Option<u64>,
    },
    /// Be the process of one seed
    #[command(hide = true)]
    One {
        #[arg(long)]
        seed: u64,
        #[arg(long, value_enum, default_value_t)]
        flaw: Flaw,
        /// What is played
        #[arg(long, value_enum, default_value_t)]
        scene: Scene,
    },
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
        Command::Sim { seed, from, seeds, minutes, jobs, flaw, scene } => {
            let plan = Plan {
                program: std::env::current_exe().context("this program")?,
                first: seed.unwrap_or(from),
                seeds: if seed.is_some() { 1 } else { minutes.map_or(seeds, |_| u64::MAX) },
                until: minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes)),
                jobs,
                flaw,
                scene,
            };
            let summary = sim::run(&plan, |found| {
                eprintln!("seed {}: {}\n  {}", found.seed, found.wrong.join("\n  "), found.replay);
            });
            println!("{}", serde_json::to_string_pretty(&summary)?);
            Ok(if summary.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Real { kinds, minutes, leader_kills } => {
            let kinds = if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds };
            let until = leader_kills.is_none().then(|| Instant::now() + Duration::from_secs(60 * minutes));
            let report = real::run(&real::Plan { kinds, leader_kills: leader_kills.unwrap_or(u64::MAX), until })?;
            println!("{}", serde_json::to_string_pretty(&report)?);
            Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::One { seed, flaw, scene } => {
            tracing_subscriber::fmt()
                .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off")))
                .with_writer(std::io::stderr)
                .with_ansi(false)
                .init();
            println!("{}", serde_json::to_string(&sim::trial(seed, flaw, scene)?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
