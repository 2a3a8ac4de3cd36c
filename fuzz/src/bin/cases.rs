//! Writes what this side makes of bodies and requests, a JSON document a line, for `go/reader.go` to hold against Go:
//! `cases CORPUS CHANGES` takes every file of the folders `json` and `routes` below CORPUS, and so many changes of each.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};
use wharden_docker::ForwardBody;
use wharden_fuzz::{
    go_json::Outcome,
    host,
    json::{read, split},
    judged,
    mutate::{self, Dice},
};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    let [_, corpus, changes] = &args[..] else {
        eprintln!("usage: cases CORPUS CHANGES");
        return ExitCode::from(2);
    };
    let Ok(changes) = changes.parse() else {
        eprintln!("CHANGES is a number");
        return ExitCode::from(2);
    };
    match write(Path::new(corpus), changes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cases: {error}");
            ExitCode::FAILURE
        }
    }
}

fn files(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

fn write(corpus: &Path, changes: usize) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut dice = Dice::new(0x7768_6172_6465_6e00);
    for file in files(&corpus.join("json"))? {
        let (kind, body) = split(&file);
        writeln!(out, "{}", body_line(kind, body))?;
        for _ in 0..changes {
            writeln!(out, "{}", body_line(kind, &mutate::json(body, &mut dice)))?;
        }
    }
    for file in files(&corpus.join("routes"))? {
        for change in 0..=changes {
            let bytes = if change == 0 { file.clone() } else { mutate::head(&file, &mut dice) };
            if let Some(line) = request_line(&bytes) {
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()
}

fn body_line(kind: wharden_fuzz::engine::Body, body: &[u8]) -> Value {
    let case = read(kind, body);
    let (outcome, meaning) = match case.meaning {
        Outcome::Value(value) => ("value", value),
        Outcome::Error => ("error", Value::Null),
        Outcome::Twice => ("twice", Value::Null),
    };
    json!({
        "kind": format!("{kind:?}").to_lowercase(), "body": BASE64_STANDARD.encode(body), "outcome": outcome, "meaning": meaning,
        "accepted": case.accepted.map(|bytes| BASE64_STANDARD.encode(bytes)),
    })
}

/// A request that was judged: as it came, and as it is sent on.
fn request_line(bytes: &[u8]) -> Option<Value> {
    let judged = judged::check(bytes)?;
    let (canonical, _) = host::canonical(bytes).ok()?;
    let body = match judged.body {
        ForwardBody::Bytes(body) => Some(BASE64_STANDARD.encode(body)),
        ForwardBody::Empty | ForwardBody::Stream(_) | ForwardBody::Archive(_) => None,
    };
    Some(json!({
        "kind": "request", "body": BASE64_STANDARD.encode(bytes), "head": BASE64_STANDARD.encode(judged.head), "sent": body,
        "described": canonical.describe(),
    }))
}
