//! Sessions.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    SessionId,
    api::{self, RevokeSessions, RevokedSessions},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(sessions)).routes(routes!(revoke_session)).routes(routes!(revoke_sessions))
}

/// Open sessions: the caller's own, and others that the caller may see.
#[utoipa::path(get, path = "/v1/sessions", tag = "access", responses((status = 200, body = Vec<api::Session>)), security(("session" = [])))]
async fn sessions(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<api::Session>>> {
    Ok(Json(api.app.sessions(&caller).await?))
}

/// Ends a session.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "access", params(("id" = String, Path, description = "session id")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn revoke_session(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let id = SessionId::new(id).map_err(|e| AppError::invalid("id", e.to_string()))?;
    api.app.revoke_session(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of a user, but the one of this request.
#[utoipa::path(post, path = "/v1/sessions/revoke", tag = "access", request_body = RevokeSessions, responses((status = 200, body = RevokedSessions)), security(("session" = [])))]
async fn revoke_sessions(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<RevokeSessions>,
) -> Answer<Json<RevokedSessions>> {
    Ok(Json(api.app.revoke_sessions(&caller, body).await?))
}
