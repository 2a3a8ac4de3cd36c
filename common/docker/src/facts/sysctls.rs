//! Settings of the kernel that are of more than the container itself.

use crate::doc::Doc;
use std::collections::BTreeSet;

/// What an interface or all of them may be told: how the container itself takes and sends what is meant for it.
const OF_ITSELF: [&str; 12] = [
    "accept_dad",
    "accept_redirects",
    "accept_source_route",
    "addr_gen_mode",
    "autoconf",
    "disable_ipv6",
    "forwarding",
    "log_martians",
    "rp_filter",
    "secure_redirects",
    "src_valid_mark",
    "use_tempaddr",
];

/// Names of the settings by which a container could answer or speak for others on its networks: of its own, and of those that its
/// endpoints are to have (from Engine API 1.48 on, as `net.…=value,…`).
pub fn routing<'d>(container: Doc<'d>, endpoints: impl Iterator<Item = Doc<'d>>) -> BTreeSet<String> {
    let own = container.members("Sysctls").map(|(name, _)| name);
    let of_endpoints = endpoints.flat_map(|endpoint| {
        let said = endpoint.at("DriverOpts").text("com.docker.network.endpoint.sysctls");
        said.split(',').map(|one| one.split('=').next().unwrap_or_default())
    });
    own.filter_map(reaching).chain(of_endpoints.filter_map(reaching_of_endpoint)).collect()
}

/// The engine makes paths of parts of these, one of which is the name of the interface: whatever is not in the one form that is meant
/// may be of another.
fn reaching_of_endpoint(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    match parts.as_slice() {
        [] | [""] => None,
        ["net", "ipv4" | "ipv6" | "mpls", "conf" | "neigh", "IFNAME" | "ifname", last] if plain(last) => reaching(name),
        _ => Some(name.to_owned()),
    }
}

/// What is said of interfaces and of neighbours beside [`OF_ITSELF`], in the kernel's own spelling.
fn reaching(name: &str) -> Option<String> {
    // Runtimes make a path of it, of any number of dots and slashes.
    let parts: Vec<&str> = name.split(['.', '/']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let reaches = match parts.as_slice() {
        ["net", _, "conf", .., last] => !(OF_ITSELF.contains(last) || last.starts_with("accept_ra")),
        ["net", _, "neigh", ..] | ["net", _, "ip_nonlocal_bind"] => true,
        _ => false,
    };
    reaches.then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_endpoints_have_one_form() {
        for own in ["net.ipv4.conf.IFNAME.rp_filter", "net.ipv6.conf.IFNAME.disable_ipv6", ""] {
            assert_eq!(reaching_of_endpoint(own), None, "{own}");
        }
        for reaching in [
            "net.ipv4.conf.IFNAME.proxy_arp",
            "net.ipv4..IFNAME.all/proxy_arp_pvlan",
            "net.ipv4.conf.IFNAME.../all/rp_filter",
            "net.ipv4.neigh.IFNAME.proxy_delay",
            "x",
        ] {
            assert_eq!(reaching_of_endpoint(reaching).as_deref(), Some(reaching));
        }
    }

    #[test]
    fn settings_that_answer_for_others_are_told_from_those_of_the_container_itself() {
        for own in [
            "net.ipv6.conf.all.disable_ipv6",
            "net.ipv6.conf.eth0.accept_ra_rt_info_max_plen",
            "net.ipv4.conf.all.src_valid_mark",
            "net/ipv4/conf/eth0/rp_filter",
            "net.ipv4.ip_forward",
            "net.core.somaxconn",
            "net.ipv4.ping_group_range",
            "kernel.shmmax",
            "",
        ] {
            assert_eq!(reaching(own), None, "{own}");
        }
        for (name, shown) in [
            ("net.ipv4.conf.eth0.proxy_arp_pvlan", "net.ipv4.conf.eth0.proxy_arp_pvlan"),
            ("net/ipv4/conf/eth0.100/proxy_arp", "net.ipv4.conf.eth0.100.proxy_arp"),
            ("net..ipv4./conf.all.arp_ignore", "net.ipv4.conf.all.arp_ignore"),
            ("net.ipv6.conf.IFNAME.proxy_ndp", "net.ipv6.conf.IFNAME.proxy_ndp"),
            ("net.ipv4.neigh.default.proxy_delay", "net.ipv4.neigh.default.proxy_delay"),
            ("net.ipv6.ip_nonlocal_bind", "net.ipv6.ip_nonlocal_bind"),
        ] {
            assert_eq!(reaching(name).as_deref(), Some(shown), "{name}");
        }
    }
}
