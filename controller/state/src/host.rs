//! Hosts.

use crate::{
    apply::{Context, State},
    command::HostCommand,
    entry::{Applied, Change, Kind, Rejection, Reply},
    limits,
};
use serde::{Deserialize, Serialize};
use wharden_model::{HostId, Labels, Posture, Timestamp, TokenId};

/// An enrolled host: the durable facts. Whether it is connected is known to the controller that holds its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The name that it enrolled with; not unique.
    pub name: String,
    pub labels: Labels,
    pub posture: Posture,
    pub token: TokenId,
    pub enrolled_at: Timestamp,
    /// Serial number of its newest certificate, hex.
    pub serial: String,
    pub certificate_expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

impl State {
    pub(crate) fn apply_host(&mut self, context: &mut Context<'_>, command: &HostCommand) -> Reply {
        match command {
            HostCommand::Enrol { id, token, token_hash, name, serial, certificate_expires_at } => {
                let (labels, posture) = self.use_token(token, token_hash, context.at)?;
                if self.hosts.contains_key(id) {
                    return Err(Rejection::Exists { kind: Kind::Host, name: id.to_string() });
                }
                if self.hosts.len() >= limits::HOSTS_MAX {
                    return Err(Rejection::Limit { what: Kind::Host, max: limits::HOSTS_MAX });
                }
                let host = Host {
                    name: name.clone(),
                    labels,
                    posture,
                    token: token.clone(),
                    enrolled_at: context.at,
                    serial: serial.clone(),
                    certificate_expires_at: *certificate_expires_at,
                    revoked_at: None,
                };
                self.hosts.insert(id.clone(), host.into());
                return Ok(Applied::Host { id: id.clone() });
            }
            HostCommand::Renew { id, serial, certificate_expires_at } => {
                let host = self.live_host_mut(id)?;
                host.serial.clone_from(serial);
                host.certificate_expires_at = *certificate_expires_at;
            }
            HostCommand::Patch { id, labels, posture } => {
                let host = self.live_host_mut(id)?;
                host.labels = labels.clone().unwrap_or_else(|| host.labels.clone());
                host.posture = posture.unwrap_or(host.posture);
                context.policy_changed();
            }
            HostCommand::Revoke { id } => {
                self.live_host_mut(id)?.revoked_at = Some(context.at);
                context.changes.push(Change::HostRevoked(id.clone()));
            }
            // The audit is all of it. Also of a host that was revoked meanwhile: it did happen.
            HostCommand::BreakGlass { id, .. } => {
                if !self.hosts.contains_key(id) {
                    return Err(Rejection::NotFound { kind: Kind::Host, name: id.to_string() });
                }
            }
        }
        Ok(Applied::Done)
    }

    fn live_host_mut(&mut self, id: &HostId) -> Result<&mut Host, Rejection> {
        let host =
            self.hosts.get_mut(id).ok_or_else(|| Rejection::NotFound { kind: Kind::Host, name: id.to_string() })?;
        if host.revoked_at.is_some() { Err(Rejection::Revoked(id.clone())) } else { Ok(host) }
    }
}
