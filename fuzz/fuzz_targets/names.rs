//! Names of images, paths and queries: judged as what the engine takes them to mean.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    wharden_fuzz::names::check(text);
});
