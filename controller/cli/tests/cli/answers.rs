//! What each command asks and how its answer looks, for people and for programs.

use crate::{
    run::Shell,
    sample::{self, HOST, POLICY_TEXT},
    server::Server,
};
use serde_json::{Value, json};

/// Answers of every route that these tests use.
async fn server() -> Server {
    let server = Server::start().await;
    let new_text = POLICY_TEXT.replace("one", "two");
    let event_page = json!({
        "events": [sample::event(1, "allowed", "web"), sample::event(2, "denied", "bad\u{1b}[31m")],
        "next": "c2", "more": false,
    });
    let verdict = |intact: bool| json!({"intact": intact, "records": 99, "head": "cd".repeat(32), "broken_at": if intact { Value::Null } else { json!(12) }});
    let test = |effect: &str| {
        json!({
            "principal": {"kind": "user", "name": "bob"}, "action": "container.create",
            "resource": {"kind": "Container", "id": "new", "image": "alpine", "owner": "bob"},
            "facts": {"privileged": true}, "decision": sample::decision(effect),
        })
    };
    let pack = |text: Value| {
        json!({
            "name": "baseline", "summary": "No privileged containers, no host namespaces.", "rules": 14,
            "applied": "monitor", "up_to_date": false, "text": text,
        })
    };
    server
        .on("GET /v1/whoami", 200, sample::whoami())
        .on("GET /v1/users", 200, json!([sample::user("alice", false), sample::user("bob", true)]))
        .on("GET /v1/users/alice", 200, sample::user("alice", false))
        .on("GET /v1/users/eve", 200, sample::locked_user("eve"))
        .on("POST /v1/users/eve/unlock", 200, sample::user("eve", false))
        .on("POST /v1/users", 201, sample::user("carol", false))
        .on("POST /v1/users/bob/invite", 201, json!({"invite": "win_once", "expires_at": sample::ago(0) + 3_600_000}))
        .on("PATCH /v1/users/bob", 200, sample::user("bob", true))
        .on("GET /v1/groups", 200, json!([{"name": "launchers", "members": ["alice", "bob"], "created_at": sample::ago(60)}]))
        .on("GET /v1/groups/launchers", 200, json!({"name": "launchers", "members": [], "created_at": sample::ago(60)}))
        .on("POST /v1/groups", 201, json!({"name": "ops", "members": ["bob"], "created_at": sample::ago(0)}))
        .on("DELETE /v1/groups/ops", 204, Value::Null)
        .on("PUT /v1/groups/ops/members/bob", 204, Value::Null)
        .on("PUT /v1/groups/ops/members/carol", 204, Value::Null)
        .on("DELETE /v1/groups/ops/members/bob", 204, Value::Null)
        .on("GET /v1/tokens", 200, json!([sample::token()]))
        .on("POST /v1/tokens", 201, json!({"token": "wjt_once", "info": sample::token()}))
        .on("DELETE /v1/tokens/jt-0123456789ab", 204, Value::Null)
        .on("GET /v1/hosts", 200, json!([sample::host("web1", "connected", ""), sample::host("evil\u{1b}[2J", "lost", "bad signature")]))
        .on("GET /v1/hosts/web1", 200, sample::host("web1", "connected", "bad signature"))
        .on(&format!("PATCH /v1/hosts/{HOST}"), 200, sample::host("web1", "connected", ""))
        .on("PATCH /v1/hosts/web1", 200, sample::host("web1", "connected", ""))
        .on(&format!("POST /v1/hosts/{HOST}/revoke"), 200, sample::host("web1", "revoked", ""))
        .on("GET /v1/policies", 200, json!([sample::policy(3, None)]))
        .on("GET /v1/policies/team", 200, sample::policy(3, Some(POLICY_TEXT)))
        .on("PUT /v1/policies/team", 200, sample::policy(4, Some(&new_text)))
        .on("DELETE /v1/policies/team", 204, Value::Null)
        .on("GET /v1/policies/team/versions", 200, json!([sample::version(3, POLICY_TEXT), sample::version(2, &new_text)]))
        .on("GET /v1/policies/team/versions/2", 200, sample::version(2, &new_text))
        .on("POST /v1/policies/team/rollback", 200, sample::policy(5, Some(&new_text)))
        .on("POST /v1/policy/validate", 200, json!({"valid": true, "issues": []}))
        .on("POST /v1/policy/test", 200, test("deny"))
        .on("GET /v1/packs", 200, json!([pack(Value::Null)]))
        .on("GET /v1/packs/baseline", 200, pack(json!(POLICY_TEXT)))
        .on("POST /v1/packs/baseline/apply", 200, sample::policy(1, Some(POLICY_TEXT)))
        .on(&format!("GET /v1/events?user=bob&action=container&decision=denied&host=web1&since={}&limit=100", sample::ago(3600)), 200, event_page)
        .on("GET /v1/audit?after=97&limit=2", 200, json!({"records": [sample::record(98, "applied"), sample::record(99, "refused: no such group")], "last_seq": 99}))
        .on("GET /v1/audit/verify", 200, verdict(true))
        .on("GET /v1/audit/verify", 200, verdict(false))
        .on("GET /v1/status", 200, sample::status());
    server
}

