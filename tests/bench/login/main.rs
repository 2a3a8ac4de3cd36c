//! Does the time of a refused login tell whether the account exists? Logins with a wrong password, in turns for accounts that
//! exist and for names that nobody has; then the two distributions are compared. Prints JSON and keeps it in
//! `target/bench/login.json`.
//!
//! `auc` is the chance that a login of an existing account takes longer than one of an unknown name: 0.5 says nothing about
//! them. `p` is how often two samples of the same distribution would differ that much (Mann and Whitney's test).
//!
//! Each attempt comes from an address of its own, since attempts of one address are counted; each name is tried fewer times
//! than what makes it wait.

use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};
use wharden_harness::{Admin, Controller, Place, Rest, Totp, admin::PASSWORD, measure::keep};

/// Tries of one name: below the five that cost nothing.
const TRIES: usize = 4;

/// Accounts, and as many names that nobody has: 320 timed attempts of each kind.
const ACCOUNTS: usize = 80;

struct Clients {
    ca: Vec<u8>,
    next: u32,
}

impl Clients {
    /// A client from an address that none had before.
    fn fresh(&mut self) -> Client {
        self.next += 1;
        let [_, a, b, c] = self.next.to_be_bytes();
        let own = IpAddr::V4(Ipv4Addr::new(127, a.max(1), b, c));
        let ca = Certificate::from_pem(&self.ca).expect("the CA");
        Client::builder().tls_certs_only([ca]).no_proxy().local_address(own).build().expect("a client")
    }
}

async fn post(client: &Client, url: &str, body: &Value) -> (u16, Value) {
    let answer = client.post(url).json(body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(Value::Null))
}

/// An account with a password and an authenticator.
async fn account(clients: &mut Clients, base: &str, invite: &str, name: &str) {
    let client = clients.fresh();
    let begin = json!({"token": invite, "username": name, "password": PASSWORD});
    let (_, begun) = post(&client, &format!("{base}/v1/enrolment"), &begin).await;
    let mut totp = Totp::new(begun["totp_secret"].as_str().expect("a secret"));
    let complete = json!({"enrolment": begun["enrolment"], "code": totp.code()});
    let (status, answer) = post(&client, &format!("{base}/v1/enrolment/complete"), &complete).await;
    assert!(status < 300, "{answer}");
}

/// Recovery codes of the admin. Each change takes one, and the last one is spent on ten more, so that nothing waits half a
/// minute for the next code of an authenticator.
struct Codes(Vec<String>);

impl Codes {
    fn change(&mut self, rest: &Rest, path: &str) -> Value {
        if self.0.len() == 1 {
            let more = self.spend(rest, "/v1/account/recovery-codes");
            let more = more["recovery_codes"].as_array().expect("codes").iter();
            self.0 = more.map(|code| code.as_str().expect("a code").to_owned()).collect();
        }
        self.spend(rest, path)
    }

    fn spend(&mut self, rest: &Rest, path: &str) -> Value {
        let (method, code) = ("POST".parse().expect("method"), self.0.pop().expect("a code"));
        rest.send_with(&method, path, None, &[("wharden-recovery-code", &code)]).expect("an answer").ok()
    }
}

/// Milliseconds of one refused login.
async fn refused(clients: &mut Clients, base: &str, name: &str) -> f64 {
    let client = clients.fresh();
    // The connection is there before the clock runs.
    client.get(format!("{base}/healthz")).send().await.expect("an answer");
    let body = json!({"username": name, "password": "wrong horse battery staple", "code": "000000"});
    let begin = Instant::now();
    let (status, answer) = post(&client, &format!("{base}/v1/login"), &body).await;
    let took = begin.elapsed().as_secs_f64() * 1e3;
    assert_eq!(status, 401, "{answer}");
    took
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let accounts: usize = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ACCOUNTS,
        ["--accounts", n] => n.parse().expect("a number of accounts"),
        _ => panic!("usage: login [--accounts {ACCOUNTS}]"),
    };
    let place = Place::new();
    let mut controller = Controller::init(&place, "controller");
    controller.start();
    let admin = Admin::bootstrap(&controller, "ada");
    let mut codes = Codes(admin.recovery_codes.clone());
    let base = controller.url();
    let mut clients = Clients { ca: fs::read(controller.ca_file()).expect("the CA"), next: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for n in 0..accounts {
        let name = format!("known{n}");
        let rest = admin.rest().alone();
        // Each code makes the session's second factor fresh, which is what a new user takes.
        rest.post("/v1/users", json!({"name": name, "groups": []})).ok();
        let invite = codes.change(&rest, &format!("/v1/users/{name}/invite"));
        runtime.block_on(account(&mut clients, &base, invite["invite"].as_str().expect("an invite"), &name));
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..=TRIES {
        for n in 0..accounts {
            let (one, other) = (format!("known{n}"), format!("nobody{n}"));
            let mut time = |name: &str| runtime.block_on(refused(&mut clients, &base, name));
            // In turns, so that neither kind always comes after the other.
            let (took, took_other) = if (round + n) % 2 == 0 {
                (time(&one), time(&other))
            } else {
                let took_other = time(&other);
                (time(&one), took_other)
            };
            // The first round warms up.
            if round > 0 {
                known.push(took);
                unknown.push(took_other);
            }
        }
    }
    let (auc, p) = compare(&known, &unknown);
    let report = json!({
        "attempts": known.len(), "known_ms": quantiles(&known), "unknown_ms": quantiles(&unknown), "auc": auc, "p": p,
    });
    println!("{}", keep("login", &report));
}

fn quantiles(samples: &[f64]) -> Value {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |q: f64| sorted[((sorted.len() - 1) as f64 * q).round() as usize];
    json!({"p10": at(0.1), "p50": at(0.5), "p90": at(0.9)})
}

/// Mann and Whitney's U over the number of pairs, and the two-sided p of its normal approximation.
fn compare(one: &[f64], other: &[f64]) -> (f64, f64) {
    let longer =
        |a: &f64| other.iter().map(|b| if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 }).sum::<f64>();
    let u: f64 = one.iter().map(longer).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let z = (u - n * m / 2.0).abs() / (n * m * (n + m + 1.0) / 12.0).sqrt();
    (u / (n * m), 2.0 * tail(z))
}

/// The upper tail of the normal distribution (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum: f64 = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum
}
