//! How a container is attached to a network: what the engine takes as it is, and what nobody but it may say.

use crate::{
    doc::Doc,
    refusal::{Refusal, shorten},
};
use std::net::{IpAddr, Ipv4Addr};

/// What libnetwork keeps of an endpoint among the options of its driver. It reads texts there as its own forms later, when it
/// starts, and does not get over it (`Endpoint.UnmarshalJSON` in moby).
const OF_LIBNETWORK: [&str; 5] = [
    "com.docker.network.portmap",
    "com.docker.network.generic",
    "com.docker.network.endpoint.exposedports",
    "com.docker.network.endpoint.macaddress",
    "com.docker.network.endpoint.dnsservers",
];

/// Where clouds tell machines of themselves.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Checks the options of its driver and the addresses that no plan of addresses is asked for.
///
/// # Errors
/// 400 with the field and the option or the address.
pub fn check(field: &str, endpoint: Doc<'_>) -> Result<(), Refusal> {
    options(field, endpoint)?;
    match endpoint.at("IPAMConfig").texts("LinkLocalIPs").find(|address| !is_link_local(address)) {
        None => Ok(()),
        Some(address) => Err(Refusal::bad(format!(
            "field {field}.IPAMConfig.LinkLocalIPs: {:?} is no link-local address (169.254.0.0/16 without 169.254.169.254, or fe80::/10): \
             for another one use IPv4Address or IPv6Address (--ip, --ip6), which the network knows of",
            shorten(address)
        ))),
    }
}

/// Checks the options of its driver.
///
/// # Errors
/// 400 with the field and the option.
pub fn options(field: &str, endpoint: Doc<'_>) -> Result<(), Refusal> {
    match endpoint.members("DriverOpts").find(|(name, _)| OF_LIBNETWORK.contains(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Refusal::bad(format!(
            "field {field}.DriverOpts: {name} is the engine's own, and no option: leave it out"
        ))),
    }
}

/// RFC 3927, RFC 4291. The engine takes any address here, without asking whether another has it.
fn is_link_local(text: &str) -> bool {
    match text.parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local() && address != METADATA,
        Ok(IpAddr::V6(address)) => address.is_unicast_link_local(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn link_local_addresses_are_link_local() {
        let asked = |address: &str| {
            let endpoint = json!({"IPAMConfig": {"LinkLocalIPs": ["169.254.8.1", address]}});
            check("EndpointConfig", Doc::new(Some(&endpoint)))
        };
        for address in ["169.254.1.2", "fe80::1"] {
            assert_eq!(asked(address), Ok(()), "{address}");
        }
        for address in [
            "172.17.0.3",
            "169.254.169.254",
            "::ffff:169.254.1.2",
            "fd00::1",
            "169.254.1.2/16",
            "fe80::1%eth0",
            " fe80::1",
            "x",
            "",
        ] {
            let refusal = asked(address).expect_err("no link-local address");
            assert!(refusal.message.contains("EndpointConfig.IPAMConfig.LinkLocalIPs"), "{refusal}");
        }
    }

    #[test]
    fn what_the_engine_keeps_among_the_options_is_not_asked_for() {
        let asked = |name: &str| options("EndpointConfig", Doc::new(Some(&json!({"DriverOpts": {name: "x"}}))));
        for name in OF_LIBNETWORK {
            assert!(asked(name).is_err_and(|refusal| refusal.message.contains(name)), "{name}");
        }
        for name in ["com.docker.network.endpoint.sysctls", "com.docker.network.endpoint.ifname", "own"] {
            assert_eq!(asked(name), Ok(()), "{name}");
        }
    }
}
