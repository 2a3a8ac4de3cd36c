//! What a run found out, as JSON.

use crate::message::Counts;
use serde::{Deserialize, Serialize};

/// The report. What a scenario does not measure is null.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub scenario: String,
    pub hosts: usize,
    pub controllers: usize,
    /// Rules in each bundle, the built-in ones included.
    pub rules: u64,
    /// From the moment that all hosts begin to connect until all have been welcomed.
    pub connect_s: Option<f64>,
    pub enroll_s: Option<f64>,
    /// Memory of all controllers with all hosts connected, less their memory before, for each host.
    pub rss_per_host_bytes: Option<u64>,
    /// Processor time of all controllers while hosts are there and nobody asks for anything, as a part of one processor.
    pub idle_core_fraction: Option<f64>,
    /// From the commit of a change (the time in its entry) to a host's acknowledgement.
    pub push_p50_ms: Option<f64>,
    pub push_p99_ms: Option<f64>,
    pub push_bytes_per_host: Option<u64>,
    /// From the loss of sessions until all hosts that lost theirs have one again.
    pub reconnect_s: Option<f64>,
    pub elections: u64,
    /// The longest wait of somebody who reads and writes over REST four times a second, except while the rest is measured.
    pub slowest_request_ms: Option<f64>,
    /// Requests of that one that failed.
    pub failed_requests: u64,
    /// The middle of the load average at the times of measurement.
    pub load_average: f64,
    pub counts: Counts,
    /// Each step with what it measured.
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<Etcd>,
}

/// One step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Step {
    pub step: String,
    pub took_s: f64,
    pub controllers_cpu_s: f64,
    pub load_average: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_host: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_fraction: Option<f64>,
}

/// The same push beside etcd's watchers: plain TCP, one connection each, nothing verified.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Etcd {
    pub watchers: usize,
    pub value_bytes: usize,
    pub rss_per_watcher_bytes: u64,
    pub push_p50_ms: f64,
    pub push_p99_ms: f64,
    pub load_average: f64,
}
