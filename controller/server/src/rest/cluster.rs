//! The controllers of the cluster.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{ControllerCode, Controllers, NewControllerCode};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(controllers))
        .routes(routes!(add_controller))
        .routes(routes!(remove_controller))
        .routes(routes!(promote_controller))
        .routes(routes!(replace_controller))
}

/// How the controllers are.
#[utoipa::path(get, path = "/v1/cluster", tag = "cluster", responses((status = 200, body = Controllers)), security(("session" = [])))]
async fn controllers(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Controllers>> {
    Ok(Json(api.app.controllers(&caller).await?))
}

/// Makes a code that lets one more controller join.
#[utoipa::path(post, path = "/v1/cluster/codes", tag = "cluster", request_body = NewControllerCode, responses((status = 200, body = ControllerCode)), security(("session" = [])))]
async fn add_controller(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewControllerCode>,
) -> Answer<Json<ControllerCode>> {
    Ok(Json(api.app.add_controller(&caller, body).await?))
}

/// Takes a controller out of the cluster. Its number never comes back.
#[utoipa::path(delete, path = "/v1/cluster/{number}", tag = "cluster", params(("number" = u64, Path, description = "number of the controller")), responses((status = 200, body = Controllers)), security(("session" = [])))]
async fn remove_controller(
    State(api): State<Api>,
    Session(caller): Session,
    Path(number): Path<String>,
) -> Answer<Json<Controllers>> {
    Ok(Json(api.app.remove_controller(&caller, read(&number)?).await?))
}

/// Gives a learner a vote.
#[utoipa::path(post, path = "/v1/cluster/{number}/promote", tag = "cluster", params(("number" = u64, Path, description = "number of the controller")), responses((status = 200, body = Controllers)), security(("session" = [])))]
async fn promote_controller(
    State(api): State<Api>,
    Session(caller): Session,
    Path(number): Path<String>,
) -> Answer<Json<Controllers>> {
    Ok(Json(api.app.promote_controller(&caller, read(&number)?).await?))
}

/// Makes a code for a controller that takes the place of this one, which goes once the new one votes.
#[utoipa::path(post, path = "/v1/cluster/{number}/replace", tag = "cluster", params(("number" = u64, Path, description = "number of the controller")), request_body = NewControllerCode, responses((status = 200, body = ControllerCode)), security(("session" = [])))]
async fn replace_controller(
    State(api): State<Api>,
    Session(caller): Session,
    Path(number): Path<String>,
    Body(body): Body<NewControllerCode>,
) -> Answer<Json<ControllerCode>> {
    Ok(Json(api.app.replace_controller(&caller, read(&number)?, body).await?))
}

fn read(number: &str) -> Result<u64, AppError> {
    number.parse().map_err(|_| AppError::invalid("number", format!("{number:?} is not the number of a controller")))
}
