//! Room on hosts: alerts, advice, thresholds.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    api::{
        AcceptedMove, CapacityAdvice, CapacityExplanation, CapacityHistory, CapacitySnooze, CapacityStatus,
        CapacityThresholds, MovePreview, NamedThresholds,
    },
    capacity::{AdviceId, ThresholdName, ThresholdRule},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(plan))
        .routes(routes!(history))
        .routes(routes!(explain))
        .routes(routes!(snooze))
        .routes(routes!(accept))
        .routes(routes!(commands))
        .routes(routes!(thresholds))
        .routes(routes!(put_thresholds, delete_thresholds))
}

/// Alerts and forecasts of all hosts.
#[utoipa::path(get, path = "/v1/capacity", tag = "capacity", operation_id = "capacity_status", responses((status = 200, body = CapacityStatus)), security(("session" = [])))]
async fn status(State(api): State<Api>, Session(caller): Session) -> Answer<Json<CapacityStatus>> {
    Ok(Json(api.app.capacity_status(&caller).await?))
}

/// What to move, from where, to where, and why; and what would help where nothing can move.
#[utoipa::path(get, path = "/v1/capacity/plan", tag = "capacity", operation_id = "capacity_plan", responses((status = 200, body = CapacityAdvice)), security(("session" = [])))]
async fn plan(State(api): State<Api>, Session(caller): Session) -> Answer<Json<CapacityAdvice>> {
    Ok(Json(api.app.capacity_plan(&caller).await?))
}

/// What has happened to the room on hosts.
#[utoipa::path(get, path = "/v1/capacity/history", tag = "capacity", operation_id = "capacity_history", responses((status = 200, body = CapacityHistory)), security(("session" = [])))]
async fn history(State(api): State<Api>, Session(caller): Session) -> Answer<Json<CapacityHistory>> {
    Ok(Json(api.app.capacity_history(&caller).await?))
}

/// Where one container could go, and what stands in the way on every other host.
#[utoipa::path(get, path = "/v1/capacity/hosts/{host}/containers/{container}", tag = "capacity", operation_id = "capacity_explain", params(("host" = String, Path, description = "host id or name"), ("container" = String, Path, description = "container name, or the beginning of its id")), responses((status = 200, body = CapacityExplanation)), security(("session" = [])))]
async fn explain(
    State(api): State<Api>,
    Session(caller): Session,
    Path((host, container)): Path<(String, String)>,
) -> Answer<Json<CapacityExplanation>> {
    Ok(Json(api.app.explain_capacity(&caller, &host, &container).await?))
}

/// Puts the alerts of a host off.
#[utoipa::path(post, path = "/v1/capacity/hosts/{host}/snooze", tag = "capacity", operation_id = "capacity_snooze", params(("host" = String, Path, description = "host id or name")), request_body = CapacitySnooze, responses((status = 200, body = CapacityStatus)), security(("session" = [])))]
async fn snooze(
    State(api): State<Api>,
    Session(caller): Session,
    Path(host): Path<String>,
    Body(body): Body<CapacitySnooze>,
) -> Answer<Json<CapacityStatus>> {
    Ok(Json(api.app.snooze_capacity(&caller, &host, body).await?))
}

/// Says that somebody follows a piece of advice: the room on its target is kept.
#[utoipa::path(post, path = "/v1/capacity/advice/{id}/accept", tag = "capacity", operation_id = "capacity_accept", params(("id" = String, Path, description = "advice id")), responses((status = 200, body = AcceptedMove)), security(("session" = [])))]
async fn accept(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<String>,
) -> Answer<Json<AcceptedMove>> {
    Ok(Json(api.app.accept_advice(&caller, advice_id(&id)?).await?))
}

/// The commands that a person would run for it.
#[utoipa::path(get, path = "/v1/capacity/advice/{id}/commands", tag = "capacity", operation_id = "capacity_commands", params(("id" = String, Path, description = "advice id")), responses((status = 200, body = MovePreview)), security(("session" = [])))]
async fn commands(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<String>,
) -> Answer<Json<MovePreview>> {
    Ok(Json(api.app.move_commands(&caller, advice_id(&id)?).await?))
}

/// Thresholds by host group, and what holds without.
#[utoipa::path(get, path = "/v1/capacity/thresholds", tag = "capacity", operation_id = "capacity_thresholds", responses((status = 200, body = CapacityThresholds)), security(("session" = [])))]
async fn thresholds(State(api): State<Api>, Session(caller): Session) -> Answer<Json<CapacityThresholds>> {
    Ok(Json(api.app.thresholds(&caller).await?))
}

/// Creates or replaces a set of thresholds.
#[utoipa::path(put, path = "/v1/capacity/thresholds/{name}", tag = "capacity", operation_id = "capacity_put_thresholds", params(("name" = String, Path, description = "name of the thresholds")), request_body = ThresholdRule, responses((status = 200, body = NamedThresholds)), security(("session" = [])))]
async fn put_thresholds(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<ThresholdRule>,
) -> Answer<Json<NamedThresholds>> {
    Ok(Json(api.app.put_thresholds(&caller, threshold_name(&name)?, body).await?))
}

/// Deletes a set of thresholds.
#[utoipa::path(delete, path = "/v1/capacity/thresholds/{name}", tag = "capacity", operation_id = "capacity_delete_thresholds", params(("name" = String, Path, description = "name of the thresholds")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete_thresholds(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    api.app.delete_thresholds(&caller, threshold_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn advice_id(text: &str) -> Result<AdviceId, AppError> {
    text.parse().map_err(|error: String| AppError::invalid("id", error))
}

fn threshold_name(text: &str) -> Result<ThresholdName, AppError> {
    text.parse().map_err(|error: wharden_model::capacity::ThresholdError| AppError::invalid("name", error.to_string()))
}
