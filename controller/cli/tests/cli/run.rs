//! Running one command in this process, with everything around it captured.

use crate::server::Server;
use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use wharden_cli::{Console, Prompts, Session, Store};
use wharden_model::{SessionId, Timestamp, UserName, api::Secret};

/// 2026-11-24T08:00:00Z.
pub const NOW: Timestamp = Timestamp(1_795_507_200_000);

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Everything, for a snapshot.
    pub fn told(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }

    pub fn error(&self) -> serde_json::Value {
        serde_json::from_str(&self.err).unwrap()
    }
}

/// The surroundings of a command.
pub struct Shell {
    pub vars: BTreeMap<String, String>,
    pub stdin: String,
    /// A terminal with a person who gives these answers.
    pub answers: Option<Vec<&'static str>>,
    pub columns: Option<u16>,
    pub now: Timestamp,
    dir: PathBuf,
}

impl Shell {
    /// Without a controller, in a folder of its own.
    pub fn in_dir(dir: &Path) -> Self {
        let vars = BTreeMap::from([("WHARDEN_CONFIG_DIR".to_owned(), dir.join("config").display().to_string())]);
        Self { vars, stdin: String::new(), answers: None, columns: None, now: NOW, dir: dir.to_owned() }
    }

    /// With this controller.
    pub fn at(server: &Server) -> Self {
        let mut shell = Self::in_dir(server.dir.path());
        shell.vars.insert("WHARDEN_URL".to_owned(), server.url());
        shell.vars.insert("WHARDEN_CA_FILE".to_owned(), server.ca_file().display().to_string());
        shell
    }

    /// With this controller and a session.
    pub async fn logged_in(server: &Server) -> Self {
        let shell = Self::at(server);
        shell.log_in(&server.url(), session("access-1", 600, "refresh-1")).await;
        shell
    }

    pub fn store(&self) -> Store {
        Store::new(self.dir.join("config"))
    }

    pub async fn log_in(&self, url: &str, session: Session) {
        let store = self.store();
        let guard = store.lock().await.unwrap();
        let mut credentials = store.load().unwrap();
        credentials.log_in(url, session);
        store.save(&credentials, &guard).unwrap();
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs `wharden` with these words.
    pub async fn run(&self, words: &[&str]) -> Outcome {
        let (out, err) = (Capture::default(), Capture::default());
        let now = self.now;
        let mut console = Console {
            stdout: Box::new(out.clone()),
            stderr: Box::new(err.clone()),
            stdin: Box::new(Cursor::new(self.stdin.clone().into_bytes())),
            prompts: self.answers.as_ref().map(|answers| {
                let answers = answers.iter().map(|a| (*a).to_owned()).collect();
                wharden_cli::Person::new(Person { answers, screen: err.clone() })
            }),
            columns: self.columns,
            stderr_is_terminal: false,
            vars: self.vars.clone(),
            clock: Arc::new(move || now),
        };
        let words = std::iter::once("wharden").chain(words.iter().copied());
        let code = Box::pin(wharden_cli::run(words, &mut console)).await;
        Outcome { code, out: out.text(), err: err.text() }
    }
}

/// A session whose access token ends so many seconds after [`NOW`].
pub fn session(access: &str, seconds: u64, refresh: &str) -> Session {
    Session {
        username: UserName::new("alice").unwrap(),
        session_id: SessionId::new(format!("s-{}", "1".repeat(32))).unwrap(),
        access_token: Secret::new(access),
        access_expires_at: NOW.plus_secs(seconds),
        refresh_token: Secret::new(refresh),
        refresh_expires_at: NOW.plus_secs(43_200),
        ca_pem: None,
        controllers: Vec::new(),
    }
}

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Person {
    answers: VecDeque<String>,
    screen: Capture,
}

impl Prompts for Person {
    fn ask(&mut self, question: &str) -> io::Result<String> {
        writeln!(self.screen, "{question}")?;
        self.answers.pop_front().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn ask_hidden(&mut self, question: &str) -> io::Result<String> {
        self.ask(&format!("(hidden) {question}"))
    }
}
