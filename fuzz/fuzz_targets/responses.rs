#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| kelpgate_fuzz_bodies::responses::run(data));
