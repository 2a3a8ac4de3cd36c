//! Facts of networks.

use super::{Sheet, Source};
use std::collections::BTreeSet;
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
    out.put("subnets", configs("Subnet"));
    out.put("gateways", configs("Gateway"));
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
