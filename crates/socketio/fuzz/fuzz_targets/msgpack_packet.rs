#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plaza_socketio::fuzzing::msgpack_packet(bytes));
