//! Hosts.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{Host, HostPatch};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(hosts)).routes(routes!(host, patch_host)).routes(routes!(revoke_host))
}

/// All hosts that the caller may see.
#[utoipa::path(get, path = "/v1/hosts", tag = "hosts", responses((status = 200, body = Vec<Host>)), security(("session" = [])))]
async fn hosts(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<Host>>> {
    Ok(Json(api.app.hosts(&caller).await?))
}

/// One host.
#[utoipa::path(get, path = "/v1/hosts/{host}", tag = "hosts", params(("host" = String, Path, description = "id, or name when only one host has it")), responses((status = 200, body = Host)), security(("session" = [])))]
async fn host(State(api): State<Api>, Session(caller): Session, Path(host): Path<String>) -> Answer<Json<Host>> {
    Ok(Json(api.app.host(&caller, &host).await?))
}

/// Sets labels and posture.
#[utoipa::path(patch, path = "/v1/hosts/{host}", tag = "hosts", params(("host" = String, Path, description = "id, or name when only one host has it")), request_body = HostPatch, responses((status = 200, body = Host)), security(("session" = [])))]
async fn patch_host(
    State(api): State<Api>,
    Session(caller): Session,
    Path(host): Path<String>,
    Body(body): Body<HostPatch>,
) -> Answer<Json<Host>> {
    Ok(Json(api.app.patch_host(&caller, &host, body).await?))
}

/// Ends a host: its stream closes at once and it may not come back.
#[utoipa::path(post, path = "/v1/hosts/{host}/revoke", tag = "hosts", params(("host" = String, Path, description = "id, or name when only one host has it")), responses((status = 200, body = Host)), security(("session" = [])))]
async fn revoke_host(State(api): State<Api>, Session(caller): Session, Path(host): Path<String>) -> Answer<Json<Host>> {
    Ok(Json(api.app.revoke_host(&caller, &host).await?))
}
