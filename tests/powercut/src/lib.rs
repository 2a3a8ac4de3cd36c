//! Power cuts, for real as far as a process can tell: a file system of its own that knows what was synced, a store that
//! works on it in a process of its own, and a check of what is left.
//!
//! ```text
//! run ─ starts ─▶ work, a process: the real store on the mount; says what it tries and what was acknowledged
//!  │                │ file system calls
//!  │                ▼
//!  │              mount (FUSE) ─▶ disk: what is seen, what is on the platter
//!  └─ at a seeded moment: power off, kill, cut the disk, mount what is left, start anew, compare with the model
//! ```
//!
//! Not in the path of data. What it found is in `docs/durability.md`.

pub mod disk;
mod entries;
pub mod limits;
mod model;
pub mod mount;
pub mod run;
mod task;
pub mod work;

pub use task::{Found, Line, Op, Task};
