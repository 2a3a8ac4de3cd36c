//! `capacity` and `move`: what people and programs see of alerts, advice and commands.

use crate::{
    run::{NOW, Shell},
    sample::{self, HOST},
    server::Server,
};
use serde_json::{Value, json};

const TARGET: &str = "h-00000000000000bb";
const ADVICE: &str = "mv-0123456789abcdef";
const GIB: u64 = 1 << 30;

fn host(name: &str) -> Value {
    json!({"id": if name == "web1" { HOST } else { TARGET }, "name": name})
}

fn amount(memory_gib: u64) -> Value {
    json!({"cpu_millis": 1000, "memory_bytes": memory_gib * GIB, "disk_bytes": 0, "pids": 0, "containers": 3})
}

fn side(name: &str, before: u64, after: u64) -> Value {
    let capacity = json!({"cpu_millis": 4000, "memory_bytes": 10 * GIB, "disk_bytes": 0, "pids": 0, "containers": 0});
    json!({"host": host(name), "capacity": capacity, "before": amount(before), "after": amount(after)})
}

fn reasons() -> Value {
    json!([{"signal": "memory", "value_permille": 900, "high_permille": 850, "low_permille": 750}])
}

fn container(name: &str) -> Value {
    json!({"id": "3f".repeat(32), "name": name, "image": "shop:1"})
}

fn advice(name: &str) -> Value {
    json!({
        "id": ADVICE, "container": container(name), "source": side("web1", 9, 7), "target": side("web2", 1, 3),
        "reasons": reasons(), "bytes": 2 * GIB,
    })
}

fn accepted() -> Value {
    json!({"advice": advice("shop"), "by": "alice", "at": sample::ago(60), "until": NOW.0 + 86_340_000})
}

fn plan() -> Value {
    let pin = json!([{"kind": "pinned", "detail": "bind mount /srv/\u{1b}[2J", "hosts": 0}]);
    let room = json!([{"kind": "room", "detail": "memory: 1.0 GiB more than any host has room for", "hosts": 12}]);
    json!({
        "plan": {
            "at": sample::ago(30), "hosts": 3, "advice": [advice("shop\u{1b}[31m")],
            "stuck": [{
                "host": host("web3"), "reasons": reasons(), "missing": amount(2), "movable": amount(0),
                "blocked": [{"container": container("db"), "obstacles": pin}, {"container": container("big"), "obstacles": room}],
                "would_help": ["Give web3 2.0 GiB memory more below its low mark, or stop what uses as much."],
            }],
        },
        "accepted": [accepted()],
    })
}

