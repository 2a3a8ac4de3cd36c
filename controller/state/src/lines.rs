//! What the audit calls an entry: as policy calls the action, so that what was allowed and what was refused of it have one
//! name. Read off the state as it was before the entry.

use crate::{
    apply::State,
    command::{CapacityCommand, Command, HostCommand, Line, PolicyCommand, PolicyOrigin, SessionCommand, UserCommand},
    entry::Entry,
    level::LEVEL_ACTION_NAMES,
};
use wharden_model::{AdminAction, SessionId};

fn named(action: AdminAction, line: Line) -> Line {
    Line { action: action.name().to_owned(), ..line }
}

impl State {
    /// The lines about an entry: one for each action that it is; none for routine that the audit leaves out.
    pub(crate) fn lines(&self, entry: &Entry) -> Vec<Line> {
        let Some(line) = entry.command.line() else { return Vec::new() };
        if self.level < LEVEL_ACTION_NAMES {
            return vec![line];
        }
        let line = match &entry.command {
            Command::Policy(PolicyCommand::Put { name, origin, .. }) => match origin {
                PolicyOrigin::Pack => named(AdminAction::PackApply, line),
                PolicyOrigin::Put if !self.policies.contains_key(name) => named(AdminAction::PolicyCreate, line),
                PolicyOrigin::Put | PolicyOrigin::Rollback { .. } => named(AdminAction::PolicyUpdate, line),
            },
            Command::Host(HostCommand::Patch { labels, posture, .. }) => {
                let with = |action, detail| Line { detail, ..named(action, line.clone()) };
                let labels = labels.as_ref().map(|l| with(AdminAction::HostLabel, format!("labels {l}")));
                let posture = posture.map(|p| with(AdminAction::HostPosture, format!("posture {p}")));
                return labels.into_iter().chain(posture).collect();
            }
            Command::User(UserCommand::Reset { .. }) => named(AdminAction::UserInvite, line),
            Command::Capacity(CapacityCommand::PutThresholds { .. }) => named(AdminAction::CapacityUpdate, line),
            Command::Capacity(CapacityCommand::DeleteThresholds { .. }) => {
                Line { detail: "deleted".to_owned(), ..named(AdminAction::CapacityUpdate, line) }
            }
            Command::Session(SessionCommand::Close { id }) => self.close_line(entry, id, line),
            _ => line,
        };
        vec![line]
    }

    /// Whoever ends its own session logs out; another's, or another of its own, is revoked.
    fn close_line(&self, entry: &Entry, id: &SessionId, line: Line) -> Line {
        let own = entry.session() == Some(id);
        match self.sessions.get(id) {
            Some(session) if !own => {
                Line::new(AdminAction::SessionRevoke.name(), format!("user {}", session.user), format!("session {id}"))
            }
            _ => line,
        }
    }
}
