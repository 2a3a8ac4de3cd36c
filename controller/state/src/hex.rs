use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes, written as lower-case hex. What is secret is sealed before it becomes one of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex(pub Vec<u8>);

impl From<Hex> for String {
    fn from(hex: Hex) -> Self {
        hex.to_string()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.len().is_multiple_of(2) {
            return Err("hex with an odd number of digits".to_owned());
        }
        text.as_bytes()
            .chunks(2)
            .map(|pair| {
                let digits = std::str::from_utf8(pair).map_err(|e| e.to_string())?;
                u8::from_str_radix(digits, 16).map_err(|e| format!("{digits:?} is not hex: {e}"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl From<[u8; 32]> for Hex {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }
}
