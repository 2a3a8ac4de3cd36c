//! Whole requests of every route: no panic, all facts, and what is sent on is what was judged.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    wharden_fuzz::judged::check(bytes);
});
