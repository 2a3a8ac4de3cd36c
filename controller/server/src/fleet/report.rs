//! What an agent tells about its host. Shown to people, decides nothing.

use super::limits::REPORT_STRING_MAX;
use wharden_model::{
    HostReport, RemoteGuard,
    limits::{GUARD_ADDRESS_MAX, GUARD_CA_MAX},
};
use wharden_pki::pem;
use wharden_proto::REPORT_MAX;

/// Reads a report; its texts are cut and freed of control characters, since they end up on terminals.
pub(super) fn read(json: &[u8]) -> Result<HostReport, String> {
    if json.len() > REPORT_MAX {
        return Err(format!("{} bytes are more than {REPORT_MAX}", json.len()));
    }
    let mut report: HostReport = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let HostReport { hostname, agent_version, os, kernel, arch, engine, engine_api, break_glass, .. } = &mut report;
    let passes = break_glass.iter_mut().map(|pass| &mut pass.user);
    for text in [hostname, agent_version, os, kernel, arch, engine, engine_api].into_iter().chain(passes) {
        text.retain(|c| !c.is_control());
        let mut end = text.len().min(REPORT_STRING_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.shrink_to_fit();
    }
    report.guard = report.guard.filter(is_usable);
    Ok(report)
}

/// What goes on to people's clients has the form that they expect, and no other.
fn is_usable(guard: &RemoteGuard) -> bool {
    let RemoteGuard { address, ca_pem } = guard;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let has_port = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let one_ca = || pem::decode(pem::CERTIFICATE, ca_pem).is_some_and(|blocks| blocks.len() == 1);
    address.len() <= GUARD_ADDRESS_MAX
        && address.bytes().all(plain)
        && has_port
        && ca_pem.len() <= GUARD_CA_MAX
        && one_ca()
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

    #[test]
    fn a_guard_that_no_client_could_use_is_left_out() {
        let ca = pem::encode(pem::CERTIFICATE, [&[7; 300][..]]);
        let guard = |address: &str, ca_pem: &str| {
            let guard = Some(RemoteGuard { address: address.to_owned(), ca_pem: ca_pem.to_owned() });
            let report = HostReport { guard, ..HostReport::default() };
            read(&serde_json::to_vec(&report).expect("json")).expect("reads").guard
        };
        for good in ["web1:2376", "10.0.0.1:2376", "[fe80::1]:2376"] {
            assert!(guard(good, &ca).is_some(), "{good}");
        }
        for bad in ["", "web1", ":2376", "web1:port", "web1:99999", "a,host=b:1", "a b:1", "a\n:1"] {
            assert!(guard(bad, &ca).is_none(), "{bad:?}");
        }
        let two = format!("{ca}{ca}");
        let long = pem::encode(pem::CERTIFICATE, [&[7; GUARD_CA_MAX][..]]);
        for bad in ["", "rubbish", &two, &long, &ca.replace("CERTIFICATE", "PRIVATE KEY")] {
            assert!(guard("web1:2376", bad).is_none(), "{bad:?}");
        }
    }
}