/// Runs commands one after another and writes down what they told.
async fn transcript(shell: &Shell, lines: &[&str]) -> String {
    let mut all = String::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        all.push_str(&format!("$ wharden {line}\n{}\n", shell.run(&words).await.told()));
    }
    all
}

#[tokio::test]
async fn people_and_groups() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    let told = transcript(
        &shell,
        &[
            "whoami",
            "user list",
            "user show alice",
            "user show eve",
            "user unlock eve",
            "user create carol --group launchers",
            "user invite bob",
            "user disable bob",
            "user enable bob -q",
            "group ls",
            "group show launchers",
            "group create ops --member bob",
            "group add ops bob carol",
            "group remove ops bob",
            "group delete ops --yes",
        ],
    )
    .await;
    insta::assert_snapshot!(told);
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_null()).collect();
    assert_eq!(
        bodies,
        [
            json!({"name": "carol", "groups": ["launchers"]}),
            json!({"disabled": true}),
            json!({"disabled": false}),
            json!({"name": "ops", "members": ["bob"]}),
        ]
    );
}

#[tokio::test]
async fn hosts_and_tokens() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    let told = transcript(
        &shell,
        &[
            "token create --ttl 1h --uses 20 --label env=prod --posture enforce",
            "token create -q",
            "token list",
            "token delete jt-0123456789ab --yes",
            "host list",
            "host list --label env=dev",
            "host show web1",
            "host label web1 zone- rack=7",
            "host posture web1 observe",
            "host revoke web1 --yes",
        ],
    )
    .await;
    insta::assert_snapshot!(told);
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_null()).collect();
    assert_eq!(
        bodies,
        [
            json!({"ttl_s": 3600, "uses": 20, "labels": {"env": "prod"}, "posture": "enforce"}),
            json!({"ttl_s": 3600, "uses": 1, "labels": {}, "posture": "observe"}),
            json!({"labels": {"env": "prod", "rack": "7"}}),
            json!({"posture": "observe"}),
        ]
    );
}

