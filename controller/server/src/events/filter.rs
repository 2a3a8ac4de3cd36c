use super::QueryError;
use std::collections::BTreeSet;
use wharden_model::HostId;
use wharden_state::State;

/// Hosts whose events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostFilter {
    /// Every host's.
    Any,
    /// Those of these hosts.
    Only(BTreeSet<HostId>),
}

impl HostFilter {
    /// The hosts that a query names by id or name; several hosts may have one name.
    ///
    /// # Errors
    /// [`QueryError::UnknownHost`].
    pub fn resolve(state: &State, host: Option<&str>) -> Result<Self, QueryError> {
        let Some(wanted) = host else { return Ok(Self::Any) };
        let hosts: BTreeSet<HostId> = state
            .hosts
            .iter()
            .filter(|(id, host)| id.as_str() == wanted || host.name == wanted)
            .map(|(id, _)| id.clone())
            .collect();
        if hosts.is_empty() {
            Err(QueryError::UnknownHost(wanted.chars().take(80).collect()))
        } else {
            Ok(Self::Only(hosts))
        }
    }
}
