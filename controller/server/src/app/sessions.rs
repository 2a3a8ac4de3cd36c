//! Sessions: who is logged in, and how that ends. Everybody may see and end their own.

use super::{App, AppError, Caller};
use wharden_model::{
    AdminAction, SessionId, UserName,
    api::{RevokeSessions, RevokedSessions, Session},
};
use wharden_policy::AdminResource;
use wharden_state::{Command, Kind, SessionCommand};

impl App {
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, AppError> {
        let (state, now) = (self.state(), self.now());
        let open = state.sessions.iter().filter(|(_, session)| session.expires_at > now);
        let shown = open.map(|(id, session)| {
            let shown = Session {
                id: id.clone(),
                user: session.user.clone(),
                opened_at: session.opened_at,
                mfa_at: session.mfa_at,
                factors: vec!["password".to_owned(), session.second_factor.clone()],
                source: session.source.clone(),
                expires_at: session.expires_at,
                current: *id == caller.session_id,
            };
            (AdminResource::User(session.user.clone()), shown)
        });
        let (own, others): (Vec<_>, Vec<_>) = shown.partition(|(_, session)| session.user == caller.user);
        let mut all: Vec<Session> = own.into_iter().map(|(_, session)| session).collect();
        // Seeing none of the others is no refusal: one's own are there.
        for (user, session) in others {
            if self.allows(caller, AdminAction::SessionRead, &user).await {
                all.push(session);
            }
        }
        all.sort_by(|a, b| (&a.user, a.opened_at, &a.id).cmp(&(&b.user, b.opened_at, &b.id)));
        Ok(all)
    }

    pub async fn revoke_session(&self, caller: &Caller, id: SessionId) -> Result<(), AppError> {
        let owner = self.state().sessions.get(&id).map(|session| session.user.clone());
        let owner = match owner {
            Some(owner) => owner,
            // Whether there is such a session is for those who may end any.
            None => {
                self.may(caller, AdminAction::SessionRevoke, &AdminResource::User(caller.user.clone())).await?;
                return Err(AppError::not_found(Kind::Session, id.as_str()));
            }
        };
        self.may_end(caller, &owner).await?;
        self.change(caller, Command::Session(SessionCommand::Close { id })).await.map(|_| ())
    }

    pub async fn revoke_sessions(&self, caller: &Caller, revoke: RevokeSessions) -> Result<RevokedSessions, AppError> {
        let user = revoke.user.unwrap_or_else(|| caller.user.clone());
        self.may_end(caller, &user).await?;
        let except = Some(caller.session_id.clone());
        let (state, now) = (self.state(), self.now());
        let open = state
            .sessions
            .iter()
            .filter(|(id, s)| s.user == user && s.expires_at > now && Some(*id) != except.as_ref());
        let ended = open.count() as u64;
        let command = SessionCommand::CloseAll { user: user.clone(), except };
        self.change(caller, Command::Session(command)).await?;
        Ok(RevokedSessions { user, ended })
    }

    async fn may_end(&self, caller: &Caller, owner: &UserName) -> Result<(), AppError> {
        if *owner == caller.user {
            return Ok(());
        }
        self.may(caller, AdminAction::SessionRevoke, &AdminResource::User(owner.clone())).await
    }
}