#[tokio::test]
async fn policies_and_packs() {
    let server = server().await;
    let mut shell = Shell::logged_in(&server).await;
    shell.stdin = POLICY_TEXT.replace("one", "three");
    let told = transcript(
        &shell,
        &[
            "policy list",
            "policy show team",
            "policy show team --version 2 --text",
            "policy put team - --mode monitor --if-version 3",
            "policy validate -",
            "policy diff team -",
            "policy diff team --version 2",
            "policy diff team --version 2 -o json",
            "policy history team",
            "policy rollback team --to 2 --yes",
            "policy mode team disabled",
            "policy remove team --yes",
            "policy test --user bob --host web1 docker run --privileged alpine",
            "policy test --user bob --expect allow --path /containers/json",
            "policy actions exec",
            "policy actions policy --admin",
            "pack list",
            "pack show baseline",
            "pack apply baseline --mode monitor",
        ],
    )
    .await;
    insta::assert_snapshot!(told);
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_null()).collect();
    assert_eq!(
        bodies,
        [
            json!({"text": shell.stdin, "mode": "monitor", "if_version": 3}),
            json!({"text": shell.stdin}),
            json!({"version": 2}),
            json!({"text": POLICY_TEXT, "mode": "disabled", "if_version": 3}),
            json!({"user": "bob", "host": "web1", "request": {
                "method": "POST", "path": "/containers/create",
                "body": {"Image": "alpine", "HostConfig": {"NetworkMode": "default", "Privileged": true}},
            }}),
            json!({"user": "bob", "request": {"method": "GET", "path": "/containers/json", "body": null}}),
            json!({"mode": "monitor"}),
        ]
    );
}

#[tokio::test]
async fn events_audit_and_status() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    let told = transcript(
        &shell,
        &[
            "events --user bob --action container --decision denied --host web1 --since 1h",
            "audit list --after 97 --limit 2",
            "audit verify",
            "audit verify",
            "status",
        ],
    )
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn programs_get_the_whole_answer() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    for (words, answer) in [
        (&["whoami"][..], sample::whoami()),
        (&["user", "list"], json!([sample::user("alice", false), sample::user("bob", true)])),
        (&["user", "create", "carol"], sample::user("carol", false)),
        (&["token", "create"], json!({"token": "wjt_once", "info": sample::token()})),
        (&["host", "list", "--label", "env=dev"], json!([])),
        (&["policy", "show", "team"], sample::policy(3, Some(POLICY_TEXT))),
        (&["group", "add", "ops", "bob"], json!({"done": "bob is in group ops now", "group": "ops", "added": ["bob"]})),
        (&["status"], sample::status()),
    ] {
        let outcome = shell.run(&[words, &["-o", "json"]].concat()).await;
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{words:?}");
        assert_eq!(outcome.json(), answer, "{words:?}");
    }
}

#[tokio::test]
async fn colours_only_on_a_terminal_that_wants_them() {
    let server = server().await;
    let mut shell = Shell::logged_in(&server).await;
    assert!(!shell.run(&["host", "list"]).await.out.contains('\x1b'));
    shell.columns = Some(80);
    let outcome = shell.run(&["host", "list"]).await;
    assert!(outcome.out.contains("\x1b[") && !outcome.out.contains("\x1b[2J"), "{}", outcome.out);
    shell.vars.insert("NO_COLOR".to_owned(), "1".to_owned());
    let outcome = shell.run(&["host", "list"]).await;
    assert!(!outcome.out.contains('\x1b'), "{}", outcome.out);
    assert!(outcome.out.lines().all(|line| line.chars().count() <= 80), "{}", outcome.out);
    shell.vars.remove("NO_COLOR");
    shell.vars.insert("TERM".to_owned(), "dumb".to_owned());
    assert!(!shell.run(&["status"]).await.out.contains('\x1b'));
}

