//! Names and file names are each other's, whatever they hold.
#![no_main]

use filerfs::backend::names::{decoded, encoded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = encoded(text);
    assert!(!file.contains('/') && !file.contains('\0') && file != "." && file != "..");
    assert!(file.len() <= 3 * text.len());
    assert_eq!(decoded(&file).as_deref(), Some(text));
    if let Some(name) = decoded(text) {
        assert_eq!(encoded(&name), text);
    }
});
