//! What was done to them and what is left of it.

use super::{Site, load::Write, probe::Probed};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use wharden_harness::{Rest, eventually, limits::SETTLE};

/// Wrong decisions that are told in full.
const SHOWN: usize = 10;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Faults, by kind.
    pub done: BTreeMap<String, u64>,
    pub leader_kills: u64,
    /// From each death of a leader to the next write that was begun after it and acknowledged.
    pub failover_ms: Vec<u64>,
    pub failover_median_ms: u64,
    pub failover_max_ms: u64,
    pub writes_acknowledged: usize,
    pub writes_missing: Vec<String>,
    /// Requests to guards, each decided as policy says.
    pub decisions: u64,
    pub wrong_decisions: Vec<String>,
    pub events: usize,
    pub events_lost: u64,
    pub events_doubled: u64,
    /// Everything else that must not be.
    pub wrong: Vec<String>,
}

impl Report {
    /// Nothing was found.
    pub fn is_clean(&self) -> bool {
        self.writes_missing.is_empty()
            && self.wrong_decisions.is_empty()
            && self.events_lost == 0
            && self.events_doubled == 0
            && self.wrong.is_empty()
    }

    /// Looks at everything, now that nothing happens any more.
    pub fn look(&mut self, site: &Site, acknowledged: &[Write], probed: &[Probed]) {
        let mut sorted = self.failover_ms.clone();
        sorted.sort_unstable();
        self.failover_median_ms = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        self.failover_max_ms = sorted.last().copied().unwrap_or_default();
        self.writes_acknowledged = acknowledged.len();
        self.decisions = probed.iter().map(|p| p.allowed + p.denied).sum();
        self.wrong_decisions = probed.iter().flat_map(|p| p.wrong.iter().cloned()).take(SHOWN).collect();
        site.agents_are_back();
        // An audit may be a moment old at a controller that is behind; with equal ones none is.
        self.look_at_audit(site);
        self.look_at_writes(site, acknowledged);
        self.look_at_events(site, probed.iter().map(|p| p.denied).sum());
    }

    /// The audit of every controller has every change that was acknowledged.
    fn look_at_writes(&mut self, site: &Site, acknowledged: &[Write]) {
        for at in 0..3 {
            let there = selectors(&site.cluster.rest(at));
            let missing = acknowledged.iter().filter(|write| !there.contains(&write.selector));
            self.writes_missing.extend(missing.map(|write| format!("{} at controller {}", write.selector, at + 1)));
        }
    }

    /// One chain, intact, the same everywhere. The chain follows from everything that was ever applied.
    fn look_at_audit(&mut self, site: &Site) {
        let verdicts = || (0..3).map(|at| site.cluster.rest(at).get("/v1/audit/verify").ok()).collect::<Vec<_>>();
        let verdicts = eventually("the same audit everywhere", SETTLE, || {
            let verdicts = verdicts();
            verdicts.iter().all(|verdict| verdict["head"] == verdicts[0]["head"]).then_some(verdicts)
        });
        let broken = verdicts.iter().filter(|verdict| verdict["intact"] != true);
        self.wrong.extend(broken.map(|verdict| format!("the audit is broken: {verdict}")));
    }

    /// Every refusal is one event, and no run of an agent has a gap.
    fn look_at_events(&mut self, site: &Site, refused: u64) {
        let all = eventually("an event for every refusal", SETTLE * 2, || {
            let all = events(site);
            let told = all.iter().filter(|event| event["action"] == "system.df").count() as u64;
            (told >= refused).then_some(all)
        });
        self.events = all.len();
        let mut runs: BTreeMap<(&str, &str), Vec<u64>> = BTreeMap::new();
        for event in &all {
            let run = (event["host_id"].as_str().unwrap_or_default(), event["boot_id"].as_str().unwrap_or_default());
            runs.entry(run).or_default().push(event["seq"].as_u64().unwrap_or_default());
        }
        for ((host, run), numbers) in &runs {
            let distinct: BTreeSet<_> = numbers.iter().collect();
            self.events_doubled += (numbers.len() - distinct.len()) as u64;
            let last = distinct.last().map_or(0, |last| **last);
            let lost = last - distinct.len() as u64;
            if lost > 0 {
                self.events_lost += lost;
                self.wrong.push(format!("of run {run} of host {host} {lost} events of {last} are missing"));
            }
        }
        let told = all.iter().filter(|event| event["action"] == "system.df").count() as u64;
        if told != refused {
            self.wrong.push(format!("{refused} refusals are {told} events"));
        }
    }
}

/// All decision events of the cluster, asked of one controller, page by page.
fn events(site: &Site) -> Vec<Value> {
    let rest = site.cluster.rest(0);
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let mut page = rest.get(&format!("/v1/events?limit=1000&after={after}")).ok();
        all.extend(page["events"].as_array_mut().map(std::mem::take).unwrap_or_default());
        after = page["next"].as_str().unwrap_or_default().to_owned();
        if page["more"] != true {
            return all;
        }
    }
}

/// The hosts that thresholds were put for, by the audit.
fn selectors(rest: &Rest) -> BTreeSet<String> {
    let (mut found, mut after) = (BTreeSet::new(), 0);
    loop {
        let page = rest.get(&format!("/v1/audit?limit=1000&after={after}")).ok();
        let records = page["records"].as_array().cloned().unwrap_or_default();
        let Some(last) = records.last().and_then(|record| record["seq"].as_u64()) else { return found };
        after = last;
        let put =
            records.iter().filter(|record| record["action"] == "capacity.update" && record["outcome"] == "applied");
        let detail = put.filter_map(|record| record["detail"].as_str()?.split_once(':'));
        found.extend(detail.map(|(selector, _)| selector.to_owned()));
    }
}
