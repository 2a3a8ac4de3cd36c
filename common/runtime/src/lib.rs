//! What every process needs and none should write twice: clock, backoff, shutdown, readiness, telemetry, metrics, files
//! that survive a power cut, places that are counted, threads of their own, TLS.
//!
//! Place in the path of data: under all of it.
//!
//! Must not know: the product's words. No type of `common/model` is here; times are milliseconds, certificates are bytes.

pub mod backoff;
pub mod clock;
pub mod fsync;
pub mod limits;
pub mod metrics;
pub mod places;
pub mod pool;
pub mod ready;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
