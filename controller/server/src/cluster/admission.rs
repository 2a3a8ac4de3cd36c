//! Lets a controller in that has a code.
//!
//! The code is used up in the log, together with the certificate's serial number, before anything is handed out. A joiner
//! whose answer got lost asks again with the same code and key, and gets a new certificate for the same number.

use crate::{
    keys::Keys,
    peers::{
        Door, JoinRefusal,
        limits::{ADDRESS_MAX, JOINS_MAX},
    },
    raft::{ProposeError, Raft},
};
use futures::future::BoxFuture;
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use wharden_model::{Timestamp, limits::HOSTNAME_MAX};
use wharden_pki::{ControllerCode, requested_key_digest};
use wharden_proto::{
    PEER_VERSION,
    v1::{JoinRequest, JoinResponse, KnownController},
};
use wharden_runtime::clock::Clock;
use wharden_state::{Actor, Applied, Command, ControllerCommand, Hex, Rejection, Seat, State};

/// Attempts to get the number that the certificate was made for.
const TRIES: usize = 3;

/// Closed until the keys are there.
pub struct Admission {
    raft: Raft,
    clock: Arc<dyn Clock>,
    keys: OnceLock<Arc<Keys>>,
    turns: Semaphore,
}

impl Admission {
    pub fn new(raft: Raft, clock: Arc<dyn Clock>) -> Self {
        Self { raft, clock, keys: OnceLock::new(), turns: Semaphore::new(JOINS_MAX) }
    }

    /// Opens it.
    pub fn open(&self, keys: Arc<Keys>) {
        // Who has keys already keeps them: what changes, changes in them.
        let _ = self.keys.set(keys);
    }

    async fn admit(&self, request: JoinRequest) -> Result<JoinResponse, JoinRefusal> {
        let not_now = |why: &str| JoinRefusal::NotNow(why.to_owned());
        let keys = self.keys.get().ok_or_else(|| not_now("this controller is still starting"))?;
        let _turn = self.turns.try_acquire().map_err(|_| not_now("others are joining at this moment"))?;
        if request.version != PEER_VERSION {
            return Err(JoinRefusal::No(format!(
                "the joiner speaks version {}, this controller ({}) version {PEER_VERSION}: use the same program",
                request.version,
                env!("CARGO_PKG_VERSION")
            )));
        }
        let code: ControllerCode = request.code.parse().map_err(no)?;
        if code.ca_fingerprint != keys.ca.fingerprint() {
            return Err(JoinRefusal::No("the join code is of another cluster".to_owned()));
        }
        let key = Hex::from(requested_key_digest(&request.csr).map_err(no)?);
        let seat = seat_of(&request)?;
        let state = self.raft.linearizable().await.map_err(later)?;
        if request.level < state.level {
            return Err(JoinRefusal::No(format!(
                "the joiner's version is too old for this cluster (it can do level {}, the cluster uses level {}): use the version of the others, {}",
                request.level,
                state.level,
                env!("CARGO_PKG_VERSION")
            )));
        }
        let mut number = first_try(&state, &code)?;
        for _ in 0..TRIES {
            let now = Timestamp(self.clock.now());
            let issued = keys.ca.issue_controller(&request.csr, &request.names, number, now).map_err(no)?;
            let command = ControllerCommand::Join {
                code: code.id.clone(),
                code_hash: code.secret_hash().into(),
                key: key.clone(),
                number,
                seat: seat.clone(),
                serial: issued.serial.clone(),
            };
            match self.raft.propose(Actor::Anonymous, Command::Controller(command)).await {
                Ok(Applied::Controller { number }) => {
                    tracing::info!(controller = number, peer = %seat.peer, "a controller joins");
                    return Ok(answer(keys, &self.raft.state(), number, issued.der));
                }
                Ok(_) => return Err(JoinRefusal::NotNow("the log gave an odd answer".to_owned())),
                Err(ProposeError::Rejected(Rejection::NotNext { next })) => number = next,
                Err(ProposeError::Rejected(rejection @ Rejection::Changing { .. })) => {
                    return Err(JoinRefusal::NotNow(rejection.to_string()));
                }
                Err(ProposeError::Rejected(rejection)) => return Err(JoinRefusal::No(words(&rejection))),
                Err(error) => return Err(later(error)),
            }
        }
        Err(not_now("others joined at the same moment"))
    }
}

impl Door for Admission {
    fn join(&self, request: JoinRequest) -> BoxFuture<'_, Result<JoinResponse, JoinRefusal>> {
        Box::pin(self.admit(request))
    }
}

fn no(error: impl std::fmt::Display) -> JoinRefusal {
    JoinRefusal::No(error.to_string())
}

fn later(error: impl std::fmt::Display) -> JoinRefusal {
    JoinRefusal::NotNow(error.to_string())
}

fn words(rejection: &Rejection) -> String {
    match rejection {
        Rejection::BadToken => "the join code is not known".to_owned(),
        Rejection::TokenExpired => "the join code expired: make a new one with `wharden cluster add`".to_owned(),
        Rejection::TokenUsedUp => {
            "the join code was used already: make a new one with `wharden cluster add`".to_owned()
        }
        other => other.to_string(),
    }
}

/// The number that the joiner will get, unless others are quicker. Guesses cost no entry of the log.
fn first_try(state: &State, code: &ControllerCode) -> Result<u64, JoinRefusal> {
    let known = state.controllers.codes.get(&code.id).filter(|known| known.hash == code.secret_hash().into());
    let known = known.ok_or_else(|| JoinRefusal::No(words(&Rejection::BadToken)))?;
    Ok(known.used_by.as_ref().map_or(state.controllers.last_number + 1, |(number, _)| *number))
}

fn seat_of(request: &JoinRequest) -> Result<Seat, JoinRefusal> {
    let name = request.names.first().cloned().unwrap_or_default();
    let seat = Seat {
        name,
        peer: request.peer_address.clone(),
        rest: request.rest_url.clone(),
        agent: request.agent_address.clone(),
    };
    let printable =
        |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if printable(&seat.name, HOSTNAME_MAX)
        && [&seat.peer, &seat.rest, &seat.agent].iter().all(|a| printable(a, ADDRESS_MAX))
    {
        Ok(seat)
    } else {
        Err(JoinRefusal::No(
            "the joiner's name and addresses must be printable and not longer than a host name".to_owned(),
        ))
    }
}

fn answer(keys: &Keys, state: &State, number: u64, certificate: Vec<u8>) -> JoinResponse {
    let others = state.controllers.members.iter().filter(|(other, _)| **other != number);
    JoinResponse {
        number,
        cluster_id: keys.cluster_id.to_string(),
        chain: vec![certificate.into(), keys.ca.cert_der().to_vec().into()],
        cluster_key: keys.sealing().to_file_text().to_string(),
        controllers: others
            .map(|(number, c)| KnownController {
                number: *number,
                peer_address: c.seat.peer.clone(),
                serial: c.serial.clone(),
            })
            .collect(),
    }
}
