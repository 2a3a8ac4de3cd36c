//! The key that access tokens are signed with, and the one that secrets in the state are sealed with.

use super::{Api, caller::Session, error::Answer};
use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{Keys, RotatedKey};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(keys)).routes(routes!(rotate_signing)).routes(routes!(rotate_cluster_key))
}

/// Which keys there are, since when, and how far a change of the cluster key is. Shows names, never keys.
#[utoipa::path(get, path = "/v1/keys", tag = "access", responses((status = 200, body = Keys)), security(("session" = [])))]
async fn keys(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Keys>> {
    Ok(Json(api.app.list_keys(&caller).await?))
}

/// Makes a new key for access tokens; the old one counts until its tokens have ended.
#[utoipa::path(post, path = "/v1/keys/signing/rotate", tag = "access", responses((status = 200, body = RotatedKey)), security(("session" = [])))]
async fn rotate_signing(State(api): State<Api>, Session(caller): Session) -> Answer<Json<RotatedKey>> {
    Ok(Json(api.app.rotate_signing_key(&caller).await?))
}

/// Makes a new cluster key and hands it to all controllers; what is sealed is then sealed anew, and the old key destroyed.
#[utoipa::path(post, path = "/v1/keys/cluster/rotate", tag = "access", responses((status = 200, body = Keys)), security(("session" = [])))]
async fn rotate_cluster_key(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Keys>> {
    Ok(Json(api.app.rotate_cluster_key(&caller).await?))
}
