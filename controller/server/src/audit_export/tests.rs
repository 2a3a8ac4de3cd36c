//! Feeds against real TLS servers: nothing is lost while a sink is away, and what the chain lost is counted.

use super::{
    Sink, SyslogSink, Tell, WebhookSink, after,
    feed::{ExportMetrics, Feed},
    syslog::Syslog,
    webhook::{Webhook, signature},
};
use crate::alerts::SinkReading;
use aws_lc_rs::hmac;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wharden_model::{ClusterId, RequestId, Timestamp, api::AuditRecord};
use wharden_pki::Ca;
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    tls::{self, ClientAuth, Identity, TlsListener},
};
use wharden_state::{Actor, AuditCommand, Command, Entry, State};

fn cluster() -> ClusterId {
    ClusterId::new("c-0123456789abcdef").expect("valid")
}

/// A state with so many audit records.
fn state(records: u64) -> Arc<State> {
    let sealing = wharden_pki::ClusterKeys::generate();
    let (first, _, _) = crate::keys::new_cluster(&sealing, Timestamp(1)).expect("made");
    let mut state = State::default();
    for n in 1..=records {
        let refused = AuditCommand::Refused { action: format!("a.{n}"), resource: "r".into(), reason: "no".into() };
        let command = if n == 1 { Command::Cluster(first.clone()) } else { Command::Audit(refused) };
        let request_id = RequestId::new(format!("{n:032x}")).expect("valid");
        let entry = Entry {
            request_id,
            actor: Actor::System,
            issued_at: Timestamp(n),
            if_revision: None,
            origin: None,
            command,
        };
        state.apply(n, &entry).0.expect("applied");
    }
    Arc::new(state)
}

/// The same when so many of its records are not kept any more.
fn without_oldest(state: &State, gone: usize) -> Arc<State> {
    let mut json = serde_json::to_value(state).expect("JSON");
    json["audit"]["records"].as_array_mut().expect("records").drain(..gone);
    Arc::new(serde_json::from_value(json).expect("a state"))
}

/// A sink that fails a number of times.
#[derive(Clone, Default)]
struct Flaky {
    failures: Arc<Mutex<u32>>,
    got: Arc<Mutex<Vec<u64>>>,
}

impl Sink for Flaky {
    async fn send(&mut self, records: &[AuditRecord]) -> Result<(), String> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if *failures > 0 {
            *failures -= 1;
            return Err("away".to_owned());
        }
        self.got.lock().unwrap_or_else(PoisonError::into_inner).extend(records.iter().map(|r| r.seq));
        Ok(())
    }
}

#[test]
fn what_comes_after_a_number_is_found_and_what_is_gone_is_counted() {
    let state = state(5);
    let seqs = |position, most| {
        let (records, lost) = after(&state, position, most);
        (records.iter().map(|r| r.seq).collect::<Vec<_>>(), lost)
    };
    assert_eq!(seqs(0, 10), (vec![1, 2, 3, 4, 5], 0));
    assert_eq!(seqs(2, 2), (vec![3, 4], 0));
    assert_eq!(seqs(5, 10), (vec![], 0));
    assert_eq!(seqs(9, 10), (vec![], 0), "ahead of the chain, as after a restore");
}

#[tokio::test]
async fn a_sink_that_was_away_gets_all_in_order_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().expect("temp dir");
    let metrics = ExportMetrics::new(&Metrics::new("test"));
    let sink = Flaky::default();
    *sink.failures.lock().expect("lock") = 2;
    let state = state(7);
    let source = {
        let state = Arc::clone(&state);
        move || Arc::clone(&state)
    };
    let said: Arc<Mutex<Vec<Option<SinkReading>>>> = Arc::default();
    let open = |sink: Flaky| {
        let said = Arc::clone(&said);
        let tell: Tell = Box::new(move |failing| said.lock().expect("lock").push(failing));
        Feed::open(dir.path(), "flaky", sink, Box::new(source.clone()), tell, metrics.clone()).expect("opens")
    };
    let mut feed = open(sink.clone());
    assert!(feed.step().await.is_err() && feed.step().await.is_err());
    assert_eq!(feed.step().await, Ok(true));
    assert_eq!(feed.step().await, Ok(false));
    let heard = std::mem::take(&mut *said.lock().expect("lock"));
    let [Some(first), Some(second), None] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(
        (first.since, first.error.as_str(), first.dropped),
        (second.since, "away", 0),
        "since the first failure"
    );
    assert_eq!(*sink.got.lock().expect("lock"), [1, 2, 3, 4, 5, 6, 7]);
    drop(feed);
    let mut again = open(sink.clone());
    assert_eq!(again.step().await, Ok(false), "nothing comes twice");
    assert_eq!(metrics.dropped.get(), 0);
}

