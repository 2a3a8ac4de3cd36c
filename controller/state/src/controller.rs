//! The controllers: who they are, who may join, and the one change of membership that is under way.
//!
//! ```text
//!           Join                    Settle: votes                       Settle: gone
//!  code ──────────▶ joining ─────────────────────▶ voter ── Remove ──▶ leaving ─────▶ nothing, and its number
//!                      │  Settle: replicates         ▲                    ▲            never comes back
//!                      └──────────▶ learner ─ Promote┘ ───── Remove ──────┘
//! ```
//!
//! Raft's own membership follows from this: the leader moves it one controller at a time, and says with `Settle` what it
//! is. A code that replaces a controller makes two changes, one after the other.

use crate::{
    apply::{Context, State, retain},
    command::ControllerCommand,
    entry::{Applied, Change, Kind, Rejection, Reply},
    hex::Hex,
    limits,
};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use wharden_model::{CodeId, Timestamp};

/// Where a controller is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// For people: the first name that it is reached by.
    pub name: String,
    /// `host:port` for other controllers.
    pub peer: String,
    /// `https://host:port` for clients.
    pub rest: String,
    /// `host:port` for agents.
    pub agent: String,
}

/// What a controller is in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControllerStatus {
    /// It has its certificate and is catching up.
    Joining,
    /// It has a vote.
    Voter,
    /// It has everything and no vote.
    Learner,
}

/// One controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    pub seat: Seat,
    /// Serial number of its certificate for other controllers, hex. No other one counts.
    pub serial: String,
    pub status: ControllerStatus,
    /// It shall have a vote.
    pub wants_vote: bool,
    /// It shall go.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// It came in place of this one, which goes once it votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
    pub joined_at: Timestamp,
}

/// Lets a controller join, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerCode {
    pub hash: Hex,
    pub expires_at: Timestamp,
    pub voter: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
    /// Who used it: the number that it got, and the SHA-256 of its public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<(u64, Hex)>,
}

/// All controllers, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controllers {
    pub members: OrdMap<u64, Controller>,
    /// The highest number that was ever given away. One up to it that is not a member was removed.
    pub last_number: u64,
    pub codes: OrdMap<CodeId, ControllerCode>,
    /// The controller whose change of membership is under way.
    pub changing: Option<u64>,
}

impl Controllers {
    /// Nothing was ever entered: a cluster that an earlier version made.
    pub fn is_empty(&self) -> bool {
        self.last_number == 0
    }

    /// The number was given away and taken back.
    pub fn was_removed(&self, number: u64) -> bool {
        number <= self.last_number && !self.members.contains_key(&number)
    }

