//! The store from outside: openraft's own suite, a real Raft of one, and what disks do.

/// Makes a test of each function for each engine.
macro_rules! on_each_engine {
    ($($name:ident),* $(,)?) => {
        on_each_engine!(@ journal Journal $($name)*);
        on_each_engine!(@ redb Redb $($name)*);
        on_each_engine!(@ sled Sled $($name)*);
    };
    (@ $module:ident $engine:ident $($name:ident)*) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(wharden_store::Engine::$engine).await;
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
