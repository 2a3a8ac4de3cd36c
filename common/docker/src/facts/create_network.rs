//! Facts of `container.create`: namespaces, networks and ports.

use super::{Sheet, Source};
use crate::{
    doc::Doc,
    limits::PORT_RANGE_MAX,
    lookup::{SHARED, is_network_name, linked, networks, shared_with},
    owner,
    version::ApiVersion,
    view::ContainerView,
};
use std::collections::BTreeSet;
use wharden_model::decision::UNKNOWN_OWNER;

/// Fields that may say `host`, and the namespace that is meant.
const HOST: &[(&str, &str)] = &[
    ("PidMode", "pid"),
    ("IpcMode", "ipc"),
    ("UTSMode", "uts"),
    ("UsernsMode", "user"),
    ("CgroupnsMode", "cgroup"),
    ("NetworkMode", "network"),
];

/// The namespaces that a `HostConfig` takes from the host by their modes.
pub fn host_namespaces(host: Doc<'_>) -> BTreeSet<String> {
    let of_host = HOST.iter().filter(|(field, _)| host.text(field).eq_ignore_ascii_case("host"));
    of_host.map(|(_, name)| (*name).to_owned()).collect()
}

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    let host = body.at("HostConfig");
    let mut names = host_namespaces(host);
    let joined = joined(source);
    // The host's network may also be asked for as a network, by its name or its id.
    if joined.contains("host") {
        names.insert("network".to_owned());
    }
    out.put("host_namespaces", names);
    let namespaces = || SHARED.iter().filter_map(|(field, name)| Some((*name, shared_with(host.text(field))?)));
    // A link shows the environment of the container at its other end.
    let shared = || namespaces().chain(host.texts("Links").map(|link| ("link", linked(link))));
    out.put("shared_namespaces", shared().map(|(name, with)| format!("{name}:{with}")).collect::<BTreeSet<_>>());
    let own = source.maker();
    // Of two of whom nothing is known, the one is not the other.
    let is_own = |with: &str| own != UNKNOWN_OWNER && owner_of(source, with).as_deref() == Some(own);
    let foreign = shared().filter(|(_, with)| !is_own(with));
    out.put("foreign_namespaces", foreign.map(|(name, with)| format!("{name}:{with}")).collect::<BTreeSet<_>>());
    out.put("pid_mode", host.text("PidMode"));
    // Below API 1.40 the Engine takes none to mean shareable.
    let old = source.canonical.version.is_some_and(|v| v < ApiVersion { major: 1, minor: 40 });
    out.put("ipc_mode", if old && host.text("IpcMode").is_empty() { "shareable" } else { host.text("IpcMode") });
    out.put("uts_mode", host.text("UTSMode"));
    out.put("userns_mode", host.text("UsernsMode"));
    out.put("cgroupns_mode", host.text("CgroupnsMode"));
    out.put("cgroup", host.text("Cgroup"));
    out.put("cgroup_parent", host.text("CgroupParent"));
    let mode = host.text("NetworkMode");
    out.put("network_mode", if mode.is_empty() { "default" } else { mode });
    out.put("network_disabled", body.truth("NetworkDisabled"));
    out.put("networks", joined);
    let mut foreign = source.foreign_networks();
    if source.canonical.action().starts_container() {
        // Until the engine looks, somebody may make one of that name.
        let named = networks(source.body()).into_iter().filter(|name| is_network_name(name));
        foreign.extend(named.filter(|name| !source.view.networks.contains_key(*name)).map(str::to_owned));
    }
    out.put("foreign_networks", foreign);
    let mut options = BTreeSet::new();
    for (_, endpoint) in body.at("NetworkingConfig").members("EndpointsConfig") {
        options.extend(endpoint.pair_set("DriverOpts"));
    }
    out.put("endpoint_options", options);
    // In the description of what is there, the engine's own choice stands in the same places.
    if !source.canonical.action().starts_container() {
        out.put("shared_mac_addresses", shared_mac_addresses(source));
    }
    out.put("links", host.texts("Links").map(|link| link_by_name(source, link)).collect::<BTreeSet<_>>());
    out.put("extra_hosts", host.text_set("ExtraHosts"));
    out.put("dns", host.text_set("Dns"));
    out.put("publish_all_ports", host.truth("PublishAllPorts"));
    out.put("exposed_ports", body.keys("ExposedPorts"));
    ports(host, out);
}

