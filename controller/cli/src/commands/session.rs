//! `session`: who is logged in, and ending that.

use super::each::Each;
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    output::{Cell, Look, Tone, ago, table},
};
use clap::{ArgGroup, Args, Subcommand};
use wharden_model::{
    AdminAction, SessionId, UserName,
    api::{RevokeSessions, RevokedSessions, Session},
};

const HELP: &str = "\
Everybody may list and end their own sessions; those of others as policy says. Ending a session also
ends the certificates for Docker that were made in it.

Examples:
  wharden session list
  wharden session revoke --all                # all of mine but this one
  wharden session revoke --all --user bob";

/// Commands of `session`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Sessions {
    /// List open sessions
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this user
        #[arg(long, value_name = "USER")]
        user: Option<UserName>,
    },
    /// End sessions
    Revoke(Revoke),
}

/// Flags of `session revoke`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(false))]
pub struct Revoke {
    /// Sessions to end
    #[arg(value_name = "ID", group = "which")]
    ids: Vec<SessionId>,
    /// End all, but the one that this command uses
    #[arg(long, group = "which")]
    all: bool,
    /// With --all: those of this user in place of one's own
    #[arg(long, value_name = "USER", requires = "all")]
    user: Option<UserName>,
}

/// `wharden session …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Sessions, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Sessions::List { user } => {
            let mut sessions: Vec<Session> = context.api()?.call(Call::get(&["sessions"])).await?;
            sessions.retain(|session| user.as_ref().is_none_or(|user| session.user == *user));
            let of = user.map(|user| format!(" of {user}: `wharden user list` shows the users")).unwrap_or_default();
            context.list(&sessions, &format!("no sessions{of}"), |look| rows(&sessions, look))
        }
        Sessions::Revoke(Revoke { all: true, user, .. }) => {
            let call = Call::post(&["sessions", "revoke"]).body(&RevokeSessions { user })?;
            let revoked: RevokedSessions = context.api()?.call(call).await?;
            context.made(&revoked, &format!("sessions of {} that were ended: {}", revoked.user, revoked.ended))
        }
        Sessions::Revoke(Revoke { ids, .. }) => {
            let mut api = context.api()?;
            let names = ids.iter().map(AsRef::as_ref).collect();
            let each = Each { names, done: "is ended", field: "ended", about: serde_json::Map::new() };
            each.run(&mut api, context, |id| Call::delete(&["sessions"]).at(id).of(AdminAction::SessionRevoke)).await
        }
    }
}

fn rows(sessions: &[Session], look: &Look) -> String {
    let rows = sessions.iter().map(|session| {
        vec![
            Cell::new(&session.id),
            Cell::new(&session.user),
            Cell::new(ago(look.now, session.opened_at)),
            Cell::new(&session.source),
            Cell::new(format!("{} {}", session.factors.join(", "), ago(look.now, session.mfa_at))),
            if session.current { Cell::toned("this one", Tone::Good) } else { Cell::new("") },
        ]
    });
    table(&["ID", "USER", "OPENED", "FROM", "FACTORS", ""], rows.collect(), look)
}
