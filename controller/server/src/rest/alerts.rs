//! Alerts, and the channels that they are sent on.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    AlertId, ChannelName,
    api::{Acknowledge, Alert, Channel, ChannelTested, CreatedChannel, NewChannel, Snooze},
};

/// The routes of these nouns.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(acknowledge))
        .routes(routes!(snooze))
        .routes(routes!(channels, create))
        .routes(routes!(channel, delete))
        .routes(routes!(test))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct AlertQuery {
    /// Those too that are over.
    all: Option<bool>,
}

/// Alerts, the worst first.
#[utoipa::path(get, path = "/v1/alerts", operation_id = "alerts", tag = "alerts", params(AlertQuery), responses((status = 200, body = Vec<Alert>)), security(("session" = [])))]
async fn list(
    State(api): State<Api>,
    Session(caller): Session,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Answer<Json<Vec<Alert>>> {
    let Query(AlertQuery { all }) = query.map_err(|bad| AppError::invalid("query", bad.body_text()))?;
    Ok(Json(api.app.alerts(&caller, all.unwrap_or(false)).await?))
}

/// One alert.
#[utoipa::path(get, path = "/v1/alerts/{id}", operation_id = "alert", tag = "alerts", params(("id" = String, Path, description = "kind:key")), responses((status = 200, body = Alert)), security(("session" = [])))]
async fn show(State(api): State<Api>, Session(caller): Session, Path(id): Path<String>) -> Answer<Json<Alert>> {
    Ok(Json(api.app.alert(&caller, alert_id(&id)?).await?))
}

/// The caller takes care of it: it is not repeated.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledge", operation_id = "acknowledge_alert", tag = "alerts", params(("id" = String, Path, description = "kind:key")), request_body = Acknowledge, responses((status = 200, body = Alert)), security(("session" = [])))]
async fn acknowledge(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<String>,
    Body(body): Body<Acknowledge>,
) -> Answer<Json<Alert>> {
    Ok(Json(api.app.acknowledge_alert(&caller, alert_id(&id)?, body).await?))
}

/// Nothing is said about it for a while.
#[utoipa::path(post, path = "/v1/alerts/{id}/snooze", operation_id = "snooze_alert", tag = "alerts", params(("id" = String, Path, description = "kind:key")), request_body = Snooze, responses((status = 200, body = Alert)), security(("session" = [])))]
async fn snooze(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<String>,
    Body(body): Body<Snooze>,
) -> Answer<Json<Alert>> {
    Ok(Json(api.app.snooze_alert(&caller, alert_id(&id)?, body).await?))
}

/// All channels, without what is secret.
#[utoipa::path(get, path = "/v1/channels", operation_id = "channels", tag = "channels", responses((status = 200, body = Vec<Channel>)), security(("session" = [])))]
async fn channels(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<Channel>>> {
    Ok(Json(api.app.channels(&caller).await?))
}

/// One channel, without what is secret.
#[utoipa::path(get, path = "/v1/channels/{name}", operation_id = "channel", tag = "channels", params(("name" = String, Path, description = "name")), responses((status = 200, body = Channel)), security(("session" = [])))]
async fn channel(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<Channel>> {
    Ok(Json(api.app.channel(&caller, channel_name(&name)?).await?))
}

/// Creates a channel. A secret that was made for it is shown this once.
#[utoipa::path(post, path = "/v1/channels", operation_id = "create_channel", tag = "channels", request_body = NewChannel, responses((status = 201, body = CreatedChannel)), security(("session" = [])))]
async fn create(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewChannel>,
) -> Answer<(StatusCode, Json<CreatedChannel>)> {
    Ok((StatusCode::CREATED, Json(api.app.create_channel(&caller, body).await?)))
}

/// Deletes a channel.
#[utoipa::path(delete, path = "/v1/channels/{name}", operation_id = "delete_channel", tag = "channels", params(("name" = String, Path, description = "name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<StatusCode> {
    api.app.delete_channel(&caller, channel_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends one message now, and says what the other side answered.
#[utoipa::path(post, path = "/v1/channels/{name}/test", operation_id = "test_channel", tag = "channels", params(("name" = String, Path, description = "name")), responses((status = 200, body = ChannelTested)), security(("session" = [])))]
async fn test(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<Json<ChannelTested>> {
    Ok(Json(api.app.test_channel(&caller, channel_name(&name)?).await?))
}

fn alert_id(text: &str) -> Answer<AlertId> {
    AlertId::new(text).map_err(|e| AppError::invalid("id", e.to_string()).into())
}

fn channel_name(text: &str) -> Answer<ChannelName> {
    ChannelName::new(text).map_err(|e| AppError::invalid("name", e.to_string()).into())
}