/// The hardware addresses that are asked for on networks where others may be too. One of the whole container is for the network of its
/// mode, or for those of the endpoints; those of endpoints count from Engine API 1.44 on.
fn shared_mac_addresses(source: &Source<'_>) -> BTreeSet<String> {
    let body = source.body();
    let own = |network: &str| {
        source
            .found_network(network)
            .is_some_and(|found| source.maker() != UNKNOWN_OWNER && owner::of(&found.labels) == source.maker())
    };
    let endpoints = || body.at("NetworkingConfig").members("EndpointsConfig");
    let of_all = body.text("MacAddress");
    let of_all = endpoints()
        .map(|(network, _)| network)
        .chain([body.at("HostConfig").text("NetworkMode")])
        .map(|it| (it, of_all));
    let of_each = endpoints().filter(|_| source.since(44));
    let asked = of_each.map(|(network, endpoint)| (network, endpoint.text("MacAddress"))).chain(of_all);
    asked
        .filter(|(network, address)| !address.is_empty() && !own(network))
        .map(|(_, address)| address.to_owned())
        .collect()
}

/// A link as it was asked for: the container's id was put in the place of its name.
fn link_by_name(source: &Source<'_>, link: &str) -> String {
    let named = link.split_once(':').and_then(|(id, alias)| Some(format!("{}:{alias}", container(source, id)?.name)));
    named.unwrap_or_else(|| link.to_owned())
}

/// The owner of a container; `None` when there is no such container. Names were resolved before facts are read.
pub fn owner_of(source: &Source<'_>, container: &str) -> Option<String> {
    self::container(source, container).map(ContainerView::owner)
}

/// A container by what it was looked up by, or by its id.
fn container<'v>(source: &Source<'v>, called: &str) -> Option<&'v ContainerView> {
    let containers = &source.view.containers;
    containers.get(called).or_else(|| containers.values().find(|found| found.id == called))
}

/// The networks joined, by name where it is known.
fn joined(source: &Source<'_>) -> BTreeSet<String> {
    let names = networks(source.body()).into_iter().filter(|n| shared_with(n).is_none());
    names
        .map(|name| match name {
            "" | "default" => "bridge".to_owned(),
            _ => source.network(name),
        })
        .collect()
}

fn ports(host: Doc<'_>, out: &mut Sheet) {
    let mut ports = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    let mut privileged = false;
    for (_, bindings) in host.members("PortBindings") {
        // To engines before 29 that is a port of the engine's choice, on all addresses.
        if bindings.own_items().next().is_none() {
            ports.insert(0);
            addresses.insert("0.0.0.0".to_owned());
        }
        for binding in bindings.own_items() {
            let (first, last) = range(binding.text("HostPort"));
            privileged |= first < 1024 && last > 0;
            if last.saturating_sub(first) < PORT_RANGE_MAX {
                ports.extend((first..=last).map(i64::from));
            } else {
                ports.extend([i64::from(first), i64::from(last)]);
            }
            let address = binding.text("HostIp");
            addresses.insert(if address.is_empty() { "0.0.0.0" } else { address }.to_owned());
        }
    }
    out.put("host_ports", ports);
    out.put("privileged_ports", privileged);
    out.put("host_ips", addresses);
}

/// A port or a range of them. What is neither is refused by the engine; until then it may be any port.
fn range(text: &str) -> (u32, u32) {
    const ANY: (u32, u32) = (0, 65_535);
    let text = text.trim();
    if text.is_empty() {
        return (0, 0);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
        (Ok(first), Ok(last)) if first <= last => (first.into(), last.into()),
        _ => ANY,
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ports_and_ranges_are_read_and_nonsense_is_any_port() {
        assert_eq!(range(""), (0, 0));
        assert_eq!(range("80"), (80, 80));
        assert_eq!(range("22-25"), (22, 25));
        for odd in ["25-22", "x", "-", "65536", "1-2-3"] {
            assert_eq!(range(odd), (0, 65_535), "{odd}");
        }
    }
}
