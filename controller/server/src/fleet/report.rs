//! What an agent tells about its host. Shown to people, decides nothing.

use super::limits::REPORT_STRING_MAX;
use wharden_model::HostReport;
use wharden_proto::REPORT_MAX;

/// Reads a report; its texts are cut and freed of control characters, since they end up on terminals.
pub(super) fn read(json: &[u8]) -> Result<HostReport, String> {
    if json.len() > REPORT_MAX {
        return Err(format!("{} bytes are more than {REPORT_MAX}", json.len()));
    }
    let mut report: HostReport = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let HostReport { hostname, agent_version, os, kernel, arch, engine, engine_api, .. } = &mut report;
    for text in [hostname, agent_version, os, kernel, arch, engine, engine_api] {
        text.retain(|c| !c.is_control());
        let mut end = text.len().min(REPORT_STRING_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.shrink_to_fit();
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_cleaned() {
        let long = HostReport { os: "ä".repeat(500), kernel: "6.1\u{1b}[31m\n".to_owned(), ..HostReport::default() };
        let read = read(&serde_json::to_vec(&long).expect("json")).expect("reads");
        assert_eq!((read.os.len(), read.kernel.as_str()), (256, "6.1[31m"));
        assert!(super::read(b"{").is_err());
        assert!(super::read(&vec![b' '; REPORT_MAX + 1]).is_err());
    }
}