#[tokio::test]
async fn what_left_the_chain_while_a_sink_failed_is_counted_until_it_takes_something() {
    let dir = tempfile::tempdir().expect("temp dir");
    let metrics = ExportMetrics::new(&Metrics::new("test"));
    let sink = Flaky::default();
    *sink.failures.lock().expect("lock") = 3;
    // First nothing is lost; then the chain has gone on for longer than it is kept.
    let states = Arc::new(Mutex::new(vec![without_oldest(&state(9), 5), state(5), state(5)]));
    let source = move || {
        let mut states = states.lock().expect("lock");
        if states.len() > 1 { states.pop().expect("one") } else { Arc::clone(&states[0]) }
    };
    let said: Arc<Mutex<Vec<Option<u64>>>> = Arc::default();
    let heard = Arc::clone(&said);
    let tell: Tell = Box::new(move |failing| heard.lock().expect("lock").push(failing.map(|sink| sink.dropped)));
    let mut feed = Feed::open(dir.path(), "flaky", sink, Box::new(source), tell, metrics.clone()).expect("opens");
    for _ in 0..3 {
        feed.step().await.expect_err("away");
    }
    assert_eq!(feed.step().await, Ok(true));
    assert_eq!(*said.lock().expect("lock"), [Some(0), Some(0), Some(5), None]);
    assert_eq!(metrics.dropped.get(), 5);
}

/// A TLS server on loopback, and the file with its CA.
fn server(dir: &std::path::Path) -> (TlsListener, std::path::PathBuf, u16) {
    tls::install_provider();
    let now = Timestamp(SystemClock.now());
    let ca = Ca::generate(&cluster(), now).expect("CA");
    let names = ["127.0.0.1".to_owned()];
    let identity = ca.issue_server(&names, 1, now, std::time::Duration::from_secs(3600)).expect("identity");
    let config =
        tls::server_config(&Identity::new(&identity.chain, &identity.key_pkcs8), &ClientAuth::None, &[]).expect("TLS");
    let tcp = tls::bind("127.0.0.1:0".parse().expect("address")).expect("bound");
    let listener = TlsListener::new(tcp, config);
    let port = listener.local_addr().expect("address").port();
    let ca_file = dir.join("ca.pem");
    std::fs::write(&ca_file, ca.cert_pem()).expect("written");
    (listener, ca_file, port)
}

#[tokio::test]
async fn syslog_gets_frames_over_tls() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (mut listener, ca_file, port) = server(dir.path());
    let got = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await;
        let mut bytes = Vec::new();
        // The client closes without TLS's own goodbye; what came before counts.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).expect("text")
    });
    let mut sink = Syslog::new(&SyslogSink { host: "127.0.0.1".into(), port, ca_file }, &cluster()).expect("sink");
    let records = [super::syslog::tests::record(1), super::syslog::tests::record(2)];
    sink.send(&records[..1]).await.expect("sent");
    sink.send(&records[1..]).await.expect("sent");
    drop(sink);
    let mut rest = got.await.expect("a task");
    for seq in [1, 2] {
        let (length, after) = rest.split_once(' ').expect("a frame");
        let message = after.get(..length.parse().expect("a length")).expect("a whole message").to_owned();
        assert!(message.starts_with("<110>1 ") && message.contains(&format!("\"seq\":{seq},")), "{message}");
        rest = after[message.len()..].to_owned();
    }
    assert!(rest.is_empty(), "{rest}");
}

#[tokio::test]
async fn a_webhook_gets_signed_records_and_an_error_is_no_success() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (mut listener, ca_file, port) = server(dir.path());
    let secret_file = dir.path().join("secret");
    std::fs::write(&secret_file, "a secret of some length\n").expect("written");
    let got = tokio::spawn(async move {
        let mut seen = Vec::new();
        for status in ["500 No", "204 Fine"] {
            let (mut stream, _) = listener.accept().await;
            let mut bytes = Vec::new();
            let body = loop {
                let mut chunk = [0; 4096];
                let read = stream.read(&mut chunk).await.expect("a request");
                bytes.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length =
                        head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                    if length.is_some_and(|l| l.parse() == Ok(body.len())) {
                        break (head.to_owned(), body.to_owned());
                    }
                }
                assert!(read > 0, "cut short: {text}");
            };
            seen.push(body);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
            stream.shutdown().await.expect("closed");
        }
        seen
    });
    let url = format!("https://127.0.0.1:{port}/hook");
    let mut sink = Webhook::new(&WebhookSink { url, ca_file, secret_file }, &cluster()).expect("sink");
    let records = [super::syslog::tests::record(1)];
    let error = sink.send(&records).await.expect_err("500");
    assert!(error.contains("500"), "{error}");
    sink.send(&records).await.expect("204");
    let seen = got.await.expect("a task");
    let (head, body) = &seen[1];
    let header = head.lines().find_map(|l| l.strip_prefix("wharden-signature: ")).expect("a signature");
    let at = header.strip_prefix("t=").and_then(|t| t.split_once(',')).expect("a time").0.parse().expect("a number");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of some length");
    assert_eq!(header, signature(&key, at, body.as_bytes()));
    assert!(body.contains("\"seq\":1,") && body.contains("c-0123456789abcdef"), "{body}");
}
