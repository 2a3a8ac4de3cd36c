//! `audit verify`: what an export shows, what a kept checkpoint shows besides, and what is not taken for whole.

use crate::{
    run::{NOW, Shell},
    server::Server,
};
use serde_json::json;
use wharden_model::{
    ClusterId, Timestamp,
    api::{AuditCheckpoint, AuditRecord},
    audit::checkpoint_statement,
};
use wharden_pki::BundleSigner;

/// The audit of a cluster.
struct Audit {
    signer: BundleSigner,
    records: Vec<AuditRecord>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Audit {
    fn of(count: u64) -> Self {
        let (mut previous, mut records) = ([0; 32], Vec::new());
        for seq in 1..=count {
            let mut record = AuditRecord {
                seq,
                at: Timestamp(NOW.0 + seq),
                actor: "user alice".to_owned(),
                action: "policy.update".to_owned(),
                resource: "policy team".to_owned(),
                outcome: "applied".to_owned(),
                detail: String::new(),
                request_id: format!("{seq:032x}"),
                source: String::new(),
                factors: String::new(),
                before: String::new(),
                hash: String::new(),
            };
            previous = record.link().hash(&previous);
            record.hash = hex(&previous);
            records.push(record);
        }
        Self { signer: BundleSigner::generate().unwrap(), records }
    }

    fn hash(&self, seq: usize) -> String {
        if seq == 0 { "0".repeat(64) } else { self.records[seq - 1].hash.clone() }
    }

    fn key(&self) -> String {
        hex(&self.signer.public_key())
    }

    fn checkpoint(&self, seq: usize) -> AuditCheckpoint {
        self.checkpoint_of(seq, self.hash(seq))
    }

    fn checkpoint_of(&self, seq: usize, head: String) -> AuditCheckpoint {
        let cluster_id = ClusterId::new("c-0123456789abcdef").unwrap();
        let bytes: Vec<u8> =
            (0..head.len()).step_by(2).map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap()).collect();
        let statement = checkpoint_statement(&cluster_id, seq as u64, &bytes, NOW);
        let signature = hex(&self.signer.sign(&statement));
        AuditCheckpoint { cluster_id, seq: seq as u64, head, at: NOW, key: self.key(), signature }
    }

    /// An export of the records after this number, with the checkpoint of all.
    fn export(&self, after: usize) -> String {
        self.export_of(&self.hash(after), &self.records[after..])
    }

