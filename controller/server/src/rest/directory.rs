//! Users and groups.

use super::{Api, body::Body, caller::Session, error::Answer, path::Path};
use crate::app::AppError;
use axum::{Json, extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::{
    GroupName, UserName,
    api::{Group, Invite, NewGroup, NewUser, User, UserPatch},
};

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(users, create_user))
        .routes(routes!(user, patch_user, delete_user))
        .routes(routes!(invite_user))
        .routes(routes!(reset_user))
        .routes(routes!(unlock_user))
        .routes(routes!(groups, create_group))
        .routes(routes!(group, delete_group))
        .routes(routes!(add_member, remove_member))
}

/// All users that the caller may see.
#[utoipa::path(get, path = "/v1/users", tag = "users", responses((status = 200, body = Vec<User>)), security(("session" = [])))]
async fn users(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<User>>> {
    Ok(Json(api.app.users(&caller).await?))
}

/// Creates a user.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser, responses((status = 201, body = User)), security(("session" = [])))]
async fn create_user(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewUser>,
) -> Answer<(StatusCode, Json<User>)> {
    Ok((StatusCode::CREATED, Json(api.app.create_user(&caller, body).await?)))
}

/// One user.
#[utoipa::path(get, path = "/v1/users/{name}", tag = "users", params(("name" = String, Path, description = "user name")), responses((status = 200, body = User)), security(("session" = [])))]
async fn user(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<User>> {
    Ok(Json(api.app.user(&caller, user_name(&name)?).await?))
}

/// Disables or enables a user.
#[utoipa::path(patch, path = "/v1/users/{name}", tag = "users", params(("name" = String, Path, description = "user name")), request_body = UserPatch, responses((status = 200, body = User)), security(("session" = [])))]
async fn patch_user(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
    Body(body): Body<UserPatch>,
) -> Answer<Json<User>> {
    Ok(Json(api.app.patch_user(&caller, user_name(&name)?, body).await?))
}

/// Deletes a user, its memberships and sessions.
#[utoipa::path(delete, path = "/v1/users/{name}", tag = "users", params(("name" = String, Path, description = "user name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete_user(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<StatusCode> {
    api.app.delete_user(&caller, user_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a user set up its two factors.
#[utoipa::path(post, path = "/v1/users/{name}/invite", tag = "users", params(("name" = String, Path, description = "user name")), responses((status = 201, body = Invite)), security(("session" = [])))]
async fn invite_user(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<(StatusCode, Json<Invite>)> {
    Ok((StatusCode::CREATED, Json(api.app.invite_user(&caller, user_name(&name)?).await?)))
}

/// Lets a user try to log in at once who would have to wait after failed logins.
#[utoipa::path(post, path = "/v1/users/{name}/unlock", tag = "users", params(("name" = String, Path, description = "user name")), responses((status = 200, body = User)), security(("session" = [])))]
async fn unlock_user(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<User>> {
    Ok(Json(api.app.unlock_user(&caller, user_name(&name)?).await?))
}

/// Takes both factors of a user away, whose device is lost, and lets them set up others.
#[utoipa::path(post, path = "/v1/users/{name}/reset", tag = "users", params(("name" = String, Path, description = "user name")), responses((status = 201, body = Invite)), security(("session" = [])))]
async fn reset_user(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<(StatusCode, Json<Invite>)> {
    Ok((StatusCode::CREATED, Json(api.app.reset_user(&caller, user_name(&name)?).await?)))
}

/// All groups that the caller may see.
#[utoipa::path(get, path = "/v1/groups", tag = "groups", responses((status = 200, body = Vec<Group>)), security(("session" = [])))]
async fn groups(State(api): State<Api>, Session(caller): Session) -> Answer<Json<Vec<Group>>> {
    Ok(Json(api.app.groups(&caller).await?))
}

/// Creates a group.
#[utoipa::path(post, path = "/v1/groups", tag = "groups", request_body = NewGroup, responses((status = 201, body = Group)), security(("session" = [])))]
async fn create_group(
    State(api): State<Api>,
    Session(caller): Session,
    Body(body): Body<NewGroup>,
) -> Answer<(StatusCode, Json<Group>)> {
    Ok((StatusCode::CREATED, Json(api.app.create_group(&caller, body).await?)))
}

/// One group.
#[utoipa::path(get, path = "/v1/groups/{name}", tag = "groups", params(("name" = String, Path, description = "group name")), responses((status = 200, body = Group)), security(("session" = [])))]
async fn group(State(api): State<Api>, Session(caller): Session, Path(name): Path<String>) -> Answer<Json<Group>> {
    Ok(Json(api.app.group(&caller, group_name(&name)?).await?))
}

/// Deletes a group; its members stay.
#[utoipa::path(delete, path = "/v1/groups/{name}", tag = "groups", params(("name" = String, Path, description = "group name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn delete_group(
    State(api): State<Api>,
    Session(caller): Session,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    api.app.delete_group(&caller, group_name(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a user to a group.
#[utoipa::path(put, path = "/v1/groups/{name}/members/{user}", tag = "groups", params(("name" = String, Path, description = "group name"), ("user" = String, Path, description = "user name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn add_member(
    State(api): State<Api>,
    Session(caller): Session,
    Path((name, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    api.app.add_member(&caller, group_name(&name)?, user_name(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a user out of a group.
#[utoipa::path(delete, path = "/v1/groups/{name}/members/{user}", tag = "groups", params(("name" = String, Path, description = "group name"), ("user" = String, Path, description = "user name")), responses((status = 204, description = "done")), security(("session" = [])))]
async fn remove_member(
    State(api): State<Api>,
    Session(caller): Session,
    Path((name, user)): Path<(String, String)>,
) -> Answer<StatusCode> {
    api.app.remove_member(&caller, group_name(&name)?, user_name(&user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn user_name(text: &str) -> Answer<UserName> {
    UserName::new(text).map_err(|e| AppError::invalid("name", e.to_string()).into())
}

fn group_name(text: &str) -> Answer<GroupName> {
    GroupName::new(text).map_err(|e| AppError::invalid("name", e.to_string()).into())
}
