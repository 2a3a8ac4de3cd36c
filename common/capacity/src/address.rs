//! Addresses of containers in networks, and the ranges that networks have.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// An address that somebody fixed for a container in a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Name of the network.
    pub network: String,
    pub ip: IpAddr,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of network {}", self.ip, self.network)
    }
}

/// A range of addresses, `172.18.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    first: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// Whether an address is one of it.
    pub fn holds(&self, ip: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let same = (bits(self.first) ^ bits(ip)).leading_zeros();
        self.first.is_ipv4() == ip.is_ipv4() && same >= u32::from(self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = NoSubnet;

    fn from_str(text: &str) -> Result<Self, NoSubnet> {
        let (first, prefix) = text.split_once('/').ok_or(NoSubnet)?;
        let first: IpAddr = first.parse().map_err(|_| NoSubnet)?;
        let prefix = prefix.parse().map_err(|_| NoSubnet)?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        if prefix <= longest { Ok(Self { first, prefix }) } else { Err(NoSubnet) }
    }
}

/// A text that is no range of addresses (RFC 4632, RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSubnet;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_as_it_does() {
        let holds =
            |subnet: &str, ip: &str| subnet.parse::<Subnet>().expect("a range").holds(ip.parse().expect("an address"));
        for (subnet, ip) in [("172.18.0.0/16", "172.18.255.9"), ("0.0.0.0/0", "9.9.9.9"), ("fd00::/64", "fd00::9")] {
            assert!(holds(subnet, ip), "{ip} is in {subnet}");
        }
        for (subnet, ip) in [("172.18.0.0/16", "172.19.0.9"), ("10.0.0.9/32", "10.0.0.8"), ("::/0", "10.0.0.8")] {
            assert!(!holds(subnet, ip), "{ip} is not in {subnet}");
        }
        for text in ["", "10.0.0.0", "10.0.0.0/33", "ten/8", "fd00::/129"] {
            assert_eq!(text.parse::<Subnet>(), Err(NoSubnet), "{text}");
        }
    }
}
