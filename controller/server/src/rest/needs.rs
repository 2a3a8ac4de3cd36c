//! What each operation needs: the admin actions that policy is asked about, and so the step-up. One table, from which the
//! OpenAPI document and `docs/security.md` are made; an operation that is missing here is in neither.

use std::fmt::Write;
use utoipa::openapi::OpenApi;
use wharden_model::{
    AdminAction::{self, *},
    StepUp,
};

/// Method, path and actions of an operation with a session. Without an action, every session may.
const NEEDS: &[(&str, &str, &[AdminAction])] = &[
    ("post", "/v1/account/password", &[]),
    ("post", "/v1/account/recovery-codes", &[]),
    ("post", "/v1/account/totp", &[]),
    ("post", "/v1/account/totp/complete", &[]),
    ("get", "/v1/alerts", &[AlertRead]),
    ("get", "/v1/alerts/{id}", &[AlertRead]),
    ("post", "/v1/alerts/{id}/acknowledge", &[AlertUpdate]),
    ("post", "/v1/alerts/{id}/snooze", &[AlertUpdate]),
    ("get", "/v1/audit", &[AuditRead]),
    ("get", "/v1/audit/checkpoint", &[AuditRead]),
    ("get", "/v1/audit/verify", &[AuditRead]),
    ("get", "/v1/channels", &[ChannelRead]),
    ("post", "/v1/channels", &[ChannelCreate]),
    ("get", "/v1/channels/{name}", &[ChannelRead]),
    ("delete", "/v1/channels/{name}", &[ChannelDelete]),
    ("post", "/v1/channels/{name}/test", &[ChannelTest]),
    ("get", "/v1/capacity", &[CapacityRead]),
    ("post", "/v1/capacity/advice/{id}/accept", &[CapacityUpdate]),
    ("get", "/v1/capacity/advice/{id}/commands", &[CapacityRead]),
    ("get", "/v1/capacity/history", &[CapacityRead]),
    ("get", "/v1/capacity/hosts/{host}/containers/{container}", &[CapacityRead]),
    ("post", "/v1/capacity/hosts/{host}/snooze", &[CapacityUpdate, CapacityRead]),
    ("get", "/v1/capacity/plan", &[CapacityRead]),
    ("get", "/v1/capacity/thresholds", &[CapacityRead]),
    ("put", "/v1/capacity/thresholds/{name}", &[CapacityUpdate]),
    ("delete", "/v1/capacity/thresholds/{name}", &[CapacityUpdate]),
    ("get", "/v1/cluster", &[ClusterRead]),
    ("post", "/v1/cluster/codes", &[ClusterUpdate]),
    ("delete", "/v1/cluster/{number}", &[ClusterUpdate]),
    ("post", "/v1/cluster/{number}/promote", &[ClusterUpdate]),
    ("post", "/v1/cluster/{number}/replace", &[ClusterUpdate]),
    ("post", "/v1/backups", &[BackupCreate]),
    ("post", "/v1/docker/certificates", &[]),
    ("get", "/v1/docker/hosts", &[]),
    ("get", "/v1/doctor", &[ClusterRead]),
    ("get", "/v1/events", &[EventRead]),
    ("get", "/v1/events/{host}/{run}/{number}", &[EventRead]),
    ("get", "/v1/events/{host}/{run}/{number}/explanation", &[EventRead, PolicyTest]),
    ("get", "/v1/groups", &[GroupRead]),
    ("post", "/v1/groups", &[GroupCreate]),
    ("get", "/v1/groups/{name}", &[GroupRead]),
    ("delete", "/v1/groups/{name}", &[GroupDelete]),
    ("put", "/v1/groups/{name}/members/{user}", &[GroupUpdate]),
    ("delete", "/v1/groups/{name}/members/{user}", &[GroupUpdate]),
    ("get", "/v1/hosts", &[HostRead]),
    ("get", "/v1/hosts/{host}", &[HostRead]),
    ("patch", "/v1/hosts/{host}", &[HostLabel, HostPosture]),
    ("post", "/v1/hosts/{host}/revoke", &[HostRevoke]),
    ("get", "/v1/inventory/containers", &[InventoryRead]),
    ("get", "/v1/inventory/hosts", &[InventoryRead]),
    ("get", "/v1/inventory/images", &[InventoryRead]),
    ("get", "/v1/inventory/networks", &[InventoryRead]),
    ("get", "/v1/inventory/volumes", &[InventoryRead]),
    ("get", "/v1/keys", &[ClusterRead]),
    ("post", "/v1/keys/cluster/rotate", &[KeyRotate]),
    ("post", "/v1/keys/signing/rotate", &[KeyRotate]),
    ("post", "/v1/logout", &[]),
    ("get", "/v1/packs", &[PackRead]),
    ("get", "/v1/packs/{name}", &[PackRead]),
    ("post", "/v1/packs/{name}/apply", &[PackApply]),
    ("get", "/v1/policies", &[PolicyRead]),
    ("get", "/v1/policies/{name}", &[PolicyRead]),
    ("put", "/v1/policies/{name}", &[PolicyCreate, PolicyUpdate]),
    ("delete", "/v1/policies/{name}", &[PolicyDelete]),
    ("post", "/v1/policies/{name}/rollback", &[PolicyRead, PolicyUpdate]),
    ("get", "/v1/policies/{name}/versions", &[PolicyRead]),
    ("get", "/v1/policies/{name}/versions/{version}", &[PolicyRead]),
    ("post", "/v1/policy/simulate", &[PolicyTest]),
    ("post", "/v1/policy/suggest", &[PolicyTest]),
    ("post", "/v1/policy/test", &[PolicyTest]),
    ("post", "/v1/policy/test-admin", &[PolicyTest]),
    ("post", "/v1/policy/validate", &[PolicyTest]),
    ("get", "/v1/service-accounts", &[ServiceAccountRead]),
    ("post", "/v1/service-accounts", &[ServiceAccountCreate]),
    ("delete", "/v1/service-accounts/{name}", &[ServiceAccountDelete]),
    ("post", "/v1/service-accounts/{name}/rotate", &[ServiceAccountRotate]),
    ("post", "/v1/session/step-up", &[]),
    ("get", "/v1/sessions", &[SessionRead]),
    ("post", "/v1/sessions/revoke", &[SessionRevoke]),
    ("delete", "/v1/sessions/{id}", &[SessionRevoke]),
    ("get", "/v1/status", &[StatusRead]),
    ("get", "/v1/tokens", &[TokenRead]),
    ("post", "/v1/tokens", &[TokenCreate]),
    ("delete", "/v1/tokens/{id}", &[TokenDelete]),
    ("get", "/v1/users", &[UserRead]),
    ("post", "/v1/users", &[UserCreate]),
    ("get", "/v1/users/{name}", &[UserRead]),
    ("delete", "/v1/users/{name}", &[UserDelete]),
    ("patch", "/v1/users/{name}", &[UserUpdate]),
    ("post", "/v1/users/{name}/invite", &[UserInvite]),
    ("post", "/v1/users/{name}/reset", &[UserInvite]),
    ("post", "/v1/users/{name}/unlock", &[UserUpdate]),
    ("get", "/v1/whoami", &[]),
];

