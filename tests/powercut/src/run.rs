//! Cuts, one after the other, and what they found.

mod trial;
mod worker;

pub use self::trial::{End, Running, Trial};

use crate::{
    disk::Order,
    limits::{CUTS_PER_STORE, OPS_PER_WORKER},
    mount::Faults,
};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};
use wharden_store::Engine;

/// What to try.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that knows how to be a worker.
    pub program: PathBuf,
    pub engine: Engine,
    /// `None`: both, by the seed.
    pub order: Option<Order>,
    pub seed: u64,
    pub cuts: u64,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub engine: Engine,
    pub cuts: u64,
    /// Processes that were killed without a cut.
    pub kills: u64,
    pub stores: u64,
    /// Operations that were acknowledged before a cut or a kill.
    pub acknowledged: u64,
    /// Cuts before the store was open: in the first start, or in the repair after the cut before.
    pub cuts_while_opening: u64,
    pub failures: Vec<Failure>,
}

/// A store that lost something.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub seed: u64,
    pub order: String,
    /// The cut after which it showed, counted from 1.
    pub cut: u64,
    pub what: String,
}

impl Failure {
    /// The command that does the same again.
    pub fn replay(&self, engine: Engine) -> String {
        let Self { seed, cut, order, .. } = self;
        format!("tests/powercut.sh --engine {engine} --order {order} --seed {seed} --cuts {cut}")
    }
}

/// Cuts until the plan is done. A store that lost something is given up; the next one begins.
///
/// # Errors
/// When nothing can be tried here.
pub fn run(plan: &Plan, mut see: impl FnMut(&Failure)) -> anyhow::Result<Report> {
    let mut report = Report { engine: plan.engine, ..Report::default() };
    let mut seed = plan.seed;
    while report.cuts < plan.cuts {
        let cuts = CUTS_PER_STORE.min(plan.cuts - report.cuts);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let drawn = if rng.random_bool(0.5) { Order::Journal } else { Order::Any };
        let order = plan.order.unwrap_or(drawn);
        let trial = Trial::new(plan.program.clone(), plan.engine, order, seed);
        if let Some((cut, what)) = live(trial, cuts, &mut rng, &mut report)? {
            let failure = Failure { seed, order: order.to_string(), cut, what };
            see(&failure);
            report.failures.push(failure);
        }
        report.stores += 1;
        seed += 1;
    }
    Ok(report)
}

/// One store, over several cuts; the cut after which something was lost, and what.
fn live(
    mut trial: Trial,
    cuts: u64,
    rng: &mut Xoshiro256PlusPlus,
    report: &mut Report,
) -> anyhow::Result<Option<(u64, String)>> {
    let (mut done, mut is_made) = (0, false);
    loop {
        // The last worker only looks.
        let is_last = done == cuts;
        let cut = !is_last && rng.random_bool(0.8);
        // A store is made with hundreds of writes, of a journal full of zeros.
        let longest = if is_made { [40, 300, 1500] } else { [40, 600, 1500] };
        let longest = longest[rng.random_range(0..3)];
        let moment = Some(rng.random_range(1..longest));
        let (ops, faults) = if is_last {
            (0, Faults::default())
        } else {
            (OPS_PER_WORKER, Faults { moment, cut, ..Faults::default() })
        };
        let end;
        (trial, end) = trial.start(ops, faults)?.end_at_moment()?;
        report.acknowledged += end.acknowledged;
        is_made |= end.is_opened;
        if let Some(what) = end.lost {
            return Ok(Some((done, what)));
        }
        if is_last {
            return Ok(None);
        }
        if cut {
            trial.cut(rng);
            done += 1;
            report.cuts += 1;
            report.cuts_while_opening += u64::from(!end.is_opened);
        } else {
            report.kills += 1;
        }
    }
}

/// Failures by what they say first, for a person to read.
pub fn kinds(failures: &[Failure]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for failure in failures {
        let kind = failure.what.chars().take_while(|letter| !letter.is_ascii_digit() && *letter != '/').take(80);
        *kinds.entry(kind.collect()).or_default() += 1;
    }
    kinds
}
