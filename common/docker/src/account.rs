//! The user that a process will run as.

/// What a `User` field says about the uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// It is or may be uid 0.
    pub may_be_root: bool,
    /// It is a name other than root: the image says which number that is.
    pub by_name: bool,
}

/// Reads `user`, `uid`, `user:group`, ...; empty is root.
pub fn account(user: &str) -> Account {
    let name = user.split(':').next().unwrap_or_default().trim();
    // Go's strconv.Atoi, with which the Engine tells numbers from names, takes a sign and leading zeros.
    let number = name.strip_prefix(['+', '-']).unwrap_or(name);
    if name.is_empty() || name == "root" {
        return Account { may_be_root: true, by_name: false };
    }
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return Account { may_be_root: number.bytes().all(|b| b == b'0'), by_name: false };
    }
    Account { may_be_root: true, by_name: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_root_is_root() {
        for root in ["", "0", "00", "root", "0:0", "root:users", "+0", "-0", ":0", "0:1000"] {
            assert_eq!(account(root), Account { may_be_root: true, by_name: false }, "{root}");
        }
        for other in ["1000", "1000:0", "65534", "10"] {
            assert!(!account(other).may_be_root, "{other}");
        }
        assert_eq!(account("nginx"), Account { may_be_root: true, by_name: true });
    }
}
