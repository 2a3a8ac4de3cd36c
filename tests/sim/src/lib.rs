//! Thousands of simulated hosts on real controllers, and what they cost.
//!
//! Place in the path of data: outside, at both ends. It starts controllers as processes, changes policies over REST as an
//! admin would, and stands in for the agents: each host has its own key, certificate, TLS connection and HTTP/2 session.
//!
//! ```text
//! run ── scenario ─▶ controllers (harness) ── REST
//!  └ Order ─▶ worker process ─▶ host, host, … ── TLS, HTTP/2, the agents' protocol ─▶ controllers
//!  ◀ Reply ─┘                    └ what is verified and compiled is shared where it is the same
//! ```
//!
//! What the hosts do that agents do is the agent's own code where it needs no machine of its own: the check of an
//! enrolment, of a signature and a digest, compiling, the choice of a controller. HTTP/2 is spoken directly, since all
//! hosts share the processors of one machine with the controllers that are measured.
//!
//! Must not know: how the controllers work inside.

pub mod bundles;
pub mod chart;
pub mod cluster;
pub mod etcd;
pub mod figures;
pub mod host;
pub mod identity;
pub mod limits;
pub mod load;
pub mod message;
pub mod probe;
pub mod run;
pub mod scenario;
pub mod session;
pub mod turn;
pub mod wire;
pub mod worker;
pub mod workers;
