//! JSON bodies: whatever is accepted means to Go in its canonical form what it meant as it was sent.
//!
//! The first line says which body it is: `create`, `exec` or `volume`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wharden_fuzz::json;

fuzz_target!(|bytes: &[u8]| {
    json::check(bytes);
});
