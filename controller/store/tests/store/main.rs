//! The store from outside: openraft's own suite, a real Raft of one, and what disks do.

/// Makes a test of each function for each engine.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        mod journal {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(wharden_store::Engine::Journal).await;
            })*
        }
        mod redb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(wharden_store::Engine::Redb).await;
            })*
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(wharden_store::Engine::Sled).await;
            })*
        }
    };
}

mod damage;
mod full;
mod kill;
mod raft;
mod reopen;
mod replay;
mod suite;
mod support;
