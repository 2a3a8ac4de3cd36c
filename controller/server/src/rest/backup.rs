//! Backups.

use super::{Api, caller::Session, error::Answer};
use axum::{
    body::Body,
    extract::State,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create_backup))
}

/// Makes a backup, encrypted (age) to the keys that the controller's configuration names, and streams it. An answer that
/// ends early is no backup.
#[utoipa::path(post, path = "/v1/backups", tag = "backups",
    responses((status = 200, description = "an age file", body = Vec<u8>, content_type = "application/octet-stream")),
    security(("session" = [])))]
async fn create_backup(State(api): State<Api>, Session(caller): Session) -> Answer<Response> {
    let backup = api.app.create_backup(&caller).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        // The name has letters, digits, dots and dashes only.
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", backup.file_name)),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(backup.pieces))).into_response())
}
