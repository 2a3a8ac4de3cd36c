//! The console of a running controller: a unix socket in its data folder, for root and for the user that it runs as.
//!
//! It does one thing: it lets somebody in anew who lost both factors and has nobody left to ask. Because the controller
//! that is asked proposes it like any other change, this works in a cluster of any size, and needs no stop.
//!
//! ```text
//!  wharden-controller recover ──{"recover": "ada"}──▶ DIR/console.sock ──▶ app ──▶ log: account.recover, loud in the audit
//!                             ◀──{"invite": "win_…"}──
//! ```

use crate::{app::App, limits};
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};
use wharden_model::{UserName, api::Invite};
use wharden_runtime::shutdown::Shutdown;

const SOCKET: &str = "console.sock";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    recover: UserName,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Invite(Invite),
    Error(String),
}

/// The socket, and whose it is.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

/// Binds the socket; one that an earlier run left is replaced.
///
/// # Errors
/// When it cannot be made.
pub fn bind(data_dir: &Path) -> io::Result<Listener> {
    let path = data_dir.join(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let owner = fs::metadata(&path)?.uid();
    Ok(Listener { listener, path, owner })
}

impl Listener {
    /// Answers, one question a connection, until shutdown.
    pub async fn serve(self, app: Arc<App>, shutdown: Shutdown) {
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.stopped() => break,
            };
            let time = Duration::from_secs(limits::CONSOLE_TIMEOUT_S);
            match stream {
                Ok((stream, _)) => match tokio::time::timeout(time, self.answer(stream, &app)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "a question at the console was not answered"),
                    Err(_) => tracing::warn!("a question at the console took too long"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the console cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        // A stale socket would only make a later command wait.
        let _ = fs::remove_file(&self.path);
    }

    async fn answer(&self, stream: UnixStream, app: &App) -> anyhow::Result<()> {
        let peer = stream.peer_cred()?.uid();
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        BufReader::new(read.take(limits::CONSOLE_LINE_MAX)).read_line(&mut line).await?;
        let answer = if peer == 0 || peer == self.owner {
            match serde_json::from_str::<Question>(&line) {
                Ok(question) => app
                    .recover(question.recover, format!("uid {peer}"))
                    .await
                    .map_or_else(|error| Answer::Error(error.to_string()), Answer::Invite),
                Err(error) => Answer::Error(error.to_string()),
            }
        } else {
            Answer::Error("the console is for root and for the user that the controller runs as".to_owned())
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        write.write_all(&text).await?;
        Ok(write.shutdown().await?)
    }
}

/// Asks the controller that runs in this folder to let a user in anew.
///
/// # Errors
/// When none runs there, or it refuses.
pub async fn recover(data_dir: &Path, user: UserName) -> anyhow::Result<Invite> {
    let path = data_dir.join(SOCKET);
    let mut stream = UnixStream::connect(&path).await.with_context(|| {
        format!("no controller answers at {}: start it first, and run this as root or as its user", path.display())
    })?;
    let mut text = serde_json::to_vec(&Question { recover: user })?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    let mut answer = String::new();
    let time = Duration::from_secs(limits::CONSOLE_TIMEOUT_S);
    tokio::time::timeout(time, stream.take(limits::CONSOLE_LINE_MAX).read_to_string(&mut answer))
        .await
        .map_err(|_| anyhow!("the controller did not answer in time"))??;
    match serde_json::from_str(&answer).context("the answer cannot be read")? {
        Answer::Invite(invite) => Ok(invite),
        Answer::Error(why) => bail!("{why}"),
    }
}

/// What a person reads.
pub fn told(user: &UserName, invite: &Invite) -> String {
    format!(
        "Both factors of {user} are removed and their sessions ended; the audit says so.\n\
         Invite, good once until {}:\n\n  {}\n\nNext:\n  wharden accept-invite --username {user}",
        invite.expires_at,
        invite.invite.reveal()
    )
}
