//! Things as a controller shows them.

use crate::run::NOW;
use serde_json::{Value, json};

pub const HOST: &str = "h-0123456789abcdef";

/// Milliseconds, so many seconds before now.
pub fn ago(seconds: u64) -> u64 {
    NOW.0 - seconds * 1000
}

pub fn error(code: &str, message: &str, hint: &str) -> Value {
    json!({"code": code, "message": message, "hint": hint, "request_id": "00000000000000000000000000000001"})
}

pub fn tokens(access: &str, refresh: &str) -> Value {
    json!({
        "session_id": format!("s-{}", "1".repeat(32)),
        "username": "alice",
        "access_token": access,
        "access_expires_at": NOW.0 + 600_000,
        "refresh_token": refresh,
        "refresh_expires_at": NOW.0 + 43_200_000,
    })
}

pub fn whoami() -> Value {
    json!({
        "username": "alice", "groups": ["admins", "security"], "session_id": format!("s-{}", "1".repeat(32)),
        "since": ago(7200), "mfa_at": ago(120), "factors": ["password", "totp"], "access_expires_at": NOW.0 + 600_000,
    })
}

pub fn user(name: &str, disabled: bool) -> Value {
    json!({
        "name": name, "groups": ["launchers"], "disabled": disabled, "can_log_in": !disabled,
        "recovery_codes_left": if disabled { Value::Null } else { json!(9) },
        "created_at": ago(400_000), "last_login_at": if disabled { Value::Null } else { json!(ago(90)) },
    })
}

pub fn locked_user(name: &str) -> Value {
    let mut user = user(name, false);
    let sources = json!([{"address": "192.0.2.7", "count": 9}, {"address": "2001:db8:1:2::/64", "count": 2}]);
    user["failed_logins"] =
        json!({"count": 11, "last_at": ago(30), "locked_until": NOW.0 + 34_000, "sources": sources});
    user
}

pub fn token() -> Value {
    json!({
        "id": "jt-0123456789ab", "created_by": "alice", "created_at": ago(60), "expires_at": NOW.0 + 3_540_000,
        "uses_left": 20, "labels": {"env": "prod"}, "posture": "enforce",
    })
}

pub fn host(name: &str, status: &str, nack: &str) -> Value {
    json!({
        "id": HOST, "name": name, "labels": {"env": "prod", "zone": "a"}, "posture": "enforce", "status": status,
        "enrolled_at": ago(200_000), "certificate_expires_at": NOW.0 + 40_000_000, "last_seen_at": ago(2),
        "held_revision": 41, "nack": nack,
        "report": {
            "hostname": name, "agent_version": "0.1.0", "os": "Debian GNU/Linux 12 (bookworm)",
            "kernel": "6.1.0-18-amd64", "arch": "x86_64", "engine": "docker 20.10.24", "engine_api": "1.41",
            "cpus": 2, "memory_bytes": 25_769_803_776u64, "containers_running": 3, "containers_total": 5,
        },
    })
}

pub const POLICY_TEXT: &str = "@id(\"one\")\npermit (principal, action, resource);\n";

pub fn policy(version: u64, text: Option<&str>) -> Value {
    let mut policy = json!({
        "name": "team", "mode": "enforce", "version": version, "revision": 42, "updated_by": "alice",
        "updated_at": ago(3600), "rules": 1,
    });
    if let Some(text) = text {
        policy["text"] = json!(text);
    }
    policy
}

pub fn version(version: u64, text: &str) -> Value {
    json!({"version": version, "mode": "monitor", "text": text, "updated_by": "alice", "updated_at": ago(7200)})
}

pub fn decision(effect: &str) -> Value {
    let rules = if effect == "deny" {
        json!([{
            "id": "baseline/no-privileged", "reason": "Privileged containers own the host.", "severity": "critical",
            "cis": "5.4",
        }])
    } else {
        json!([{"id": "roles/launch"}])
    };
    json!({"effect": effect, "rules": rules, "monitor": [], "errors": [], "revision": 42})
}

pub fn event(seq: u64, outcome: &str, name: &str) -> Value {
    let effect = if outcome == "allowed" { "allow" } else { "deny" };
    json!({
        "host_id": HOST, "boot_id": "0123456789abcdef", "seq": seq, "at": ago(60 - seq),
        "principal": {"kind": "user", "name": "bob"}, "action": "container.create",
        "resource": {"kind": "Container", "id": "new", "name": name, "image": "alpine", "owner": "bob"},
        "outcome": outcome, "posture": "enforce", "decision": decision(effect),
        "request": "POST /v1.41/containers/create", "decided_in_us": 12,
    })
}

pub fn record(seq: u64, outcome: &str) -> Value {
    json!({
        "seq": seq, "at": ago(600), "actor": "user alice", "action": "policy.update", "resource": "policy team",
        "outcome": outcome, "detail": "version 3, mode enforce", "request_id": "00000000000000000000000000000001",
        "hash": "ab".repeat(32),
    })
}

pub fn status() -> Value {
    json!({
        "cluster_id": "c-0123456789abcdef", "revision": 42, "hosts_connected": 3, "hosts_total": 4, "hosts_behind": 1,
        "users": 7, "policies": 4, "events": 1234, "audit_records": 99,
        "controllers": [{
            "node_id": 1, "version": "0.1.0", "role": "leader", "term": 3, "last_log_index": 120,
            "applied_index": 120, "started_at": ago(86_400),
        }],
    })
}
