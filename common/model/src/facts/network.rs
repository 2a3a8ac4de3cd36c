//! Facts of networks.

use super::{FactSpec, FactType, fact};

/// `network.create`.
pub const CREATE: &[FactSpec] = &[
    fact("name", FactType::String, "$.Name", "", "as given"),
    fact("driver", FactType::String, "$.Driver", "5.30", "bridge when none is given"),
    fact("options", FactType::Set, "$.Options", "2.2 5.14", "key=value"),
    fact(
        "parent",
        FactType::String,
        "$.Options",
        "",
        "interface of the host that a macvlan or ipvlan uses, or the bridge, which may be there already",
    ),
    fact("subnets", FactType::Set, "$.IPAM", "", "as given"),
    fact("gateways", FactType::Set, "$.IPAM", "", "as given"),
    fact(
        "foreign_subnets",
        FactType::Set,
        "$.IPAM",
        "",
        "those of both that are not within the ranges for private networks (RFC 1918, RFC 4193), or larger than /16, of IPv6 /48",
    ),
    fact("ipam_driver", FactType::String, "$.IPAM", "", "default when none is given"),
    fact("internal", FactType::Bool, "$.Internal", "", "without a way out"),
    fact("attachable", FactType::Bool, "$.Attachable", "", "containers may join a network of the swarm"),
    fact("ingress", FactType::Bool, "$.Ingress", "", "carries published ports of the swarm"),
    fact("scope", FactType::String, "$.Scope", "", "local or swarm"),
    fact("config_only", FactType::Bool, "$.ConfigOnly", "", "is only a set of options"),
    fact("config_from", FactType::String, "$.ConfigFrom", "", "network whose options are taken over"),
    fact("ipv6", FactType::Bool, "$.EnableIPv6", "", "has IPv6"),
    fact("labels", FactType::Set, "$.Labels", "", "key=value"),
];

/// `network.inspect`.
pub const INSPECT: &[FactSpec] =
    &[fact("verbose", FactType::Bool, "query:verbose", "", "with the services on it, and their tasks")];

/// `network.connect`.
pub const CONNECT: &[FactSpec] = &[
    fact("container", FactType::String, "$.Container", "5.30", "name of the container"),
    fact("container_id", FactType::String, "$.Container", "5.30", "its full id"),
    fact("container_image", FactType::String, "$.Container", "", "reference that it was created with"),
    fact("container_labels", FactType::Set, "$.Container", "", "its labels as key=value"),
    fact("container_owner", FactType::String, "$.Container", "", "its owner; empty when nobody is known to"),
    fact("container_networks", FactType::Set, "$.Container", "", "networks that it is on already"),
    fact("addresses", FactType::Set, "$.EndpointConfig", "", "static addresses asked for"),
    fact("aliases", FactType::Set, "$.EndpointConfig", "", "names in the network"),
    fact("mac_address", FactType::String, "$.EndpointConfig", "", "as given"),
    fact("driver_options", FactType::Set, "$.EndpointConfig", "", "key=value"),
    fact("routing_sysctls", FactType::Set, "$.EndpointConfig", "", "see container.create"),
    fact("links", FactType::Set, "$.EndpointConfig", "", "as given"),
];

/// `network.disconnect`.
pub const DISCONNECT: &[FactSpec] = &[
    fact("container", FactType::String, "$.Container", "", "name of the container"),
    fact("container_id", FactType::String, "$.Container", "", "its full id"),
    fact("container_labels", FactType::Set, "$.Container", "", "its labels as key=value"),
    fact("container_owner", FactType::String, "$.Container", "", "its owner; empty when nobody is known to"),
    fact("force", FactType::Bool, "$.Force", "", "also when the container is gone"),
];
