//! One seed, from the founding to the last look.

use super::{
    chance::Chance,
    faults::Done,
    node::{Flaw, Node},
    wire::Weather,
    workload::{TOKENS, USES, things},
    world::World,
};
use crate::{
    history::{Call, Key, Outcome, check},
    limits::RECOVERY_MS,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinHandle;
use wharden_state::State;

/// What happened and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub seed: u64,
    /// Nothing is in here when all is well.
    pub wrong: Vec<String>,
    pub done: Done,
    pub asked: usize,
    pub heard: usize,
    pub terms: usize,
    pub controllers: usize,
    pub snapshots_installed: u64,
    pub states_compared: u64,
    pub log_entries: u64,
    pub messages: u64,
    pub simulated_ms: u64,
    /// The same in two runs in which the same happened.
    pub trace: u64,
}

/// What is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scene {
    /// Everything at once, by the seed.
    #[default]
    Everything,
    /// The leader is killed as soon as it has acknowledged a change, started at once, and asked for it.
    RestartedLeader,
}

/// The number of the client that has the last look at controller 0; the others follow.
const LAST: u64 = 2000;
/// Times that the leader is restarted in that scene.
const RESTARTS: u64 = 15;

/// Runs a seed.
///
/// # Errors
/// When nothing can be simulated here.
pub fn run(seed: u64, flaw: Flaw, scene: Scene) -> anyhow::Result<Report> {
    let panics = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&panics);
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{panic}");
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
    }));
    let mut world = World::begin(seed, flaw)?;
    world.set_up()?;
    let tasks = match scene {
        Scene::Everything => world.live()?,
        Scene::RestartedLeader => restart_leaders(&mut world)?,
    };
    world.heal();
    let is_recovered =
        world.until(RECOVERY_MS, |world| tasks.iter().all(JoinHandle::is_finished) && unsettled(world).is_none())?;
    if !is_recovered {
        let why = unsettled(&world).unwrap_or_else(|| "clients wait".to_owned());
        world.ledger.wrong(format!("all is healed, and after {RECOVERY_MS} ms still: {why}"));
    }
    look_at_everything(&mut world)?;
    for panic in panics.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        world.ledger.wrong(format!("a panic: {panic}"));
    }
    Ok(report(&world))
}

/// A restarted leader may have forgotten that what it acknowledged is committed, and what it had sent to others.
fn restart_leaders(world: &mut World) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut chance = Chance::new(world.seed(), "restarts");
    for number in 0..RESTARTS {
        let Some(leader) = world.leader() else { anyhow::bail!("nobody leads") };
        for (client, call) in [(1, Call::Put { value: number, if_version: None }), (2, Call::Read)] {
            let (outside, mut own) = (Arc::clone(&world.outside), Chance::new(world.seed(), (client, number)));
            let asked = world.spawn(async move {
                outside.ask(client, Some(leader), Key::Policy(0), call, &mut own).await;
            });
            let is_answered = world.until(RECOVERY_MS, |_| asked.is_finished())?;
            anyhow::ensure!(is_answered, "controller {leader} does not answer");
            if call != Call::Read {
                world.wire.weather(Weather { late: chance.within(0..500), ..Weather::default() });
                world.crash(leader, 0);
            }
        }
        world.wire.weather(Weather::default());
        world.until(3 * chance.within(100..1000), |_| false)?;
    }
    Ok(Vec::new())
}

/// Why not everything is in order.
fn unsettled(world: &World) -> Option<String> {
    let Some(leader) = world.leader().and_then(|number| world.nodes.get(&number)?.raft()) else {
        return Some("nobody leads".to_owned());
    };
    let (applied, state) = leader.applied();
    if let Some(number) = state.controllers.changing {
        return Some(format!("the change of controller {number} is under way; Raft has {:?}", leader.members()));
    }
    let behind =
        |number: &u64| world.nodes.get(number).and_then(Node::raft).is_none_or(|raft| raft.applied().0 != applied);
    state
        .controllers
        .members
        .keys()
        .find(|number| behind(number))
        .map(|number| format!("controller {number} is behind"))
}