/// Changes of one's own account: no policy is asked, and a code is needed.
const OWN: [&str; 3] = ["/v1/account/password", "/v1/account/recovery-codes", "/v1/account/totp/complete"];

fn actions(method: &str, path: &str) -> Option<&'static [AdminAction]> {
    NEEDS.iter().find(|(m, p, _)| (*m, *p) == (method, path)).map(|(_, _, actions)| *actions)
}

/// An operation as the audit calls it: by its action, or by method and path where policy is not asked.
pub fn name_of(method: &str, path: &str) -> String {
    match actions(&method.to_lowercase(), path).and_then(|actions| actions.first()) {
        Some(action) => action.name().to_owned(),
        None => format!("{method} {path}"),
    }
}

/// What policy is not asked about, and service accounts may: the use of Docker, which policy decides about on hosts.
const FOR_SERVICE_ACCOUNTS: [(&str, &str); 2] = [("post", "/v1/docker/certificates"), ("get", "/v1/docker/hosts")];
/// True when an operation looks at who calls.
pub fn takes_session(method: &str, path: &str) -> bool {
    actions(&method.to_lowercase(), path).is_some()
}

/// True when service accounts can be permitted an operation: it has actions, and all of them are for them.
pub fn is_for_service_accounts(method: &str, path: &str) -> bool {
    if FOR_SERVICE_ACCOUNTS.contains(&(method.to_lowercase().as_str(), path)) {
        return true;
    }
    actions(&method.to_lowercase(), path)
        .is_some_and(|actions| !actions.is_empty() && actions.iter().all(|action| action.is_for_service_accounts()))
}

/// The table of operations as Markdown: method, path, factors, step-up, actions.
pub fn table(document: &OpenApi) -> String {
    let mut text =
        "| operation | factors | step-up at least | actions that policy is asked about |\n|---|---|---|---|\n"
            .to_owned();
    for (path, item) in &document.paths.paths {
        let operations = [
            ("get", &item.get),
            ("put", &item.put),
            ("post", &item.post),
            ("patch", &item.patch),
            ("delete", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let named = format!("{} {path}", method.to_uppercase());
            let (factors, floor, asked) = match (&operation.security, actions(method, path)) {
                (None, _) => (open(path), String::new(), String::new()),
                (Some(_), None) => ("?", "?".to_owned(), "?".to_owned()),
                (Some(_), Some(actions)) => {
                    let own = if OWN.contains(&path.as_str()) { StepUp::Code } else { StepUp::Session };
                    let floor = actions.iter().map(|action| action.step_up()).max().unwrap_or(own);
                    let asked: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
                    let program =
                        if is_for_service_accounts(method, path) { "both, or a service account's key" } else { "both" };
                    (program, floor.words().to_owned(), asked.join(", "))
                }
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| `{named}` | {factors} | {floor} | {asked} |");
        }
    }
    text
}

/// What an operation without a session takes in place of one.
fn open(path: &str) -> &'static str {
    match path {
        "/v1/login" => "takes both",
        "/v1/enrolment" => "one-time token",
        "/v1/enrolment/complete" => "one-time token, first code",
        "/v1/session/refresh" => "refresh token",
        _ => "none",
    }
}
