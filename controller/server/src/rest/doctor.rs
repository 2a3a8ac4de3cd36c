//! What is wrong, and what to do.

use super::{Api, caller::Session, error::Answer};
use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::Diagnosis;

/// The route of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(doctor))
}

/// Looks at all controllers and hosts; says what is wrong and what to do.
#[utoipa::path(get, path = "/v1/doctor", operation_id = "doctor", tag = "status", responses((status = 200, body = Diagnosis)), security(("session" = [])))]
async fn doctor(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Diagnosis>> {
    Ok(Json(api.app.doctor(&caller).await?))
}
