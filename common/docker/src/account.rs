//! The user that a process will run as.

/// What a `User` field says about the uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// It is or may be uid 0.
    pub may_be_root: bool,
    /// It is a name other than root, or its group is one: the image says which number that is.
    pub by_name: bool,
}

/// Greatest uid that the Engine takes.
const UID_MAX: u32 = i32::MAX as u32;

impl Account {
    /// The same with groups on top.
    pub fn with_groups<'g>(self, mut groups: impl Iterator<Item = &'g str>) -> Self {
        let by_name = self.by_name || !groups.all(is_gid);
        Self { may_be_root: self.may_be_root || by_name, by_name }
    }
}

/// Digits only: what Go's strconv.Atoi takes and what it does not is one thing more to know.
fn is_gid(group: &str) -> bool {
    group.bytes().all(|b| b.is_ascii_digit()) && group.parse::<u32>().is_ok()
}

/// Reads `user`, `uid`, `user:group`, ...; empty is root.
pub fn account(user: &str) -> Account {
    // As the Engine reads it: nothing is trimmed, so that what has a space in it is a name.
    let name = user.split(':').next().unwrap_or_default();
    if name.is_empty() || name == "root" {
        return Account { may_be_root: true, by_name: false };
    }
    // Go's strconv.Atoi, with which the Engine tells numbers from names, takes a sign and leading zeros. Numbers that are
    // no uid are names to it.
    let number = name.strip_prefix(['+', '-']).unwrap_or(name);
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        let is_uid = number.parse::<u32>().is_ok_and(|uid| uid <= UID_MAX && (uid == 0 || !name.starts_with('-')));
        let group = user.split_once(':').map_or("", |(_, group)| group);
        // What runs in the container chooses the file in which the engine looks for a group by its name, with each command.
        let by_name = !is_uid || !(group.is_empty() || is_gid(group));
        return Account { may_be_root: by_name || number.bytes().all(|b| b == b'0'), by_name };
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
        for name in ["1000 ", " 1000", "1000\n", "1 0", "-1", "4294967296", "2147483648", "١٠", "0x10", "1e3"] {
            assert_eq!(account(name), Account { may_be_root: true, by_name: true }, "{name:?}");
        }
        for other in ["1000", "1000:0", "65534", "10", "+5", "2147483647", "1000:"] {
            assert!(!account(other).may_be_root, "{other}");
        }
        for name in ["nginx", "1000:root", "1000:+5", "1000:1:2", "1000: ", "1000:99999999999999999999"] {
            assert_eq!(account(name), Account { may_be_root: true, by_name: true }, "{name}");
        }
        let with = |groups: &[&str]| account("1000").with_groups(groups.iter().copied()).by_name;
        assert!(with(&["44", "video"]) && with(&[""]) && !with(&["44", "0"]) && !with(&[]));
    }
}
