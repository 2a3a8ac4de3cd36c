//! Writes through the REST API, and what happens to them when the leader is killed.

use crate::{Seen, measure};
use reqwest::{Certificate, Client};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use wharden_harness::{admin::small_change, cluster::Cluster};

/// An access token of a session with a fresh second factor.
pub fn bearer(cluster: &mut Cluster) -> String {
    cluster.admin.login()["access_token"].as_str().expect("an access token").to_owned()
}

/// Where thresholds are put.
const THRESHOLDS: &str = "/v1/capacity/thresholds";

/// Each client replaces thresholds of its own.
pub async fn load(cluster: &Cluster, bearer: &str, clients: usize, time: Duration) -> Seen {
    let bearer: Arc<str> = Arc::from(bearer);
    let pem = fs::read(cluster.controllers[0].ca_file()).expect("the CA");
    let ca = Certificate::from_pem(&pem).expect("a certificate");
    measure(clients, time, |number| {
        let client = Client::builder().tls_certs_only([ca.clone()]).build().expect("a client");
        let base = cluster.controllers[number % cluster.controllers.len()].url();
        let url = format!("{base}{THRESHOLDS}/client-{number}");
        let bearer = Arc::clone(&bearer);
        move |turn| {
            let (client, url, bearer) = (client.clone(), url.clone(), Arc::clone(&bearer));
            async move {
                let put = client.put(&url).bearer_auth(&*bearer).body(small_change(&turn.to_string()).to_string());
                let answer = put.header("content-type", "application/json").send().await.expect("an answer");
                assert_eq!(answer.status(), 200);
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
    cluster.controllers[leader].kill();
    let begin = Instant::now();
    loop {
        let path = format!("{THRESHOLDS}/client-0");
        let answer = rest.try_send(&reqwest::Method::PUT, &path, Some(small_change("again").to_string().into_bytes()));
        if answer.is_ok_and(|answer| answer.status == 200) {
            break;
        }
    }
    let took = begin.elapsed();
    cluster.controllers[leader].start();
    cluster.settled(leader);
    took
}
