//! Events, audit, status.

use super::{Api, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    DecisionEvent, EventQuery,
    api::{AuditCheckpoint, AuditPage, AuditVerdict, ClusterStatus, EventPage, Explanation},
};

/// Records of one page, when the query does not say.
const AUDIT_PAGE: usize = 100;

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(event))
        .routes(routes!(explanation))
        .routes(routes!(audit))
        .routes(routes!(verify))
        .routes(routes!(checkpoint))
        .routes(routes!(status))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// Records after this number; without it the newest.
    after: Option<u64>,
    /// Most records to return, 1 to 1000; 100 without it.
    limit: Option<usize>,
}

type Asked<T> = Result<Query<T>, QueryRejection>;

fn read<T>(query: Asked<T>) -> Answer<T> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(AppError::invalid("query", rejection.body_text()).into()),
    }
}

/// Decision events, oldest first; `after` and `wait` follow them.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = EventPage)), security(("session" = [])))]
async fn events(State(api): State<Api>, Session(caller): Session, query: Asked<EventQuery>) -> Answer<Json<EventPage>> {
    Ok(Json(api.app.query_events(&caller, read(query)?).await?))
}

/// One decision event by its id, `host/run/number`.
#[utoipa::path(get, path = "/v1/events/{host}/{run}/{number}", tag = "events",
    params(("host" = String, Path, description = "host id"), ("run" = String, Path, description = "run of the agent"), ("number" = u64, Path, description = "number of the event in the run")),
    responses((status = 200, body = DecisionEvent)), security(("session" = [])))]
async fn event(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<(String, String, String)>,
) -> Answer<Json<DecisionEvent>> {
    Ok(Json(api.app.event(&caller, &event_id(&id)).await?))
}

/// What a decision event was made of, and what would be decided today.
#[utoipa::path(get, path = "/v1/events/{host}/{run}/{number}/explanation", tag = "events",
    params(("host" = String, Path, description = "host id"), ("run" = String, Path, description = "run of the agent"), ("number" = u64, Path, description = "number of the event in the run")),
    responses((status = 200, body = Explanation)), security(("session" = [])))]
async fn explanation(
    State(api): State<Api>,
    Session(caller): Session,
    Path(id): Path<(String, String, String)>,
) -> Answer<Json<Explanation>> {
    Ok(Json(api.app.explain_event(&caller, &event_id(&id)).await?))
}

fn event_id((host, run, number): &(String, String, String)) -> String {
    format!("{host}/{run}/{number}")
}

/// The audit chain.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = AuditPage)), security(("session" = [])))]
async fn audit(State(api): State<Api>, Session(caller): Session, query: Asked<AuditQuery>) -> Answer<Json<AuditPage>> {
    let query = read(query)?;
    Ok(Json(api.app.audit(&caller, query.after, query.limit.unwrap_or(AUDIT_PAGE)).await?))
}

/// Recomputes the audit chain.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "audit",
    responses((status = 200, body = AuditVerdict)), security(("session" = [])))]
async fn verify(State(api): State<Api>, Session(caller): Session) -> Answer<Json<AuditVerdict>> {
    Ok(Json(api.app.verify_audit(&caller).await?))
}

/// How far the audit chain has come, signed: to be kept elsewhere.
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit",
    responses((status = 200, body = AuditCheckpoint)), security(("session" = [])))]
async fn checkpoint(State(api): State<Api>, Session(caller): Session) -> Answer<Json<AuditCheckpoint>> {
    Ok(Json(api.app.audit_checkpoint(&caller).await?))
}

/// How the cluster is.
#[utoipa::path(get, path = "/v1/status", tag = "status",
    responses((status = 200, body = ClusterStatus)), security(("session" = [])))]
async fn status(State(api): State<Api>, Session(caller): Session) -> Answer<Json<ClusterStatus>> {
    Ok(Json(api.app.status(&caller).await?))
}
