use std::{fmt, str::FromStr};

/// The port that agents use.
const DEFAULT_PORT: u16 = 7441;

/// Where a controller listens for agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// DNS name or IP address, v6 without brackets.
    pub host: String,
    pub port: u16,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a controller's address: write HOST:7441 or [IPV6]:7441")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.chars().take(80).collect());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(error)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(error)?) })
        } else {
            text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port.map_or(Ok(DEFAULT_PORT), str::parse).map_err(|_| error())?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let plain = !text.starts_with('[') && !host.is_empty() && host.chars().all(good);
        let v6 = text.starts_with('[') && host.parse::<std::net::Ipv6Addr>().is_ok();
        if port == 0 || !(plain || v6) {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip_and_others_are_refused() {
        for (text, shown) in [
            ("ctl.example:7000", "ctl.example:7000"),
            ("ctl", "ctl:7441"),
            ("10.0.0.1", "10.0.0.1:7441"),
            ("[::1]:9", "[::1]:9"),
            ("[fe80::1]", "[fe80::1]:7441"),
        ] {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(shown.to_owned()));
        }
        for bad in ["", ":7441", "a:b", "a:0", "a:99999", "::1", "https://a:7441", "[x]:1", "[::1", "[::1]x", "a b:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
