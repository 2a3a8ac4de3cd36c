//! Accounts without a person.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    UserName,
    api::{CreatedServiceAccount, NewServiceAccount, RotateServiceAccount, ServiceAccount},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(delete)).routes(routes!(rotate))
}

/// All service accounts.
#[utoipa::path(get, path = "/v1/service-accounts", operation_id = "service_accounts", tag = "service accounts", responses((status = 200, body = Vec<ServiceAccount>)), security(("session" = [])))]
async fn list(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<ServiceAccount>>> {
    Ok(Json(api.app.service_accounts(&caller).await?))
}

/// Creates a service account; its key is shown this once.
#[utoipa::path(post, path = "/v1/service-accounts", operation_id = "create_service_account", tag = "service accounts", request_body = NewServiceAccount, responses((status = 201, body = CreatedServiceAccount)), security(("session" = [])))]
async fn create(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewServiceAccount>,
) -> Answer<(StatusCode, Json<CreatedServiceAccount>)> {
    Ok((StatusCode::CREATED, Json(api.app.create_service_account(&caller, body).await?)))
}

/// Deletes a service account; its key is void at once.
#[utoipa::path(delete, path = "/v1/service-accounts/{name}", operation_id = "delete_service_account", tag = "service accounts", params(("name" = String, Path, description = "name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<StatusCode> {
    api.app.delete_service_account(&caller, read(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Another key, shown this once; the one of before is void at once.
#[utoipa::path(post, path = "/v1/service-accounts/{name}/rotate", operation_id = "rotate_service_account", tag = "service accounts", params(("name" = String, Path, description = "name")), request_body = RotateServiceAccount, responses((status = 200, body = CreatedServiceAccount)), security(("session" = [])))]
async fn rotate(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<RotateServiceAccount>,
) -> Answer<Json<CreatedServiceAccount>> {
    Ok(Json(api.app.rotate_service_account(&caller, read(&name)?, body).await?))
}

fn read(name: &str) -> Answer<UserName> {
    UserName::new(name).map_err(|e| AppError::invalid("name", e.to_string()).into())
}
