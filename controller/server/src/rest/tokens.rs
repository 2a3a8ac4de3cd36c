//! Join tokens.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    TokenId,
    api::{CreatedToken, JoinToken, NewToken},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(tokens, create_token)).routes(routes!(delete_token))
}

/// Join tokens that have not expired.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", responses((status = 200, body = Vec<JoinToken>)), security(("session" = [])))]
async fn tokens(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<JoinToken>>> {
    Ok(Json(api.app.tokens(&caller).await?))
}

/// Creates a join token; it is shown this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = NewToken, responses((status = 201, body = CreatedToken)), security(("session" = [])))]
async fn create_token(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewToken>,
) -> Answer<(StatusCode, Json<CreatedToken>)> {
    Ok((StatusCode::CREATED, Json(api.app.create_token(&caller, body).await?)))
}

/// Ends a join token.
#[utoipa::path(delete, path = "/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "token id")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete_token(State(api): State<Api>, Session(caller): Session, Path(id): Path<String>) -> Answer<StatusCode> {
    api.app.delete_token(&caller, TokenId::new(id).map_err(|e| AppError::invalid("id", e.to_string()))?).await?;
    Ok(StatusCode::NO_CONTENT)
}
