//! The fuzzer's entry: runs the target that `AREDVI_FUZZ` names. Built by `scripts/fuzz` alone.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| std::env::var("AREDVI_FUZZ").unwrap_or_default());

libfuzzer_sys::fuzz_target!(|data: &[u8]| aredvi_fuzzing::run(&TARGET, data));