#[tokio::test]
async fn explanations_and_suggestions() {
    let server = Server::start().await;
    let mut event = sample::event(2, "denied", "web");
    event["facts"] = json!({"privileged": true, "cap_add": ["SYS_ADMIN"], "user": "bad\u{1b}[31m"});
    let near = json!([{
        "rule": {"id": "roles/operate"},
        "misses": [
            {"part": "principal", "text": "principal in Group::\"operators\""},
            {"part": "unless", "text": "context.privileged"},
        ],
    }]);
    let change = json!([{"fact": "privileged", "op": "set", "value": false, "how": "leave out --privileged"}]);
    let document = json!([{
        "name": "baseline", "mode": "enforce", "version": 3, "revision": 50, "updated_by": "alice",
        "updated_at": sample::ago(60),
    }]);
    let explained =
        |now: Value, advice: Value| json!({"event": event, "now": now, "documents": document, "advice": advice});
    let suggestion = json!({
        "text": POLICY_TEXT, "rules": 1, "events": 12, "refused": 2, "skipped": 1, "open": 3, "truncated": true,
        "mutations": 34, "still_refused": [{
            "who": "user bob", "action": "container.create", "rule": "baseline/no-privileged", "count": 2, "examples": [],
        }],
    });
    let mut long = sample::event(4, "allowed", "web");
    long["partial_facts"] = json!({"facts": {"host_paths": ["/etc"]}, "missing": ["labels"]});
    let unknown = json!({"remedy": {"kind": "unknown"}});
    let id = |n: u64| format!("{HOST}/0123456789abcdef/{n}");
    let changed = json!({"remedy": {"kind": "change", "changes": change, "smallest": true}, "near": []});
    let none = json!({"remedy": {"kind": "none", "exhaustive": true}, "near": near});
    server
        .on(&format!("GET /v1/events/{}/explanation", id(2)), 200, explained(sample::decision("deny"), changed))
        .on(&format!("GET /v1/events/{}/explanation", id(3)), 200, explained(sample::decision("allow"), none))
        .on(
            &format!("GET /v1/events/{}/explanation", id(4)),
            200,
            json!({"event": long, "now": null, "documents": document, "advice": unknown}),
        )
        .on(&format!("GET /v1/events/{}", id(2)), 200, event.clone())
        .on("POST /v1/policy/suggest", 200, suggestion);
    let shell = Shell::logged_in(&server).await;
    let lines = [
        format!("event explain {}", id(2)),
        format!("event explain {}", id(3)),
        format!("event explain {}", id(4)),
        format!("event show {}", id(2)),
        "policy suggest --user bob --label env=dev --wildcard image-tag,host".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    insta::assert_snapshot!(transcript(&shell, &lines).await);
    let asked = server.seen().into_iter().find(|seen| seen.route == "POST /v1/policy/suggest").expect("asked").body;
    assert_eq!(asked["wildcards"], json!(["image-tag", "host"]));
    assert_eq!((&asked["label"], &asked["user"]), (&json!("env=dev"), &json!("bob")));
}

#[tokio::test]
async fn keys_and_how_far_a_change_is() {
    let (old, new) = ("0123456789abcdef", "fedcba9876543210");
    let holder = |number: u64, reachable: bool, keys: &[&str]| json!({"number": number, "name": format!("ctl{number}"), "reachable": reachable, "keys": keys});
    let keys = |step: Value, left: u64, controllers: &[Value]| {
        json!({
            "signing": {"key_id": "a1b2c3d4e5f60718", "since": sample::ago(3600)},
            "cluster": {"key_id": new, "since": sample::ago(60), "step": step, "left": left, "controllers": controllers},
        })
    };
    let mut told = String::new();
    for (step, left) in
        [(json!("handing_over"), 0), (json!("sealing_anew"), 7), (json!("destroying"), 0), (Value::Null, 0)]
    {
        let controllers = [holder(1, true, &[old, new]), holder(2, true, &[new]), holder(3, false, &[])];
        let server = Server::start().await;
        let server = server.on("GET /v1/keys", 200, keys(step.clone(), left, &controllers)).on(
            "POST /v1/keys/cluster/rotate",
            200,
            keys(step.clone(), left, &controllers),
        );
        let shell = Shell::logged_in(server).await;
        told.push_str(&transcript(&shell, &["key list"]).await);
        if step.is_null() {
            told.push_str(&transcript(&shell, &["key rotate cluster"]).await);
        }
    }
    insta::assert_snapshot!(told);
}
