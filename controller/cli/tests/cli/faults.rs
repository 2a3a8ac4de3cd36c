//! What goes wrong between here and the controller, and what the controller refuses.

use crate::{
    run::Shell,
    sample::{HOST, POLICY_TEXT, error},
    server::Server,
};
use serde_json::{Value, json};

async fn fault(shell: &Shell) -> String {
    let outcome = shell.run(&["user", "list"]).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{}", outcome.err);
    outcome.err
}

#[tokio::test]
async fn another_ca_is_not_trusted_and_gets_no_token() {
    let (server, other) = (Server::start().await, Server::start().await);
    let mut shell = Shell::logged_in(&server).await;
    shell.vars.insert("WHARDEN_CA_FILE".to_owned(), other.ca_file().display().to_string());
    let told = fault(&shell).await;
    assert!(told.contains("is not signed by the CA in") && told.contains("ca.pem"), "{told}");
    assert_eq!(server.routes(), Vec::<String>::new());
    shell.vars.remove("WHARDEN_CA_FILE");
    let told = fault(&shell).await;
    assert!(told.contains("this machine knows no CA") && told.contains("WHARDEN_CA_FILE"), "{told}");
    assert_eq!(server.routes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told() {
    let server = Server::with_name("wharden.example.org").await;
    let shell = Shell::logged_in(&server).await;
    let told = fault(&shell).await;
    assert!(told.contains("another name") && told.contains("--advertise"), "{told}");
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_told() {
    let server = Server::start().await;
    let mut shell = Shell::logged_in(&server).await;
    for (text, told) in [(None, "No such file"), (Some("nothing"), "no certificate")] {
        let path = shell.file("other.pem", text.unwrap_or_default());
        if text.is_none() {
            std::fs::remove_file(&path).unwrap();
        }
        shell.vars.insert("WHARDEN_CA_FILE".to_owned(), path);
        let err = fault(&shell).await;
        assert!(err.contains(told) && err.contains("other.pem"), "{err}");
    }
}

#[tokio::test]
async fn a_controller_that_is_not_there_is_told() {
    let server = Server::start().await;
    let mut shell = Shell::logged_in(&server).await;
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("https://{free}"), "https://no-such-host.invalid:7440".to_owned()] {
        shell.log_in(&url, crate::run::session("a", 600, "r")).await;
        shell.vars.insert("WHARDEN_URL".to_owned(), url.clone());
        let told = fault(&shell).await;
        assert!(told.contains(&format!("no controller answers at {url}")), "{told}");
        let outcome = shell.run(&["user", "list", "-o", "json"]).await;
        assert_eq!(outcome.error()["code"], "unreachable");
    }
}

#[tokio::test]
async fn something_that_is_no_controller_is_told() {
    let server = Server::start().await;
    server
        .on("GET /v1/users", 502, json!("<html>bad gateway</html>"))
        .on("GET /v1/users", 200, json!("<html>hello</html>"))
        .on("GET /v1/users", 302, json!("elsewhere"));
    let shell = Shell::logged_in(&server).await;
    for status in [502, 200, 302] {
        let told = fault(&shell).await;
        assert!(told.contains(&format!("answered {status} with something that is no answer")), "{told}");
    }
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    let app = axum::Router::new();
    tokio::spawn(async move { axum::serve(plain, app).await });
    let mut shell = Shell::logged_in(&server).await;
    shell.log_in(&url, crate::run::session("a", 600, "r")).await;
    shell.vars.insert("WHARDEN_URL".to_owned(), url);
    let told = fault(&shell).await;
    assert!(told.contains("no TLS connection") && told.contains("REST port"), "{told}");
}

#[tokio::test]
async fn refusals_name_the_cause_and_the_next_step() {
    let server = Server::start().await;
    let refused: &[(&str, u16, Value, &[&str])] = &[
        (
            "GET /v1/hosts/nowhere",
            404,
            error("not_found", "there is no host \"nowhere\"", "`wharden host list` shows the hosts"),
            &["host", "show", "nowhere"],
        ),
        (
            "GET /v1/hosts/web1",
            409,
            error("conflict", "2 hosts are called web1", "use the id"),
            &["host", "label", "web1", "a=b"],
        ),
        (
            "DELETE /v1/policies/team",
            403,
            error("forbidden", "no policy permits policy.delete on team", ""),
            &["policy", "remove", "team", "--yes"],
        ),
        (
            "PUT /v1/groups/launchers/members/bob",
            404,
            error("not_found", "there is no group \"launchers\"", ""),
            &["group", "add", "launchers", "bob"],
        ),
        ("GET /v1/status", 500, error("internal", "a defect", ""), &["status"]),
        ("GET /v1/audit?limit=100", 503, error("unavailable", "no leader", ""), &["audit", "list"]),
    ];
    let shell = Shell::logged_in(&server).await;
    let mut all = String::new();
    for (route, status, body, words) in refused {
        server.on(route, *status, body.clone());
        all.push_str(&format!("$ wharden {}\n{}\n", words.join(" "), shell.run(words).await.told()));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn an_invalid_policy_is_told_with_file_line_and_column() {
    let server = Server::start().await;
    let shell = Shell::logged_in(&server).await;
    let file = shell.file("team.cedar", POLICY_TEXT);
    let mut body = error("invalid_policy", "the policy does not validate", "");
    body["details"] = json!([{"at": "2:8", "message": "unknown action (did you mean \"container.create\"?)"}]);
    server.on("PUT /v1/policies/team", 422, body).on(
        "POST /v1/policy/validate",
        200,
        json!({"valid": false, "issues": [
            {"line": 2, "column": 8, "rule": "one", "message": "unknown action", "help": "write container.create"},
        ]}),
    );
    let outcome = shell.run(&["policy", "put", &file]).await;
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains(&format!("  {file}:2:8: unknown action (did you mean")), "{}", outcome.err);
    let outcome = shell.run(&["policy", "validate", &file]).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""));
    let told = format!("  {file}:2:8: rule one: unknown action (write container.create)");
    assert!(outcome.err.contains(&told), "{}", outcome.err);
    let outcome = shell.run(&["policy", "validate", &file, "-o", "json"]).await;
    assert_eq!(outcome.json()["issues"][0]["line"], 2);
    assert_eq!(outcome.error()["code"], "invalid_policy");
}

#[tokio::test]
async fn a_name_cannot_reach_another_route() {
    let server = Server::start().await;
    let shell = Shell::logged_in(&server).await;
    assert_eq!(shell.run(&["host", "show", "a?b#c%2e ä"]).await.code, 1);
    assert_eq!(server.routes(), ["GET /v1/hosts/a%3Fb%23c%252e%20%C3%A4"]);
    assert_eq!(shell.run(&["host", "show", &format!("{HOST}/revoke")]).await.code, 2);
}
