//! Facts of `container.create`: resources, life and logs.

use super::{Sheet, Source, options, ulimits};

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let host = source.body().at("HostConfig");
    for (name, field) in [
        ("memory", "Memory"),
        ("memory_swap", "MemorySwap"),
        ("memory_reservation", "MemoryReservation"),
        ("nano_cpus", "NanoCpus"),
        ("cpu_shares", "CpuShares"),
        ("cpu_realtime_runtime", "CpuRealtimeRuntime"),
        ("blkio_weight", "BlkioWeight"),
        ("oom_score_adj", "OomScoreAdj"),
        ("shm_size", "ShmSize"),
    ] {
        out.put(name, host.number(field));
    }
    // Below 0 both are unlimited, as with 0.
    out.put("cpu_quota", host.number("CpuQuota").max(0));
    out.put("pids_limit", host.number("PidsLimit").max(0));
    out.put("cpuset_cpus", host.text("CpusetCpus"));
    out.put("ulimits", ulimits(host.items("Ulimits")));
    out.put("oom_kill_disable", host.truth("OomKillDisable"));
    out.put("storage_opt", host.pair_set("StorageOpt"));
    let restart = host.at("RestartPolicy");
    let policy = restart.text("Name");
    out.put("restart_policy", if policy.is_empty() { "no" } else { policy });
    out.put("restart_max_retries", restart.number("MaximumRetryCount"));
    out.put("auto_remove", host.truth("AutoRemove"));
    out.put("log_driver", host.at("LogConfig").text("Type"));
    out.put("log_options", options(host.at("LogConfig").pairs("Config").iter()));
    out.put("init", host.truth("Init"));
    out.put("container_id_file", host.text("ContainerIDFile"));
}