async fn server() -> Server {
    let alert = |signal: &str, state: Value| {
        let mut alert = json!({
            "host": host("web1"), "signal": signal, "raised_at": sample::ago(7200), "value_permille": 912,
            "worst_permille": 955, "mark": {"high_permille": 850, "low_permille": 750, "hold_s": 600},
            "usual_peak": signal == "cpu",
        });
        alert.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
        alert
    };
    let status = json!({
        "watched": 3, "unknown": 1, "planned_at": sample::ago(30), "advice": 1, "stuck": 1, "unreachable": [2],
        "alerts": [
            alert("memory", json!({"state": "raised"})),
            alert("cpu", json!({"state": "acknowledged", "by": "alice", "at": sample::ago(5)})),
            alert("disk", json!({"state": "snoozed", "by": "alice", "until": NOW.0 + 3_600_000})),
        ],
        "forecasts": [{
            "host": host("web2"), "resource": "disk", "value_permille": 700, "high_permille": 850,
            "likely_h": 200, "earliest_h": 40, "latest_h": null,
        }],
    });
    let history = json!({"records": [
        {"at": sample::ago(10), "host": host("web1"), "happening": "moved", "container": container("shop"), "target": host("web2")},
        {"at": sample::ago(70), "host": host("web1"), "happening": "accepted", "container": container("shop"), "target": host("web2"), "by": "alice"},
        {"at": sample::ago(7200), "host": host("web1"), "happening": "alert", "signal": "memory", "transition": "raised", "value_permille": 912},
    ]});
    let explanation = json!({
        "container": container("shop"), "source": host("web1"), "held": [], "targets": [host("web2")], "targets_in_all": 1,
        "obstacles": [{"kind": "policy", "detail": "web3: rule p/x forbids it", "hosts": 1}],
    });
    let preview = json!({
        "advice": advice("shop"), "notes": ["Nothing here is done by Wharden."],
        "steps": [
            {"on": host("web1"), "why": "stop it", "command": "docker -H unix:///run/wharden/docker.sock stop shop"},
            {"on": host("web2"), "why": "start it", "command": "docker start 'a\nb'"},
        ],
    });
    let mark = json!({"high_permille": 800, "low_permille": 700, "hold_s": 900});
    let named = json!({"name": "db", "selector": {"role": "db"}, "marks": {"memory": mark}, "updated_by": "user alice", "updated_at": sample::ago(60)});
    let server = Server::start().await;
    server
        .on("GET /v1/capacity", 200, status.clone())
        .on("GET /v1/capacity/plan", 200, plan())
        .on("GET /v1/capacity/history", 200, history)
        .on("GET /v1/capacity/hosts/web1/containers/shop", 200, explanation)
        .on(&format!("POST /v1/capacity/advice/{ADVICE}/accept"), 200, accepted())
        .on(&format!("GET /v1/capacity/advice/{ADVICE}/commands"), 200, preview)
        .on("POST /v1/capacity/hosts/web1/snooze", 200, status)
        .on("GET /v1/capacity/thresholds", 200, json!({"rules": [named], "standard": {"memory": mark}}))
        .on("PUT /v1/capacity/thresholds/db", 200, named)
        .on("DELETE /v1/capacity/thresholds/db", 204, Value::Null);
    server
}

#[tokio::test]
async fn everything_about_capacity_is_shown_to_people() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    let mut told = String::new();
    for line in [
        "capacity status",
        "capacity advice",
        "capacity plan",
        "capacity explain web1 shop",
        "capacity accept mv-0123456789abcdef",
        "capacity snooze web1 --for 2h --signal memory",
        "capacity history",
        "move preview mv-0123456789abcdef",
        "capacity thresholds list",
        "capacity thresholds set db --label role=db --mark memory=80/70:15m",
        "capacity thresholds delete db --yes",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        told.push_str(&format!("$ wharden {line}\n{}\n", shell.run(&words).await.told()));
    }
    insta::assert_snapshot!(told);
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).filter(|body| !body.is_null()).collect();
    let mark = json!({"high_permille": 800, "low_permille": 700, "hold_s": 900});
    assert_eq!(
        bodies,
        [json!({"for_s": 7200, "signal": "memory"}), json!({"selector": {"role": "db"}, "marks": {"memory": mark}}),]
    );
}

#[tokio::test]
async fn programs_get_all_of_it_as_json() {
    let server = server().await;
    let shell = Shell::logged_in(&server).await;
    let plan = shell.run(&["capacity", "advice", "-o", "json"]).await.json();
    assert_eq!(plan["plan"]["advice"][0]["target"]["after"]["memory_bytes"], 3 * GIB);
    let preview = shell.run(&["move", "preview", ADVICE, "-o", "json"]).await.json();
    assert_eq!(preview["steps"][1]["command"], "docker start 'a\nb'");
    for words in [
        &["capacity", "thresholds", "set", "db", "--mark", "memory=70/80", "-o", "json"][..],
        &["capacity", "accept", "mv-1", "-o", "json"],
        &["capacity", "snooze", "web1", "--signal", "ram", "-o", "json"],
    ] {
        let refused = shell.run(words).await;
        assert_eq!(refused.code, 2, "{words:?}");
        assert!(refused.error()["hint"].is_string(), "{words:?}");
    }
}