    fn export_of(&self, base: &str, records: &[AuditRecord]) -> String {
        let mut lines = vec![json!({"wharden_audit": 1, "base": base})];
        lines.extend(records.iter().map(|record| serde_json::to_value(record).unwrap()));
        lines.push(json!({"checkpoint": self.checkpoint(self.records.len())}));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn kept(shell: &Shell, name: &str, checkpoint: &AuditCheckpoint) -> String {
    shell.file(name, &serde_json::to_string_pretty(checkpoint).unwrap())
}

#[tokio::test]
async fn an_export_from_the_start_is_intact() {
    let (dir, audit) = (tempfile::tempdir().unwrap(), Audit::of(5));
    let mut shell = Shell::in_dir(dir.path());
    let file = shell.file("audit.jsonl", &audit.export(0));
    let outcome = shell.run(&["audit", "verify", &file, "--key", &audit.key(), "--from-start"]).await;
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{}", outcome.told());
    assert!(outcome.out.contains(" intact\n"), "{}", outcome.out);
    assert!(outcome.out.contains("5, 1 to 5"), "{}", outcome.out);
    // From standard input, as it is printed to standard output.
    shell.stdin = audit.export(0);
    let outcome = shell.run(&["audit", "verify", "-", "-o", "json"]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert_eq!((&outcome.json()["from_start"], &outcome.json()["records"]), (&json!(true), &json!(5)));
}

#[tokio::test]
async fn records_that_are_missing_are_not_passed_over() {
    let (dir, audit) = (tempfile::tempdir().unwrap(), Audit::of(5));
    let shell = Shell::in_dir(dir.path());
    let key = audit.key();
    let verify = async |text: &str, more: &[&str]| {
        let file = shell.file("audit.jsonl", text);
        shell.run(&[&["audit", "verify", &file, "--key", &key], more].concat()).await
    };
    // All of them dropped, with either base.
    for (base, told) in
        [(0, "is not that of one before it"), (3, "all records are missing"), (5, "there are no records")]
    {
        let outcome = verify(&audit.export_of(&audit.hash(base), &[]), &[]).await;
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{told}: {}", outcome.err);
        assert!(outcome.err.contains(told), "{told}: {}", outcome.err);
    }
    // The first three dropped, the base of the rest put in.
    let later = audit.export(3);
    let outcome = verify(&later, &[]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains("intact from record 4 on"), "{}", outcome.out);
    assert!(outcome.out.contains("records 1 to 3 are not in it"), "{}", outcome.out);
    assert!(outcome.err.contains("nothing ties record 4 to those before it"), "{}", outcome.err);
    let outcome = verify(&later, &["-o", "json"]).await;
    assert_eq!((&outcome.json()["from_start"], &outcome.json()["first_seq"]), (&json!(false), &json!(4)));
    let outcome = verify(&later, &["--from-start"]).await;
    assert_eq!((outcome.code, outcome.out.as_str()), (1, ""));
    assert!(outcome.err.contains("the first record is number 4, not 1"), "{}", outcome.err);
    // A later record that is given out as one that nothing comes before.
    assert_eq!(verify(&audit.export_of(&audit.hash(0), &audit.records[3..]), &[]).await.code, 1);
}

#[tokio::test]
async fn a_field_that_no_hash_covers_is_refused() {
    let (dir, audit) = (tempfile::tempdir().unwrap(), Audit::of(3));
    let shell = Shell::in_dir(dir.path());
    let whole = audit.export(0);
    for (from, to) in [
        ("\"action\":", "\"note\":\"approved by ada\",\"action\":"),
        ("\"action\":", "\"action\":\"user.read\",\"action\":"),
        ("\"wharden_audit\":1", "\"wharden_audit\":1,\"of\":\"all\""),
        ("{\"checkpoint\":", "{\"until\":\"now\",\"checkpoint\":"),
    ] {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole);
        let file = shell.file("audit.jsonl", &text);
        let outcome = shell.run(&["audit", "verify", &file]).await;
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{to}: {}", outcome.err);
        assert!(outcome.err.contains("is not of an export of this version"), "{to}: {}", outcome.err);
    }
}

#[tokio::test]
async fn a_kept_checkpoint_shows_what_was_changed_before_it() {
    let (dir, audit, other) = (tempfile::tempdir().unwrap(), Audit::of(5), Audit::of(5));
    let shell = Shell::in_dir(dir.path());
    let verify = async |export: &str, checkpoint: &AuditCheckpoint| {
        let (file, cp) = (shell.file("audit.jsonl", export), kept(&shell, "cp.json", checkpoint));
        shell.run(&["audit", "verify", &file, "--checkpoint", &cp]).await
    };
    // In the middle, right before the first one, and at the end without a record.
    for (after, seq) in [(0, 3), (3, 3), (3, 4), (5, 5)] {
        let outcome = verify(&audit.export(after), &audit.checkpoint(seq)).await;
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{after} {seq}: {}", outcome.told());
        assert!(outcome.out.contains(&format!("holds: record {seq} is the one")), "{}", outcome.out);
    }
    let mut forged = audit.checkpoint(3);
    forged.head = audit.hash(2);
    let mut of_another_cluster = audit.checkpoint(3);
    of_another_cluster.cluster_id = ClusterId::new("c-1123456789abcdef").unwrap();
    for (what, export, checkpoint, told) in [
        ("changed", audit.export(0), audit.checkpoint_of(3, "ab".repeat(32)), "was changed: record 3 is another one"),
        ("cut", audit.export(0), audit.checkpoint_of(9, "ab".repeat(32)), "records are missing at the end"),
        ("no part of it", audit.export(3), audit.checkpoint(1), "the first one here is 4"),
        ("another key", other.export(0), audit.checkpoint(3), "signed by another key"),
        ("forged", audit.export(0), forged, "the kept checkpoint's signature does not hold"),
        ("another cluster", audit.export(0), of_another_cluster, "the kept checkpoint's signature does not hold"),
    ] {
        let outcome = verify(&export, &checkpoint).await;
        assert_eq!((outcome.code, outcome.out.as_str()), (1, ""), "{what}: {}", outcome.err);
        assert!(outcome.err.contains(told), "{what}: {}", outcome.err);
    }
    let table = shell.file("cp.txt", "Cluster: c-0123456789abcdef\n");
    let file = shell.file("audit.jsonl", &audit.export(0));
    let outcome = shell.run(&["audit", "verify", &file, "--checkpoint", &table]).await;
    assert_eq!(outcome.code, 2);
    assert!(outcome.err.contains("audit checkpoint -o json"), "{}", outcome.err);
}

#[tokio::test]
async fn a_kept_checkpoint_is_compared_with_the_controller() {
    let (server, audit) = (Server::start().await, Audit::of(5));
    let page = json!({"records": audit.records, "base": audit.hash(0), "last_seq": 5});
    server.on("GET /v1/audit/checkpoint", 200, json!(audit.checkpoint(5))).on(
        "GET /v1/audit?after=0&limit=1000",
        200,
        page,
    );
    let shell = Shell::logged_in(&server).await;
    let cp = kept(&shell, "cp.json", &audit.checkpoint(3));
    let outcome = shell.run(&["audit", "verify", "--checkpoint", &cp]).await;
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains("holds: record 3"), "{}", outcome.out);
    let cp = kept(&shell, "cp.json", &audit.checkpoint_of(3, "ab".repeat(32)));
    let outcome = shell.run(&["audit", "verify", "--checkpoint", &cp, "-o", "json"]).await;
    assert_eq!((outcome.code, &outcome.error()["code"]), (1, &json!("audit_broken")));
}

#[tokio::test]
async fn records_are_looked_for_through_all_pages() {
    let (server, mut audit) = (Server::start().await, Audit::of(6));
    audit.records[1].actor = "user eve".to_owned();
    audit.records[3].actor = "user eve".to_owned();
    audit.records[3].outcome = "refused: no policy permits it".to_owned();
    audit.records[4].action = "group.update".to_owned();
    audit.records[5].at = NOW.plus_secs(3600);
    for (after, page) in [(0, 0..3), (3, 3..6)] {
        let page = json!({"records": audit.records[page], "base": "", "last_seq": 6});
        server.on(&format!("GET /v1/audit?after={after}&limit=1000"), 200, page);
    }
    let shell = Shell::logged_in(&server).await;
    let all: &[(&[&str], &[u64])] = &[
        (&["--user", "eve"], &[2, 4]),
        (&["--actor", "user eve", "--outcome", "refused"], &[4]),
        (&["--action", "group"], &[5]),
        (&["--action", "group.update"], &[5]),
        (&["--action", "group.up"], &[]),
        (&["--since", "2026-11-24T08:30:00Z"], &[6]),
        (&["--until", "2026-11-24T08:30:00Z", "--limit", "2"], &[4, 5]),
        (&["--user", "alice", "--limit", "1"], &[6]),
        (&["--user", "alice", "--limit", "1", "--after", "0"], &[1]),
    ];
    for (flags, expected) in all {
        let outcome = shell.run(&[&["audit", "list", "-o", "json"], *flags].concat()).await;
        assert_eq!(outcome.code, 0, "{flags:?}: {}", outcome.err);
        let found: Vec<u64> =
            outcome.json().as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(found, *expected, "{flags:?}");
    }
    let outcome = shell.run(&["audit", "list", "--user", "eve"]).await;
    assert!(outcome.out.contains("2026-11-24T08:00:00Z"), "{}", outcome.out);
}

#[tokio::test]
async fn a_key_that_is_none_is_wrong_usage() {
    let (dir, audit) = (tempfile::tempdir().unwrap(), Audit::of(1));
    let shell = Shell::in_dir(dir.path());
    let file = shell.file("audit.jsonl", &audit.export(0));
    for key in ["abc", "", &"g".repeat(64), &"0".repeat(66)] {
        let outcome = shell.run(&["audit", "verify", &file, "--key", key]).await;
        assert_eq!(outcome.code, 2, "{}", outcome.err);
        assert!(outcome.err.contains("64 hex digits"), "{}", outcome.err);
    }
    assert_eq!(shell.run(&["audit", "verify", &file, "--key", &"1".repeat(64)]).await.code, 1);
    let outcome = shell.run(&["audit", "verify", "-", "--checkpoint", "-"]).await;
    assert_eq!(outcome.code, 2, "{}", outcome.err);
}
