//! What the audit says of an entry besides its command: from where it came, how that was proved, and what was there
//! before. Read off the state as it was before the entry; nothing of it is secret.

use crate::{
    access::User,
    apply::State,
    command::{
        AccountCommand, CapacityCommand, Command, GroupCommand, HostCommand, PolicyCommand, SessionCommand,
        TokenCommand, UserCommand,
    },
    entry::Entry,
};
use wharden_model::UserName;

/// Of one entry.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub source: String,
    pub factors: String,
    pub before: String,
}

impl State {
    pub(crate) fn witness(&self, entry: &Entry) -> Witness {
        let origin = entry.origin.as_ref();
        let source = match &entry.command {
            Command::Session(SessionCommand::Open { source, .. } | SessionCommand::Fail { source, .. }) => {
                source.clone()
            }
            _ => origin.and_then(|origin| origin.source.clone()).unwrap_or_default(),
        };
        let factors = match (&entry.command, origin) {
            (Command::Session(SessionCommand::Open { proof, .. }), _) => format!("password, {}", proof.name()),
            (_, Some(origin)) => {
                let session = origin.session.as_ref().and_then(|id| self.sessions.get(id));
                let session = session.map(|session| format!("session with password, {}", session.second_factor));
                let code = origin.step_up.as_ref().map(|proof| format!("{} with the request", proof.name()));
                session.into_iter().chain(code).collect::<Vec<_>>().join("; ")
            }
            _ => String::new(),
        };
        Witness { source, factors, before: self.before(&entry.command).unwrap_or_default() }
    }

    fn before(&self, command: &Command) -> Option<String> {
        match command {
            Command::User(
                UserCommand::SetDisabled { name, .. }
                | UserCommand::Delete { name }
                | UserCommand::Invite { name, .. }
                | UserCommand::Reset { name, .. },
            )
            | Command::Account(AccountCommand::Recover { user: name, .. }) => {
                self.users.get(name).map(|user| self.user_before(name, user))
            }
            Command::User(UserCommand::Unlock { name }) => {
                let failures = self.failures.get(name.as_str())?;
                let from = failures.sources().map(|(source, failed)| format!("{source} ({failed})"));
                let (count, until, from) = (failures.count, failures.locked_until, from.collect::<Vec<_>>().join(" "));
                Some(format!("{count} failed logins, locked until {until}, from {from}"))
            }
            Command::Group(
                GroupCommand::Delete { name } | GroupCommand::Add { name, .. } | GroupCommand::Remove { name, .. },
            ) => {
                let members = self.groups.get(name)?.members.iter().map(AsRef::as_ref);
                Some(format!("members {}", listed(members.collect())))
            }
            Command::Token(TokenCommand::Delete { id }) => {
                let token = self.tokens.get(id)?;
                let (uses, until) = (token.uses_left, token.expires_at);
                Some(format!("uses left {uses}, until {until}, labels {}, posture {}", token.labels, token.posture))
            }
            Command::Host(HostCommand::Patch { id, .. } | HostCommand::Revoke { id }) => {
                let host = self.hosts.get(id)?;
                Some(format!("name {}, labels {}, posture {}", host.name, host.labels, host.posture))
            }
            Command::Policy(PolicyCommand::Put { name, .. } | PolicyCommand::Delete { name }) => {
                let policy = &self.policies.get(name)?.current;
                let (version, mode, rules) = (policy.version, policy.mode, policy.rules);
                Some(format!("version {version}, {rules} rules, {} bytes, mode {mode}", policy.text.len()))
            }
            Command::Capacity(
                CapacityCommand::PutThresholds { name, .. } | CapacityCommand::DeleteThresholds { name },
            ) => {
                let held = self.thresholds.get(name)?;
                Some(format!("{} marks for {:?}", held.rule.marks.len(), held.rule.selector.to_string()))
            }
            _ => None,
        }
    }

    fn user_before(&self, name: &UserName, user: &User) -> String {
        let groups = self.groups_of(name);
        let account = if user.account.is_some() { "with an account" } else { "without an account" };
        let groups = listed(groups.iter().map(AsRef::as_ref).collect());
        format!("disabled {}, {account}, groups {groups}", user.disabled)
    }
}

/// Names, as many as a record has room for.
fn listed(names: Vec<&str>) -> String {
    const SHOWN: usize = 12;
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(" ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
