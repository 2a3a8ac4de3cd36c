//! Failed logins: counted by name and by address, whether or not there is such a user, and waiting for longer and longer.
//!
//! ```text
//!  failed ── device known to the account? ── no ──▶ name + 1, address + 1 ──▶ too many: both wait, 2 s, 4 s, … 15 min
//!                     │ yes
//!                     ▼
//!              device + 1 ──▶ too many: the device is not known any more
//! ```
//!
//! An admin sees how many there were of a name, and where they came from, and can lift the wait.
//!
//! Whoever guesses a name's password from elsewhere makes that name wait, and no device that its owner logged in from: a
//! login from there passes whatever others do. A device token by itself opens nothing.

use crate::{
    apply::{State, retain},
    command::DeviceProof,
    entry::Rejection,
    hex::Hex,
    level::{LEVEL_SOURCES, LEVEL_UNLOCK},
    limits,
};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use wharden_model::{Timestamp, UserName};

/// Failed logins of one name or address since the last good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub count: u32,
    pub last_at: Timestamp,
    /// No login is tried before.
    pub locked_until: Timestamp,
    /// How many of them came from which address, those of a name; the addresses with the fewest are left out.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    sources: OrdMap<String, u32>,
}

/// A device that an account was logged in from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub last_at: Timestamp,
    /// Failed logins from it since the last good one.
    pub failed: u32,
}

impl Failures {
    fn add(&mut self, free: u32, now: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.last_at = now;
        if self.count > free {
            let wait = 1u64.checked_shl(self.count - free).unwrap_or(u64::MAX);
            self.locked_until = now.plus_secs(wait.min(limits::LOCK_MAX_S));
        }
    }

    /// Addresses, and how many came from each.
    pub fn sources(&self) -> impl Iterator<Item = (String, u32)> {
        self.sources.iter().map(|(source, failed)| (shown(source), *failed))
    }

    fn came_from(&mut self, source: &str) {
        if self.sources.len() >= limits::FAILURE_SOURCES_MAX && !self.sources.contains_key(source) {
            let fewest = self.sources.iter().min_by_key(|(_, failed)| **failed).map(|(source, _)| source.clone());
            fewest.and_then(|fewest| self.sources.remove(&fewest));
        }
        let failed = self.sources.entry(source.to_owned()).or_default();
        *failed = failed.saturating_add(1);
    }
}

impl State {
    /// An error when no login of this name from this address may be tried now.
    ///
    /// # Errors
    /// [`Rejection::Locked`] with the seconds to wait.
    pub fn check_not_locked(
        &self,
        name: &str,
        source: &str,
        device: Option<&Hex>,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        if device.is_some_and(|device| self.knows_device(name, device)) {
            return Ok(());
        }
        let counted = [self.failures.get(name), self.source_failures.get(&network(source))];
        match counted.into_iter().flatten().map(|f| f.locked_until).max() {
            Some(until) if until > now => Err(Rejection::Locked { seconds: until.millis_since(now).div_ceil(1000) }),
            _ => Ok(()),
        }
    }

    /// True when this account was logged in from a device with this token.
    pub fn knows_device(&self, name: &str, device: &Hex) -> bool {
        let account = self.users.get(name).and_then(|user| user.account.as_ref());
        account.is_some_and(|account| account.devices.contains_key(device))
    }

    pub(crate) fn count_failure(&mut self, name: &str, source: &str, device: Option<&Hex>, now: Timestamp) {
        let account = self.users.get_mut(name).and_then(|user| user.account.as_mut());
        if let (Some(account), Some(device)) = (account, device)
            && let Some(known) = account.devices.get_mut(device)
        {
            known.failed += 1;
            if known.failed >= limits::DEVICE_FAILURES_MAX {
                account.devices.remove(device);
            }
            return;
        }
        if self.level >= LEVEL_SOURCES {
            retain(&mut self.source_failures, |f| f.last_at.plus_secs(limits::SOURCE_FAILURES_KEPT_S) > now);
        }
        count(&mut self.failures, name.to_owned(), limits::FREE_FAILURES, now);
        if self.level >= LEVEL_UNLOCK
            && let Some(failures) = self.failures.get_mut(name)
        {
            failures.came_from(&network(source));
        }
        count(&mut self.source_failures, network(source), limits::FREE_SOURCE_FAILURES, now);
    }

    pub(crate) fn forget_failures(&mut self, name: &str, source: &str) {
        self.failures.remove(name);
        let source = network(source);
        let Some(mut failures) = self.source_failures.remove(&source) else { return };
        // Whoever has one account could else clear what it guesses of others from the same address.
        failures.count = failures.count.saturating_sub(1);
        if self.level >= LEVEL_SOURCES && failures.count > 0 {
            self.source_failures.insert(source, failures);
        }
    }

    /// Forgets the failed logins of a name, at the addresses that they came from too: whoever is let in again sits at one of them.
    pub(crate) fn unlock(&mut self, name: &UserName) {
        let Some(failures) = self.failures.remove(name.as_str()) else { return };
        for (source, failed) in &failures.sources {
            let Some(at_source) = self.source_failures.get_mut(source) else { continue };
            at_source.count = at_source.count.saturating_sub(*failed);
            if at_source.count <= limits::FREE_SOURCE_FAILURES {
                at_source.locked_until = Timestamp::default();
            }
            if at_source.count == 0 {
                self.source_failures.remove(source);
            }
        }
    }

    /// Notes the device of a good login: its token is replaced, or one more device is known.
    pub(crate) fn remember_device(
        &mut self,
        user: &UserName,
        proof: &DeviceProof,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let account = self.user_mut(user)?.account.as_mut().ok_or(Rejection::BadCredentials)?;
        if let Some(shown) = &proof.shown {
            account.devices.remove(shown);
        }
        account.devices.insert(proof.given.clone(), Device { last_at: now, failed: 0 });
        while account.devices.len() > limits::DEVICES_MAX {
            let oldest = account.devices.iter().min_by_key(|(_, device)| device.last_at).map(|(hash, _)| hash.clone());
            let Some(oldest) = oldest else { break };
            account.devices.remove(&oldest);
        }
        Ok(())
    }
}

fn count(map: &mut OrdMap<String, Failures>, key: String, free: u32, now: Timestamp) {
    let mut failures = map.get(&key).cloned().unwrap_or_default();
    failures.add(free, now);
    map.insert(key, failures);
    if map.len() > limits::FAILURES_MAX {
        // What does not wait goes before what does: a flood of names frees nobody who waits.
        let oldest = map.iter().min_by_key(|(_, f)| (f.locked_until, f.last_at)).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            map.remove(&oldest);
        }
    }
}

/// Whoever has an IPv6 address has its whole /64 network.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => format!("{:x?}", &ip.segments()[..4]),
        },
        _ => source.to_owned(),
    }
}

/// The same as people write it.
fn shown(network: &str) -> String {
    match network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(parts) => format!("{}::/64", parts.replace(", ", ":")),
        None => network.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(shown(&network("2001:db8:1:2::1")), "2001:db8:1:2::/64");
        assert_eq!(shown(&network("192.0.2.1")), "192.0.2.1");
    }
}
