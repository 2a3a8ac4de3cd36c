//! The authorization plugin, as the engine asks it.

use crate::{
    client::{Answer, ask, eventually, post},
    engine::Fault,
    world::{OPEN, World},
};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::time::{sleep, timeout};
use wharden_agent::{
    authz::{self, Plugin},
    limits::{AUTHZ_BODIES, AUTHZ_CASES, HANGUP_CHECK},
};
use wharden_model::Posture;

/// Read, a body takes many times its length: whoever sends many at once fills no memory, and keeps nobody waiting who sends none.
#[tokio::test(flavor = "multi_thread")]
async fn few_bodies_are_read_at_one_time() {
    let world = World::start(Some(OPEN), Posture::Enforce);
    let socket = world.socket.with_file_name("plugin.sock");
    let listener = authz::bind(&socket, &world.engine.path).expect("bound");
    let plugin = Plugin::new(Arc::clone(&world.guard));
    let serving = tokio::spawn(authz::serve(listener, plugin));
    let question = |method: &str, uri: &str, body: &str| {
        let headers = json!({"Content-Type": "application/json", "Content-Length": body.len().to_string()});
        let question = json!({"RequestMethod": method, "RequestUri": uri, "RequestHeaders": headers,
            "RequestBody": BASE64.encode(body.as_bytes())});
        post("/AuthZPlugin.AuthZReq", &question.to_string())
    };
    let create = |image: &str| question("POST", "/v1.41/containers/create", &json!({"Image": image}).to_string());
    let allows = |answer: Answer| serde_json::from_slice::<Value>(&answer.body).expect("JSON")["Allow"] == true;
    assert!(allows(ask(&socket, create("busybox")).await));
    world.engine.set_fault(Some(Fault::Silence));
    let answered = Arc::new(AtomicUsize::new(0));
    for n in 0..AUTHZ_CASES + AUTHZ_BODIES {
        let (socket, create, answered) = (socket.clone(), create(&format!("image-{n}")), Arc::clone(&answered));
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
    assert!(allows(ask(&socket, question("GET", "/v1.41/containers/json", "")).await));
    serving.abort();
}
