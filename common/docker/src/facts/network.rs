//! Facts of networks.

use super::{Sheet, Source, sysctls};
use crate::doc::Doc;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use wharden_model::Action;

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    match source.canonical.action() {
        Action::NetworkCreate => create(source, out),
        Action::NetworkInspect => out.put("verbose", source.query().truth("verbose")),
        action => {
            let asked = body.text("Container");
            out.put("container", source.resolved.container.map_or(asked, |c| c.name.as_str()));
            if let Some(container) = source.resolved.container {
                out.put("container_id", container.id.as_str());
                out.put("container_owner", container.owner());
                let labels = container.labels.iter().map(|(k, v)| format!("{k}={v}"));
                out.put("container_labels", labels.collect::<BTreeSet<_>>());
            }
            if action == Action::NetworkDisconnect {
                out.put("force", body.truth("Force"));
                return;
            }
            if let Some(container) = source.resolved.container {
                out.put("container_image", container.image.as_str());
                out.put("container_networks", container.networks.iter().cloned().collect::<BTreeSet<_>>());
            }
            let endpoint = body.at("EndpointConfig");
            let ipam = endpoint.at("IPAMConfig");
            let mut addresses = ipam.text_set("LinkLocalIPs");
            for (part, field) in
                [(ipam, "IPv4Address"), (ipam, "IPv6Address"), (endpoint, "IPAddress"), (endpoint, "GlobalIPv6Address")]
            {
                addresses.insert(part.text(field).to_owned());
            }
            addresses.remove("");
            out.put("addresses", addresses);
            out.put("aliases", endpoint.text_set("Aliases"));
            out.put("mac_address", endpoint.text("MacAddress"));
            out.put("driver_options", endpoint.pair_set("DriverOpts"));
            out.put("routing_sysctls", sysctls::routing(Doc::new(None), [endpoint].into_iter()));
            out.put("links", endpoint.text_set("Links"));
        }
    }
}

fn create(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    let ipam = body.at("IPAM");
    let or = |text: &'static str, given: &str| if given.is_empty() { text.to_owned() } else { given.to_owned() };
    let configs = |field: &str| -> BTreeSet<String> {
        ipam.items("Config").map(|c| c.text(field).to_owned()).filter(|t| !t.is_empty()).collect()
    };
    out.put("name", body.text("Name"));
    out.put("driver", or("bridge", body.text("Driver")));
    out.put("options", body.pair_set("Options"));
    // A bridge that is there already is taken as it is, with whatever of the host is on it.
    let interfaces = ["parent", "com.docker.network.bridge.name"].map(|option| body.at("Options").text(option));
    out.put("parent", interfaces.into_iter().find(|name| !name.is_empty()).unwrap_or_default());
    let (subnets, gateways) = (configs("Subnet"), configs("Gateway"));
    out.put("foreign_subnets", subnets.union(&gateways).filter(|it| !is_own(it)).cloned().collect::<BTreeSet<_>>());
    out.put("subnets", subnets);
    out.put("gateways", gateways);
    out.put("ipam_driver", or("default", ipam.text("Driver")));
    out.put("internal", body.truth("Internal"));
    out.put("attachable", body.truth("Attachable"));
    out.put("ingress", body.truth("Ingress"));
    out.put("scope", body.text("Scope"));
    out.put("config_only", body.truth("ConfigOnly"));
    out.put("config_from", body.at("ConfigFrom").text("Network"));
    out.put("ipv6", body.truth("EnableIPv6"));
    out.put("labels", body.pair_set("Labels"));
}

/// The addresses that networks of one's own may have (RFC 1918, RFC 4193): the bits that are the same in all of them, and the least that
/// must be in those of one network, which would take the host's way to all others of a site.
const PRIVATE: [(IpAddr, u32, u32); 4] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8, 16),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12, 16),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16, 16),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7, 48),
];

/// Whether all addresses of a subnet, or the one address, are such. What cannot be read is not.
fn is_own(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, bits.parse().ok()),
        None => (text, Some(u32::MAX)),
    };
    let (Ok(address), Some(bits)) = (address.parse::<IpAddr>(), bits) else { return false };
    PRIVATE.iter().any(|(first, fixed, least)| {
        bits >= *least
            && match (address, first) {
                (IpAddr::V4(address), IpAddr::V4(first)) => {
                    address.to_bits().checked_shr(32 - fixed) == first.to_bits().checked_shr(32 - fixed)
                }
                (IpAddr::V6(address), IpAddr::V6(first)) => {
                    address.to_bits().checked_shr(128 - fixed) == first.to_bits().checked_shr(128 - fixed)
                }
                _ => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn ones_own_networks_are_within_the_ranges_for_that() {
        for own in
            ["10.1.0.0/16", "172.31.0.0/16", "172.16.0.0/16", "192.168.7.1", "192.168.7.0/24", "fd00:1::/64", "fd00::1"]
        {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "198.51.100.0/24",
            "127.0.0.0/8",
            "0.0.0.0/0",
            "10.0.0.0/7",
            "10.128.0.0/9",
            "172.16.0.0/12",
            "192.168.0.0/15",
            "fd00::/8",
            "172.15.0.0/16",
            "172.16.0.0/11",
            "192.169.0.0/16",
            "169.254.169.254",
            "100.64.0.0/10",
            "2001:db8::/32",
            "::/0",
            "::ffff:10.0.0.0/104",
            "fc00::/6",
            "10.0.0.0/",
            "10.0.0.0/x",
            "010.0.0.0/8",
            "ten",
            "",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }
}
