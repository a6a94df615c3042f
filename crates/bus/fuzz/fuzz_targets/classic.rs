#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plaza_bus::wire::fuzzing::classic(bytes));
