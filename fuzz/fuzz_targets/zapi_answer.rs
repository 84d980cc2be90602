//! The reader of ZAPI takes any bytes: an answer or a failure, and no more out of it than went in.
#![no_main]

use filerfs::backends::ontap::zapi::xml::{Done, next_tag, read, records_alone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _ = read::<Done>("fuzz", body);
    if let Ok(Some(tag)) = next_tag("fuzz", body) {
        assert!(tag.len() <= body.len());
    }
    if let Ok(records) = records_alone("fuzz", body) {
        let size: usize = records.iter().map(String::len).sum();
        assert!(size <= body.len() + 200 * records.len());
        for record in records {
            let _ = read::<Done>("fuzz", record.as_bytes());
        }
    }
});
