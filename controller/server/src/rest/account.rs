//! One's own account.

use super::{Api, body::Body, caller::Session, error::Answer};
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{Enrolment, EnrolmentComplete, PasswordChange, RecoveryCodes};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(password))
        .routes(routes!(begin_totp))
        .routes(routes!(complete_totp))
        .routes(routes!(recovery_codes))
}

/// Changes the caller's password; their other sessions end.
#[utoipa::path(post, path = "/v1/account/password", tag = "account", request_body = PasswordChange, responses((status = 204, description = "done")), security(("session" = [])))]
async fn password(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<PasswordChange>,
) -> Answer<StatusCode> {
    api.app.change_password(&caller, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another authenticator, first step: stores nothing.
#[utoipa::path(post, path = "/v1/account/totp", tag = "account", responses((status = 200, body = Enrolment)), security(("session" = [])))]
async fn begin_totp(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Enrolment>> {
    Ok(Json(api.app.begin_totp(&caller)?))
}

/// Second step: a code of the new authenticator in the body, a second factor of before in the header.
#[utoipa::path(post, path = "/v1/account/totp/complete", tag = "account", request_body = EnrolmentComplete, responses((status = 204, description = "done")), security(("session" = [])))]
async fn complete_totp(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<EnrolmentComplete>,
) -> Answer<StatusCode> {
    api.app.complete_totp(&caller, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ten new recovery codes; the old ones are void.
#[utoipa::path(post, path = "/v1/account/recovery-codes", tag = "account", responses((status = 200, body = RecoveryCodes)), security(("session" = [])))]
async fn recovery_codes(State(api): State<Api>, Session(caller): Session) -> Answer<Json<RecoveryCodes>> {
    Ok(Json(api.app.new_recovery_codes(&caller).await?))
}
