//! Writes through the REST API, and what happens to them when the leader is killed.

use crate::{Seen, measure};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use wharden_harness::cluster::Cluster;

/// An access token of a session with a fresh second factor.
pub fn bearer(cluster: &mut Cluster) -> String {
    cluster.admin.login()["access_token"].as_str().expect("an access token").to_owned()
}

/// Join tokens are made and ended in turns: small changes that every controller keeps and the audit names.
pub async fn load(cluster: &Cluster, bearer: &str, clients: usize, time: Duration) -> Seen {
    let bearer: Arc<str> = Arc::from(bearer);
    let pem = fs::read(cluster.controllers[0].ca_file()).expect("the CA");
    let ca = Certificate::from_pem(&pem).expect("a certificate");
    measure(clients, time, |number| {
        let client = Client::builder().tls_certs_only([ca.clone()]).build().expect("a client");
        let url = format!("{}/v1/tokens", cluster.controllers[number % cluster.controllers.len()].url());
        let bearer = Arc::clone(&bearer);
        let made = Arc::new(Mutex::new(None::<String>));
        move |_| {
            let (client, url, bearer, made) = (client.clone(), url.clone(), Arc::clone(&bearer), Arc::clone(&made));
            async move {
                let open = made.lock().expect("a lock").take();
                if let Some(id) = open {
                    let answer = client.delete(format!("{url}/{id}")).bearer_auth(&*bearer).send().await;
                    assert_eq!(answer.expect("an answer").status(), 204);
                } else {
                    let new = json!({"ttl_s": 3600, "uses": 1, "posture": "observe", "labels": {}});
                    let answer = client.post(&url).bearer_auth(&*bearer).body(new.to_string());
                    let answer = answer.header("content-type", "application/json").send().await.expect("an answer");
                    assert_eq!(answer.status(), 201);
                    let token: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
                    *made.lock().expect("a lock") = Some(token["info"]["id"].as_str().expect("an id").to_owned());
                }
            }
        }
    })
    .await
}

/// Kills the leader and gives the time until a write is acknowledged elsewhere; then brings the killed one back.
pub fn failover(cluster: &mut Cluster) -> Duration {
    let leader = cluster.leader(0);
    let other = (leader + 1) % cluster.controllers.len();
    let rest = cluster.rest(other);
    let new = json!({"ttl_s": 3600, "uses": 1, "posture": "observe", "labels": {}}).to_string();
    cluster.controllers[leader].kill();
    let begin = Instant::now();
    loop {
        let answer = rest.try_send(&reqwest::Method::POST, "/v1/tokens", Some(new.clone().into_bytes()));
        if answer.is_ok_and(|answer| answer.status == 201) {
            break;
        }
    }
    let took = begin.elapsed();
    cluster.controllers[leader].start();
    cluster.settled(leader);
    took
}
