//! Starter packs.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{ApplyPack, Pack, Policy};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(packs)).routes(routes!(pack)).routes(routes!(apply_pack))
}

/// Starter packs, without their texts.
#[utoipa::path(get, path = "/v1/packs", tag = "packs", responses((status = 200, body = Vec<Pack>)), security(("session" = [])))]
async fn packs(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<Pack>>> {
    Ok(Json(api.app.packs(&caller).await?))
}

/// One starter pack with its text.
#[utoipa::path(get, path = "/v1/packs/{name}", tag = "packs", params(("name" = String, Path, description = "pack name")), responses((status = 200, body = Pack)), security(("session" = [])))]
async fn pack(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<Pack>> {
    Ok(Json(api.app.pack(&caller, &name).await?))
}

/// Stores a pack as the policy of its name.
#[utoipa::path(post, path = "/v1/packs/{name}/apply", tag = "packs", params(("name" = String, Path, description = "pack name")), request_body = ApplyPack, responses((status = 200, body = Policy)), security(("session" = [])))]
async fn apply_pack(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<ApplyPack>,
) -> Answer<Json<Policy>> {
    Ok(Json(api.app.apply_pack(&caller, &name, body).await?))
}
