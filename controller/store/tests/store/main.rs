//! The store from outside: openraft's own suite, a real Raft of one, and what disks do.

mod damage;
mod full;
mod kill;
mod raft;
mod reopen;
mod suite;
mod support;
