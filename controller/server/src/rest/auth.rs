//! Enrolment, login, sessions.

use super::{
    Api,
    body::Body,
    caller::{Session, Source},
    error::Answer,
};
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{Enrolment, EnrolmentComplete, EnrolmentStart, Login, Refresh, SessionTokens, StepUp, WhoAmI};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(begin))
        .routes(routes!(complete))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(step_up))
        .routes(routes!(whoami))
}

/// Takes up the bootstrap token or an invite, first step.
#[utoipa::path(post, path = "/v1/enrolment", tag = "access", request_body = EnrolmentStart, responses((status = 200, body = Enrolment)))]
async fn begin(
    State(api): State<Api>,
    Source(source): Source,
    Body(body): Body<EnrolmentStart>,
) -> Answer<Json<Enrolment>> {
    Ok(Json(api.app.begin_enrolment(body, source).await?))
}

/// Second step: proves the second factor; the account can log in afterwards.
#[utoipa::path(post, path = "/v1/enrolment/complete", tag = "access", request_body = EnrolmentComplete, responses((status = 204, description = "done")))]
async fn complete(
    State(api): State<Api>,
    Source(source): Source,
    Body(body): Body<EnrolmentComplete>,
) -> Answer<StatusCode> {
    api.app.complete_enrolment(body, source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Opens a session with both factors.
#[utoipa::path(post, path = "/v1/login", tag = "access", request_body = Login, responses((status = 200, body = SessionTokens)))]
async fn login(State(api): State<Api>, Source(source): Source, Body(body): Body<Login>) -> Answer<Json<SessionTokens>> {
    Ok(Json(api.app.login(body, source).await?))
}

/// Swaps the refresh token for a new pair.
#[utoipa::path(post, path = "/v1/session/refresh", tag = "access", request_body = Refresh, responses((status = 200, body = SessionTokens)))]
async fn refresh(
    State(api): State<Api>,
    Source(source): Source,
    Body(body): Body<Refresh>,
) -> Answer<Json<SessionTokens>> {
    Ok(Json(api.app.refresh(body, source).await?))
}

/// Ends the session.
#[utoipa::path(post, path = "/v1/logout", tag = "access", responses((status = 204, description = "done")), security(("session" = [])))]
async fn logout(State(api): State<Api>, Session(caller): Session) -> Answer<StatusCode> {
    api.app.logout(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the session's second factor fresh with a code.
#[utoipa::path(post, path = "/v1/session/step-up", tag = "access", request_body = StepUp, responses((status = 204, description = "done")), security(("session" = [])))]
async fn step_up(State(api): State<Api>, Session(caller): Session, Body(body): Body<StepUp>) -> Answer<StatusCode> {
    api.app.step_up(caller, body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who the caller is.
#[utoipa::path(get, path = "/v1/whoami", tag = "access", responses((status = 200, body = WhoAmI)), security(("session" = [])))]
async fn whoami(State(api): State<Api>, Session(caller): Session) -> Answer<Json<WhoAmI>> {
    Ok(Json(api.app.whoami(&caller)))
}
