//! The agents' side over real TLS and gRPC, with a state that applies commands without Raft.

mod cluster;
mod enrolment;
mod protection;
mod renewal;
mod session;

use cluster::{Agent, Open};
use std::time::Duration;
use tonic::Code;

/// Longer than anything here takes.
const SOON: Duration = Duration::from_secs(60);
