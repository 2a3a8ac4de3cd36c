use super::Engine;
use serde_json::Value;
use std::fs;
use tokio::task::spawn_blocking;
use wharden_model::{HostReport, limits::HOSTNAME_MAX};

/// What this host is, as far as it can be seen now.
pub async fn host_report(engine: &Engine) -> HostReport {
    // An engine that was replaced while nobody used it is found out here.
    engine.forget();
    let mut report = spawn_blocking(machine).await.unwrap_or_default();
    if let (Ok(version), Ok(info)) = (engine.get("/version").await, engine.get("/info").await) {
        let text = |json: &Value, key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number =
            |key: &str| info.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        report.engine = format!("docker {}", text(&version, "Version"));
        report.engine_api = text(&version, "ApiVersion");
        report.containers_running = number("ContainersRunning");
        report.containers_total = number("Containers");
    }
    report
}

fn machine() -> HostReport {
    let uname = rustix::system::uname();
    let mut hostname = uname.nodename().to_string_lossy().into_owned();
    hostname.truncate(hostname.floor_char_boundary(HOSTNAME_MAX));
    HostReport {
        hostname,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os: os_name(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        kernel: uname.release().to_string_lossy().into_owned(),
        arch: uname.machine().to_string_lossy().into_owned(),
        cpus: processors(&fs::read_to_string("/proc/stat").unwrap_or_default()),
        memory_bytes: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:"),
        ..HostReport::default()
    }
}

/// `PRETTY_NAME` of os-release(5).
pub(super) fn os_name(text: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    value.trim_matches(['"', '\'']).chars().take(128).collect()
}

/// Lines `cpu0`, `cpu1`, ... of proc_stat(5): all processors, whatever share of them the agent may use.
pub(super) fn processors(text: &str) -> u32 {
    let is_one =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    u32::try_from(text.lines().filter(is_one).count()).unwrap_or(u32::MAX)
}

/// A line of proc_meminfo(5), in bytes.
pub(super) fn memory(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    value.trim().trim_end_matches("kB").trim().parse::<u64>().map_or(0, |kib| kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_without_an_engine_still_reports() {
        let report = host_report(&Engine::new("/nonexistent/docker.sock")).await;
        assert!(!report.hostname.is_empty() && !report.kernel.is_empty());
        assert!(report.cpus > 0 && report.memory_bytes > 0);
        assert_eq!((report.engine, report.engine_api), (String::new(), String::new()));
    }

    #[test]
    fn the_files_are_read_as_their_manuals_say() {
        assert_eq!(
            os_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(processors("cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 5\n"), 2);
        assert_eq!(memory("MemTotal:       24567890 kB\nMemFree: 1 kB\n", "MemTotal:"), 24_567_890 * 1024);
    }
}
