//! The authorization plugin, as the engine asks it.

use crate::{
    client::{Answer, ask, eventually, get, post},
    engine::Fault,
    world::{OPEN, World},
};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{Duration, sleep, timeout},
};
use wharden_agent::{
    authz::{self, Plugin},
    limits::{AUTHZ_BODIES, AUTHZ_CASES, AUTHZ_LARGE, AUTHZ_SMALL, AUTHZ_WAITING, HANGUP_CHECK},
};
use wharden_model::Posture;

/// The plugin of a world, on a socket of its own.
struct Asked {
    socket: PathBuf,
    serving: JoinHandle<()>,
}

impl Asked {
    fn of(world: &World) -> Self {
        let socket = world.socket.with_file_name("plugin.sock");
        let listener = authz::bind(&socket, &world.engine.path).expect("bound");
        let plugin = Plugin::new(Arc::clone(&world.guard));
        Self { socket, serving: tokio::spawn(authz::serve(listener, plugin)) }
    }

    /// What the engine is told about a request.
    async fn about(&self, method: &str, uri: &str, body: &str) -> Value {
        said(&ask(&self.socket, question(method, uri, &[], body)).await)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn question(method: &str, uri: &str, more: &[(&str, &str)], body: &str) -> String {
    let mut headers = json!({"Content-Type": "application/json", "Content-Length": body.len().to_string()});
    more.iter().for_each(|(name, value)| headers[name] = json!(value));
    let question = json!({"RequestMethod": method, "RequestUri": uri, "RequestHeaders": headers,
        "RequestBody": BASE64.encode(body.as_bytes())});
    post("/AuthZPlugin.AuthZReq", &question.to_string())
}

fn said(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn refuses(said: &Value, words: &str) -> bool {
    said["Allow"] == false && said["Msg"].as_str().is_some_and(|message| message.contains(words))
}

/// Hides containers from everybody but who comes over the engine's socket; networks of a name from all.
const HIDES: &str = r#"
permit (principal, action, resource);
@id("containers") @hide
forbid (principal, action, resource is Docker::Container)
when { resource has owner } unless { principal == User::"engine-socket" };
@id("networks") @hide
forbid (principal, action, resource is Docker::Network) when { resource.name like "secret-*" };
"#;

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_nobody_sifts_are_for_those_who_may_see_everything() {
    let lists = ["/v1.41/networks", "/v1.41/events?since=0"];
    let world = World::start(Some(HIDES), Posture::Enforce);
    let asked = Asked::of(&world);
    for list in lists {
        let said = asked.about("GET", list, "").await;
        assert!(refuses(&said, "builtin/unsifted-list") && refuses(&said, "use the guard's socket"), "{list} {said}");
    }
    for shown in ["/v1.41/containers/json", "/v1.41/images/json", "/v1.41/system/df", "/v1.41/info"] {
        assert_eq!(asked.about("GET", shown, "").await["Allow"], true, "{shown}");
    }
    let world = World::start(Some(HIDES), Posture::Observe);
    let asked = Asked::of(&world);
    for list in lists {
        assert_eq!(asked.about("GET", list, "").await["Allow"], true, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guard_would_add_must_be_there_already() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let asked = Asked::of(&world);
    let create = |host: Value| {
        let body = json!({"Image": "busybox", "HostConfig": host}).to_string();
        let asked = &asked;
        async move { asked.about("POST", "/v1.41/containers/create", &body).await }
    };
    let mount = |options: Value| json!({"Mounts": [{"Type": "volume", "Source": "shared", "Target": "/d", "VolumeOptions": options}]});
    for copies in [json!({"Binds": ["shared:/d"]}), json!({"Binds": ["shared:/d:ro"]}), mount(Value::Null)] {
        let said = create(copies.clone()).await;
        assert!(refuses(&said, "builtin/copies-into-volume") && refuses(&said, "nocopy"), "{copies} {said}");
    }
    for kept in [json!({"Binds": ["shared:/d:nocopy"]}), json!({"Binds": ["kept:/d"]}), mount(json!({"NoCopy": true}))]
    {
        assert_eq!(create(kept.clone()).await["Allow"], true, "{kept}");
    }
}

/// Each that waits holds a connection; without any left the agent's own requests would wait for those that wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_is_refused_at_once_and_the_guards_requests_go_on() {
    let large = json!({"Image": "busybox", "Env": [format!("A={}", "x".repeat(AUTHZ_SMALL))]}).to_string();
    let requests = [
        ("GET", "/v1.41/containers/web/json", "", AUTHZ_WAITING),
        ("POST", "/v1.41/containers/create", &large, AUTHZ_LARGE),
    ];
    for (method, uri, body, places) in requests {
        let world = World::start(Some(OPEN), Posture::Enforce);
        let asked = Asked::of(&world);
        ask(&world.socket, get("/v1.41/info")).await;
        let mark = world.engine.seen()[0].headers["x-wharden-judged"].clone();
        world.engine.set_fault(Some(Fault::Silence));
        let mut asking = JoinSet::new();
        for _ in 0..=places {
            let (socket, question) = (asked.socket.clone(), question(method, uri, &[], body));
            asking.spawn(async move { said(&ask(&socket, question).await) });
        }
        let patience = Duration::from_secs(5);
        let refused =
            timeout(patience, asking.join_next()).await.expect("at once").expect("one of them").expect("asked");
        assert!(refuses(&refused, "try again"), "{refused}");
        let marked = question("GET", "/v1.41/containers/web/json", &[("X-Wharden-Judged", &mark)], "");
        let answer = timeout(patience, ask(&asked.socket, marked)).await.expect("at once");
        assert_eq!(said(&answer)["Allow"], true);
        assert!(asking.try_join_next().is_none() && asking.len() == places, "all others wait");
    }
}

/// Read, a body takes many times its length: whoever sends many at once fills no memory, and keeps nobody waiting who sends none.
#[tokio::test(flavor = "multi_thread")]
async fn few_bodies_are_read_at_one_time() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let asked = Asked::of(&world);
    let create = |image: &str| question("POST", "/v1.41/containers/create", &[], &json!({"Image": image}).to_string());
    assert_eq!(said(&ask(&asked.socket, create("busybox")).await)["Allow"], true);
    world.engine.set_fault(Some(Fault::Silence));
    let answered = Arc::new(AtomicUsize::new(0));
    for n in 0..AUTHZ_CASES + AUTHZ_BODIES {
        let (socket, create, answered) = (asked.socket.clone(), create(&format!("image-{n}")), Arc::clone(&answered));
        tokio::spawn(async move {
            ask(&socket, create).await;
            answered.fetch_add(1, SeqCst);
        });
    }
    let looked_up = || world.engine.memory.silent.load(SeqCst);
    eventually("the engine is asked about some", || looked_up() == AUTHZ_BODIES as u64).await;
    let more = timeout(2 * HANGUP_CHECK, async {
        while looked_up() == AUTHZ_BODIES as u64 {
            sleep(HANGUP_CHECK / 20).await;
        }
    });
    assert!(more.await.is_err() && answered.load(SeqCst) == 0, "the others wait");
    assert_eq!(asked.about("GET", "/v1.41/containers/json", "").await["Allow"], true);
}
