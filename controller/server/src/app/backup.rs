//! Backups on request.

use super::{App, AppError, Caller};
use crate::backup::{self, limits::PIECES_WAITING};
use bytes::{Bytes, BytesMut};
use std::io;
use tokio::sync::mpsc;
use wharden_model::AdminAction;
use wharden_state::{AuditCommand, Command};

/// Bytes of one piece.
const PIECE: usize = 64 * 1024;

/// A backup on its way. A piece that is an error means that what came before is of no use.
pub struct Backup {
    pub file_name: String,
    pub pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl App {
    /// Makes a backup of everything that was acknowledged before this call. The audit has it before the first byte leaves.
    pub async fn create_backup(&self, caller: &Caller) -> Result<Backup, AppError> {
        self.may(caller, AdminAction::BackupCreate, &self.cluster()).await?;
        if self.backup_recipients.is_empty() {
            return Err(AppError::Conflict {
                message: backup::KeyError::NoRecipient.to_string(),
                hint: "the key is set on the controller, so that a stolen session cannot choose it",
            });
        }
        let at = self.now();
        let file_name = backup::file_name(&self.keys.cluster_id, at);
        let done = AuditCommand::Done {
            action: AdminAction::BackupCreate.name().to_owned(),
            resource: format!("cluster {}", self.keys.cluster_id),
            detail: file_name.clone(),
        };
        self.change(caller, Command::Audit(done)).await?;
        self.raft.linearizable().await?;
        let (index, state) = self.raft.applied();
        let (keys, recipients) = (self.keys.clone(), self.backup_recipients.clone());
        let (out, pieces) = mpsc::channel(PIECES_WAITING);
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { out, held: BytesMut::with_capacity(PIECE) };
            if let Err(error) = backup::write(&state, index, &keys.sealing(), &recipients, at, &mut pieces) {
                tracing::warn!(%error, "a backup was not finished");
                // The client may be what went away.
                let _ = pieces.out.blocking_send(Err(io::Error::other(error.to_string())));
            }
        });
        Ok(Backup { file_name, pieces })
    }
}

/// Gathers small writes and hands them on; waits while the client is slow.
struct Pieces {
    out: mpsc::Sender<io::Result<Bytes>>,
    held: BytesMut,
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.held, BytesMut::with_capacity(PIECE)).freeze();
        self.out.blocking_send(Ok(piece)).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client went away"))
    }
}
