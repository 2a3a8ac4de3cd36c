//! What runs where.

use super::{Api, caller::Session, error::Answer};
use crate::app::AppError;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    api::{InventoryHost, InventoryItem, InventoryPage, InventoryQuery},
    inventory::{Container, Image, Network, Volume},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(containers))
        .routes(routes!(images))
        .routes(routes!(volumes))
        .routes(routes!(networks))
        .routes(routes!(hosts))
}

type Asked = Result<Query<InventoryQuery>, QueryRejection>;

fn read(query: Asked) -> Answer<InventoryQuery> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(AppError::invalid("query", rejection.body_text()).into()),
    }
}

/// Containers of all hosts that the caller may see, by host.
#[utoipa::path(get, path = "/v1/inventory/containers", tag = "inventory", params(InventoryQuery),
    responses((status = 200, body = InventoryPage<InventoryItem<Container>>)), security(("session" = [])))]
async fn containers(
    State(api): State<Api>,
    Session(caller): Session,
    query: Asked,
) -> Answer<Json<InventoryPage<InventoryItem<Container>>>> {
    Ok(Json(api.app.containers(&caller, read(query)?).await?))
}

/// Images of all hosts that the caller may see, by host.
#[utoipa::path(get, path = "/v1/inventory/images", tag = "inventory", params(InventoryQuery),
    responses((status = 200, body = InventoryPage<InventoryItem<Image>>)), security(("session" = [])))]
async fn images(
    State(api): State<Api>,
    Session(caller): Session,
    query: Asked,
) -> Answer<Json<InventoryPage<InventoryItem<Image>>>> {
    Ok(Json(api.app.images(&caller, read(query)?).await?))
}

/// Volumes of all hosts that the caller may see, by host.
#[utoipa::path(get, path = "/v1/inventory/volumes", tag = "inventory", params(InventoryQuery),
    responses((status = 200, body = InventoryPage<InventoryItem<Volume>>)), security(("session" = [])))]
async fn volumes(
    State(api): State<Api>,
    Session(caller): Session,
    query: Asked,
) -> Answer<Json<InventoryPage<InventoryItem<Volume>>>> {
    Ok(Json(api.app.volumes(&caller, read(query)?).await?))
}

/// Networks of all hosts that the caller may see, by host.
#[utoipa::path(get, path = "/v1/inventory/networks", tag = "inventory", params(InventoryQuery),
    responses((status = 200, body = InventoryPage<InventoryItem<Network>>)), security(("session" = [])))]
async fn networks(
    State(api): State<Api>,
    Session(caller): Session,
    query: Asked,
) -> Answer<Json<InventoryPage<InventoryItem<Network>>>> {
    Ok(Json(api.app.networks(&caller, read(query)?).await?))
}

/// Hosts, what they are and what they use.
#[utoipa::path(get, path = "/v1/inventory/hosts", tag = "inventory", params(InventoryQuery),
    responses((status = 200, body = InventoryPage<InventoryHost>)), security(("session" = [])))]
async fn hosts(
    State(api): State<Api>,
    Session(caller): Session,
    query: Asked,
) -> Answer<Json<InventoryPage<InventoryHost>>> {
    Ok(Json(api.app.inventory_hosts(&caller, read(query)?).await?))
}
