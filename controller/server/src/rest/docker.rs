//! Docker from elsewhere.

use super::{Api, body::Body, caller::Session, error::Answer};
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::{DockerCertificate, DockerHost, NewDockerCertificate};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(certificate)).routes(routes!(hosts))
}

/// A certificate with which the caller can use Docker on hosts from elsewhere, for 8 hours at most.
#[utoipa::path(post, path = "/v1/docker/certificates", tag = "docker", request_body = NewDockerCertificate, responses((status = 201, body = DockerCertificate)), security(("session" = [])))]
async fn certificate(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewDockerCertificate>,
) -> Answer<(StatusCode, Json<DockerCertificate>)> {
    Ok((StatusCode::CREATED, Json(api.app.docker_certificate(&caller, &body).await?)))
}

/// Connected hosts that can be used from elsewhere: where their guards listen, and by which CA they are known.
#[utoipa::path(get, path = "/v1/docker/hosts", tag = "docker", responses((status = 200, body = Vec<DockerHost>)), security(("session" = [])))]
async fn hosts(State(api): State<Api>, Session(_caller): Session) -> Answer<Json<Vec<DockerHost>>> {
    Ok(Json(api.app.docker_hosts().await))
}
