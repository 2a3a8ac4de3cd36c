//! Policies.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    PolicyName,
    api::{
        AdminTestRequest, AdminTestResult, Policy, PolicyPut, PolicySuggestion, PolicyText, PolicyVersion, RollbackTo,
        SimulateRequest, Simulation, SuggestRequest, TestRequest, TestResult, Validation,
    },
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(policies))
        .routes(routes!(policy, put_policy, delete_policy))
        .routes(routes!(versions))
        .routes(routes!(version))
        .routes(routes!(rollback))
        .routes(routes!(validate))
        .routes(routes!(test))
        .routes(routes!(test_admin))
        .routes(routes!(simulate))
        .routes(routes!(suggest))
}

/// All policies that the caller may see, without their texts.
#[utoipa::path(get, path = "/v1/policies", tag = "policies", responses((status = 200, body = Vec<Policy>)), security(("session" = [])))]
async fn policies(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<Policy>>> {
    Ok(Json(api.app.policies(&caller).await?))
}

/// One policy with its text.
#[utoipa::path(get, path = "/v1/policies/{name}", tag = "policies", params(("name" = String, Path, description = "policy name")), responses((status = 200, body = Policy)), security(("session" = [])))]
async fn policy(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<Policy>> {
    Ok(Json(api.app.policy(&caller, &policy_name(&name)?).await?))
}

/// Creates or replaces a policy.
#[utoipa::path(put, path = "/v1/policies/{name}", tag = "policies", params(("name" = String, Path, description = "policy name")), request_body = PolicyPut, responses((status = 200, body = Policy)), security(("session" = [])))]
async fn put_policy(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<PolicyPut>,
) -> Answer<Json<Policy>> {
    Ok(Json(api.app.put_policy(&caller, policy_name(&name)?, body).await?))
}

/// Deletes a policy and its history.
#[utoipa::path(delete, path = "/v1/policies/{name}", tag = "policies", params(("name" = String, Path, description = "policy name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete_policy(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    api.app.delete_policy(&caller, policy_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Versions of a policy, newest first.
#[utoipa::path(get, path = "/v1/policies/{name}/versions", tag = "policies", params(("name" = String, Path, description = "policy name")), responses((status = 200, body = Vec<PolicyVersion>)), security(("session" = [])))]
async fn versions(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<Json<Vec<PolicyVersion>>> {
    Ok(Json(api.app.policy_versions(&caller, &policy_name(&name)?).await?))
}

/// One version of a policy.
#[utoipa::path(get, path = "/v1/policies/{name}/versions/{version}", tag = "policies", params(("name" = String, Path, description = "policy name"), ("version" = u64, Path, description = "version number")), responses((status = 200, body = PolicyVersion)), security(("session" = [])))]
async fn version(
    State(api): State<Api>,
    Session(caller): Session,
    Path((name, version)): Path<(String, String)>,
) -> Answer<Json<PolicyVersion>> {
    Ok(Json(api.app.policy_version(&caller, &policy_name(&name)?, version_number(&version)?).await?))
}

/// Makes an old version the newest.
#[utoipa::path(post, path = "/v1/policies/{name}/rollback", tag = "policies", params(("name" = String, Path, description = "policy name")), request_body = RollbackTo, responses((status = 200, body = Policy)), security(("session" = [])))]
async fn rollback(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<RollbackTo>,
) -> Answer<Json<Policy>> {
    Ok(Json(api.app.rollback_policy(&caller, policy_name(&name)?, body).await?))
}

/// Checks a text without storing it.
#[utoipa::path(post, path = "/v1/policy/validate", tag = "policies", request_body = PolicyText, responses((status = 200, body = Validation)), security(("session" = [])))]
async fn validate(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<PolicyText>,
) -> Answer<Json<Validation>> {
    Ok(Json(api.app.validate_policy(&caller, body).await?))
}

/// What would be decided about a request.
#[utoipa::path(post, path = "/v1/policy/test", tag = "policies", request_body = TestRequest, responses((status = 200, body = TestResult)), security(("session" = [])))]
async fn test(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<TestRequest>,
) -> Answer<Json<TestResult>> {
    Ok(Json(api.app.test_policy(&caller, body).await?))
}

/// Whether somebody may do something here.
#[utoipa::path(post, path = "/v1/policy/test-admin", tag = "policies", request_body = AdminTestRequest, responses((status = 200, body = AdminTestResult)), security(("session" = [])))]
async fn test_admin(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<AdminTestRequest>,
) -> Answer<Json<AdminTestResult>> {
    Ok(Json(api.app.test_admin(&caller, body).await?))
}

fn policy_name(text: &str) -> Answer<PolicyName> {
    PolicyName::new(text).map_err(|e| AppError::invalid("name", e.to_string()).into())
}

fn version_number(text: &str) -> Answer<u64> {
    text.parse().map_err(|_| AppError::invalid("version", format!("{text:?} is not a version number")).into())
}

/// What drafts would have changed about recorded decisions.
#[utoipa::path(post, path = "/v1/policy/simulate", tag = "policies", request_body = SimulateRequest,
    responses((status = 200, body = Simulation)), security(("session" = [])))]
async fn simulate(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<SimulateRequest>,
) -> Answer<Json<Simulation>> {
    Ok(Json(api.app.simulate(&caller, body).await?))
}

/// The least rules that allow what a user did.
#[utoipa::path(post, path = "/v1/policy/suggest", tag = "policies", request_body = SuggestRequest,
    responses((status = 200, body = PolicySuggestion)), security(("session" = [])))]
async fn suggest(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<SuggestRequest>,
) -> Answer<Json<PolicySuggestion>> {
    Ok(Json(api.app.suggest_policy(&caller, body).await?))
}
