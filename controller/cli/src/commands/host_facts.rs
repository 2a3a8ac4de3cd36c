//! What a host is and uses, and what its agent is held to, for `host show`.

use crate::output::{Cell, Look, Tone, bytes, moment};
use wharden_model::{
    api::InventoryHost,
    inventory::{AgentFacts, EngineFacts, Pressure, Strain},
};

/// What a host's agent tells of it, as lines of a record.
pub fn told_fields(told: &InventoryHost, fields: &mut Vec<(&str, Cell)>, look: &Look) {
    let InventoryHost { facts, usage, agent, .. } = told;
    let engine = &facts.engine;
    let storage = [&engine.storage_driver, &engine.logging_driver, &engine.cgroup_driver, &engine.default_runtime];
    let cgroup = if engine.cgroup_version > 0 { format!(", cgroup v{}", engine.cgroup_version) } else { String::new() };
    let words = storage.into_iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(", ");
    let things = format!("{} images, {} volumes, {} networks", told.images, told.volumes, told.networks);
    fields.extend([
        ("Engine is set to", Cell::or_dash(format!("{words}{cgroup}").trim_start_matches(", "))),
        ("Engine security", security(engine)),
        ("Runtime", runtime(engine)),
        ("Holds", Cell::new(things)),
        ("Addresses", Cell::or_dash(facts.addresses.join(", "))),
    ]);
    if told.sampled_at.0 == 0 {
        fields.push(("Uses", Cell::toned("not measured yet", Tone::Dim)));
        return;
    }
    let of = |used: u64, all: u64| format!("{} of {}", bytes(used), bytes(all));
    fields.extend([
        ("CPU used", Cell::new(format!("{} of {} millicores", usage.cpu_millicores, facts.cpu_millicores))),
        ("Memory used", Cell::new(of(usage.memory_bytes, facts.memory_bytes))),
        ("Waiting for", Cell::or_dash(waiting(&usage.pressure))),
    ]);
    for (n, disk) in usage.disks.iter().enumerate() {
        let size = facts.disks.iter().find(|held| held.path == disk.path).map_or(0, |held| held.size_bytes);
        let text = format!("{}: {}", disk.path, of(disk.used_bytes, size));
        fields.push((if n == 0 { "Disks" } else { "" }, Cell::new(text)));
    }
    fields.extend([
        ("Measured", Cell::new(format!("{}, every {} s", moment(look.now, told.sampled_at), told.interval_s))),
        ("Agent uses", Cell::new(format!("{}, {} millicores", bytes(agent.memory_bytes), agent.cpu_millicores))),
        ("Agent's limits", limits(&facts.agent)),
    ]);
    if let Some(strain) = agent.strain {
        fields.push(("Agent holds back", Cell::toned(strain_text(strain), Tone::Careful)));
    }
}

fn security(engine: &EngineFacts) -> Cell {
    let words = engine.security.join(", ");
    if engine.name.is_empty() || engine.maps_users() {
        return Cell::or_dash(words);
    }
    let gap = if words.is_empty() { "" } else { "; " };
    Cell::toned(format!("{words}{gap}maps no users: numbers of accounts in containers are the host's"), Tone::Careful)
}

fn runtime(engine: &EngineFacts) -> Cell {
    if engine.trusts_images() {
        let advice = "images can reach the host unless CVE-2025-31133 is mended in it: docs/security.md";
        return Cell::toned(format!("runc {}; {advice}", engine.runc), Tone::Careful);
    }
    Cell::or_dash(if engine.runc.is_empty() { String::new() } else { format!("runc {}", engine.runc) })
}

fn waiting(pressure: &Pressure) -> String {
    let parts = [("CPU", pressure.cpu), ("memory", pressure.memory), ("disks", pressure.io)];
    let known = parts.into_iter().filter_map(|(name, stall)| {
        let share = stall?.avg60;
        Some(format!("{name} {}.{:02} % of a minute", share / 100, share % 100))
    });
    known.collect::<Vec<_>>().join(", ")
}

fn limits(agent: &AgentFacts) -> Cell {
    let mut parts = Vec::new();
    if agent.memory_limit_bytes > 0 {
        parts.push(bytes(agent.memory_limit_bytes));
    }
    if agent.cpu_limit_millicores > 0 {
        parts.push(format!("{} millicores", agent.cpu_limit_millicores));
    }
    if parts.is_empty() {
        let why = if agent.limits_problem.is_empty() { String::new() } else { format!(": {}", agent.limits_problem) };
        return Cell::toned(format!("none{why}"), Tone::Careful);
    }
    Cell::new(format!("{} (cgroup v{})", parts.join(", "), agent.cgroup_version))
}

const fn strain_text(strain: Strain) -> &'static str {
    match strain {
        Strain::HostCpu => "tasks of the host wait for processors",
        Strain::HostMemory => "tasks of the host wait for memory",
        Strain::HostIo => "tasks of the host wait for disks",
        Strain::AgentMemory => "it is near its limit of memory",
        Strain::AgentCpu => "it is held back at its limit of processor time",
        Strain::Other => "under pressure",
    }
}