/// Everything is read once more at every controller, and what they hold is compared.
fn look_at_everything(world: &mut World) -> anyhow::Result<()> {
    let members: Vec<u64> = world
        .leader()
        .and_then(|number| world.nodes.get(&number)?.raft())
        .map_or_else(Vec::new, |raft| raft.state().controllers.members.keys().copied().collect());
    let last: Vec<_> = members.iter().map(|number| world.spawn(look_at(world, *number))).collect();
    world.until(RECOVERY_MS, |_| last.iter().all(JoinHandle::is_finished))?;
    let rafts = members.iter().filter_map(|number| Some((*number, world.nodes.get(number)?.raft()?)));
    let states: Vec<_> = rafts.map(|(number, raft)| (number, raft.applied())).collect();
    for pair in states.windows(2) {
        let [(one, (at, state)), (other, (also_at, also))] = pair else { continue };
        if at == also_at && state != also {
            world.ledger.wrong(format!("in the end the states of controllers {one} and {other} differ"));
        }
    }
    if let Some((_, (_, state))) = states.first() {
        compare_with_history(world, state);
    }
    explain(world);
    Ok(())
}

/// Somebody who reads everything at this controller.
fn look_at(world: &World, number: u64) -> impl Future<Output = ()> + Send + 'static {
    let (outside, ledger) = (Arc::clone(&world.outside), world.ledger.clone());
    let mut chance = Chance::new(world.seed(), ("last", number));
    async move {
        for (key, _) in things() {
            if outside.ask(LAST + number, Some(number), key, Call::Read, &mut chance).await.is_none() {
                ledger.wrong(format!("all is well, and controller {number} does not say what {key} is"));
            }
        }
    }
}

/// What was acknowledged is in the audit, once.
fn compare_with_history(world: &World, state: &State) {
    if let Err(seq) = state.audit.verify() {
        world.ledger.wrong(format!("the audit's chain breaks at record {seq}"));
    }
    let mut recorded: BTreeMap<&str, u32> = BTreeMap::new();
    for record in state.audit.records() {
        *recorded.entry(record.request_id.as_str()).or_default() += 1;
    }
    for (request, times) in recorded.iter().filter(|(_, times)| **times > 1) {
        world.ledger.wrong(format!("request {request} is in the audit {times} times"));
    }
    let history = world.outside.history();
    let mut steps: BTreeMap<(Key, u64), u32> = BTreeMap::new();
    for operation in history.operations().iter().filter(|operation| operation.call != Call::Read) {
        let Some((_, outcome)) = operation.heard else { continue };
        if world.outside.flaw != Flaw::ForgottenRequests && !recorded.contains_key(operation.request.as_str()) {
            world.ledger.wrong(format!("it was acknowledged and is lost: {operation}"));
        }
        if let (Call::Login { step, .. }, Outcome::Done) = (operation.call, outcome) {
            *steps.entry((operation.key, step)).or_default() += 1;
        }
    }
    for ((key, step), times) in steps.iter().filter(|(_, times)| **times > 1) {
        world.ledger.wrong(format!("step {step} of {key} was good {times} times"));
    }
    for n in 0..TOKENS {
        let key = Key::Token(n);
        let used = history.operations().iter().filter(|o| o.key == key && o.call != Call::Read);
        let used = used.filter(|o| matches!(o.heard, Some((_, Outcome::Done)))).count() as u64;
        if used > USES {
            world.ledger.wrong(format!("{key} has {USES} uses and was used {used} times"));
        }
    }
}

/// There is an order of all that was asked that explains what was heard.
fn explain(world: &World) {
    let by_key = world.outside.history().by_key();
    for (key, begin) in things() {
        if let Some(operations) = by_key.get(&key)
            && let Err(unexplained) = check(operations, begin)
        {
            world.ledger.wrong(unexplained.to_string());
        }
    }
}

fn report(world: &World) -> Report {
    let history = world.outside.history();
    let (terms, snapshots_installed, states_compared) = world.ledger.counts();
    let applied = world.nodes.values().filter_map(Node::raft).map(|raft| raft.applied().0).max();
    Report {
        seed: world.seed(),
        wrong: world.ledger.found(),
        done: world.done.clone(),
        asked: history.operations().len(),
        heard: history.operations().iter().filter(|operation| operation.heard.is_some()).count(),
        terms,
        controllers: world.nodes.len(),
        snapshots_installed,
        states_compared,
        log_entries: applied.unwrap_or(0),
        messages: world.wire.sent(),
        simulated_ms: world.now,
        trace: world.wire.trace(),
    }
}