    /// All members but this one.
    pub fn others(&self, own: u64) -> impl Iterator<Item = u64> + '_ {
        self.members.keys().copied().filter(move |number| *number != own)
    }

    /// Those that shall have a vote.
    pub fn wanted_voters(&self) -> impl Iterator<Item = u64> + '_ {
        self.members.iter().filter(|(_, c)| c.wants_vote && !c.leaving).map(|(number, _)| *number)
    }

    fn member_mut(&mut self, number: u64) -> Result<&mut Controller, Rejection> {
        self.members
            .get_mut(&number)
            .ok_or_else(|| Rejection::NotFound { kind: Kind::Controller, name: number.to_string() })
    }

    fn nothing_changing(&self) -> Result<(), Rejection> {
        self.changing.map_or(Ok(()), |number| Err(Rejection::Changing { number }))
    }

    fn no_other_at(&self, seat: &Seat, but: &[u64]) -> Result<(), Rejection> {
        match self.members.iter().find(|(number, c)| c.seat.peer == seat.peer && !but.contains(number)) {
            Some(_) => Err(Rejection::Exists { kind: Kind::Controller, name: seat.peer.clone() }),
            None => Ok(()),
        }
    }

    fn register(&mut self, at: Timestamp, number: u64, seat: &Seat, serial: &str) -> Result<(), Rejection> {
        if self.is_empty() && number > 0 {
            self.last_number = number;
            let founder = Controller {
                seat: seat.clone(),
                serial: serial.to_owned(),
                status: ControllerStatus::Voter,
                wants_vote: true,
                leaving: false,
                replaces: None,
                joined_at: at,
            };
            self.members.insert(number, founder);
            return Ok(());
        }
        self.no_other_at(seat, &[number])?;
        let known = self.member_mut(number)?;
        if known.serial != serial {
            return Err(Rejection::OtherCertificate { number });
        }
        known.seat = seat.clone();
        Ok(())
    }

    fn allow(&mut self, now: Timestamp, id: &CodeId, code: ControllerCode) -> Result<(), Rejection> {
        retain(&mut self.codes, |code| code.expires_at > now);
        if self.codes.len() >= limits::CODES_MAX {
            return Err(Rejection::Limit { what: Kind::Code, max: limits::CODES_MAX });
        }
        if self.members.len() >= limits::CONTROLLERS_MAX {
            return Err(Rejection::Limit { what: Kind::Controller, max: limits::CONTROLLERS_MAX });
        }
        if let Some(old) = code.replaces {
            self.member_mut(old)?;
        }
        self.codes.insert(id.clone(), code);
        Ok(())
    }

    fn join(&mut self, now: Timestamp, command: &ControllerCommand) -> Reply {
        let ControllerCommand::Join { code: id, code_hash, key, number, seat, serial } = command else {
            return Err(Rejection::BadToken);
        };
        let code = self.codes.get(id).filter(|code| code.hash == *code_hash).ok_or(Rejection::BadToken)?.clone();
        if let Some((given, by)) = &code.used_by {
            let retry = self.members.get_mut(given).filter(|c| by == key && c.status == ControllerStatus::Joining);
            let known = retry.ok_or(Rejection::TokenUsedUp)?;
            (known.serial, known.seat) = (serial.clone(), seat.clone());
            return if given == number {
                Ok(Applied::Controller { number: *number })
            } else {
                Err(Rejection::NotNext { next: *given })
            };
        }
        if code.expires_at <= now {
            return Err(Rejection::TokenExpired);
        }
        self.nothing_changing()?;
        if self.members.len() >= limits::CONTROLLERS_MAX {
            return Err(Rejection::Limit { what: Kind::Controller, max: limits::CONTROLLERS_MAX });
        }
        if *number != self.last_number + 1 {
            return Err(Rejection::NotNext { next: self.last_number + 1 });
        }
        self.no_other_at(seat, &code.replaces.map_or_else(Vec::new, |old| vec![old]))?;
        let joiner = Controller {
            seat: seat.clone(),
            serial: serial.clone(),
            status: ControllerStatus::Joining,
            wants_vote: code.voter,
            leaving: false,
            replaces: code.replaces,
            joined_at: now,
        };
        self.members.insert(*number, joiner);
        self.last_number = *number;
        self.changing = Some(*number);
        if let Some(code) = self.codes.get_mut(id) {
            code.used_by = Some((*number, key.clone()));
        }
        Ok(Applied::Controller { number: *number })
    }

    fn promote(&mut self, number: u64) -> Result<(), Rejection> {
        let known = self.member_mut(number)?;
        if known.wants_vote || known.leaving {
            return Err(Rejection::NoLearner { number });
        }
        self.nothing_changing()?;
        self.member_mut(number)?.wants_vote = true;
        self.changing = Some(number);
        Ok(())
    }

    fn remove(&mut self, number: u64) -> Result<(), Rejection> {
        let known = self.member_mut(number)?;
        let gives_up_joining = known.status == ControllerStatus::Joining && !known.leaving;
        if !(self.changing == Some(number) && gives_up_joining) {
            self.nothing_changing()?;
        }
        if !self.wanted_voters().any(|other| other != number) {
            return Err(Rejection::LastController);
        }
        self.member_mut(number)?.leaving = true;
        self.changing = Some(number);
        Ok(())
    }

    /// True when something is other than before.
    fn settle(&mut self, voters: &[u64], learners: &[u64]) -> bool {
        let before = self.clone();
        for number in self.members.keys().copied().collect::<Vec<_>>() {
            let Some(known) = self.members.get_mut(&number) else { continue };
            if voters.contains(&number) {
                known.status = ControllerStatus::Voter;
            } else if learners.contains(&number) {
                // Whoever shall vote goes on joining until it does.
                known.status = if known.wants_vote { ControllerStatus::Joining } else { ControllerStatus::Learner };
            } else if known.leaving {
                self.members.remove(&number);
            }
        }
        if let Some(number) = self.changing {
            let done = match self.members.get(&number) {
                None => true,
                Some(c) if c.leaving => false,
                Some(c) if c.wants_vote => c.status == ControllerStatus::Voter,
                Some(c) => c.status == ControllerStatus::Learner,
            };
            if done {
                self.changing = self.next_of_replacement(number);
            }
        }
        *self != before
    }

    /// The one that goes now that its replacement is there.
    fn next_of_replacement(&mut self, arrived: u64) -> Option<u64> {
        let old = self.members.get_mut(&arrived)?.replaces.take()?;
        self.members.get_mut(&old)?.leaving = true;
        Some(old)
    }
}

impl State {
    pub(crate) fn apply_controller(&mut self, context: &mut Context<'_>, command: &ControllerCommand) -> Reply {
        let controllers = &mut self.controllers;
        let mut applied = Applied::Done;
        let changed = match command {
            ControllerCommand::Register { number, seat, serial } => {
                controllers.register(context.at, *number, seat, serial)?;
                true
            }
            ControllerCommand::Allow { id, hash, expires_at, voter, replaces } => {
                let code = ControllerCode {
                    hash: hash.clone(),
                    expires_at: *expires_at,
                    voter: *voter,
                    replaces: *replaces,
                    used_by: None,
                };
                controllers.allow(context.at, id, code)?;
                false
            }
            ControllerCommand::Join { .. } => {
                applied = controllers.join(context.at, command)?;
                true
            }
            ControllerCommand::Promote { number } => {
                controllers.promote(*number)?;
                true
            }
            ControllerCommand::Remove { number } => {
                controllers.remove(*number)?;
                true
            }
            ControllerCommand::Settle { voters, learners } => controllers.settle(voters, learners),
        };
        if changed {
            context.changes.push(Change::Controllers);
        }
        Ok(applied)
    }
}
