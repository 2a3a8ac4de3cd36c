//! Networks and their endpoints.

use crate::json::{Shape, TEXT_MAP, TEXTS};
use Shape::{Bool, Int, List, Map, Object, Text};

pub const ENDPOINT: Shape = Object(&[
    ("IPAMConfig", Object(&[("IPv4Address", Text), ("IPv6Address", Text), ("LinkLocalIPs", TEXTS)])),
    ("Links", TEXTS),
    ("Aliases", TEXTS),
    ("NetworkID", Text),
    ("EndpointID", Text),
    ("Gateway", Text),
    ("IPAddress", Text),
    ("IPPrefixLen", Int),
    ("IPv6Gateway", Text),
    ("GlobalIPv6Address", Text),
    ("GlobalIPv6PrefixLen", Int),
    ("MacAddress", Text),
    ("DriverOpts", TEXT_MAP),
    ("GwPriority", Int),
    ("DNSNames", TEXTS),
]);

pub const CREATE: Shape = Object(&[
    ("Name", Text),
    ("CheckDuplicate", Bool),
    ("Driver", Text),
    ("Scope", Text),
    ("EnableIPv4", Bool),
    ("EnableIPv6", Bool),
    (
        "IPAM",
        Object(&[
            ("Driver", Text),
            ("Options", TEXT_MAP),
            (
                "Config",
                List(&Object(&[
                    ("Subnet", Text),
                    ("IPRange", Text),
                    ("Gateway", Text),
                    ("AuxiliaryAddresses", TEXT_MAP),
                ])),
            ),
        ]),
    ),
    ("Internal", Bool),
    ("Attachable", Bool),
    ("Ingress", Bool),
    ("ConfigOnly", Bool),
    ("ConfigFrom", Object(&[("Network", Text)])),
    ("Options", TEXT_MAP),
    ("Labels", TEXT_MAP),
]);

pub const CONNECT: Shape = Object(&[("Container", Text), ("EndpointConfig", ENDPOINT)]);

pub const DISCONNECT: Shape = Object(&[("Container", Text), ("Force", Bool)]);

pub const ENDPOINTS: Shape = Map(&ENDPOINT);
