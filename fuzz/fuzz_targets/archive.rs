//! Image archives: the names that are judged are those that the engine gives.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    wharden_fuzz::archive::check(bytes);
});
