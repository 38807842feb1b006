#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::xen_tree(data));
