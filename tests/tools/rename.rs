//! Tools that write a new file and rename it onto the old one.

use crate::case::{check, done, refused};

const PATCHED: &[&str] = &["patch_volume(db1, size_total=11811160064)"];

#[test]
fn sed_in_place_is_a_write() {
    check(&[
        done("cd volumes/db1; sed -i 's/.*/11G/' size_total; cat size_total", PATCHED)
            .printing("11811160064\n"),
        refused(
            "cd volumes/db1; sed -i 's/.*/10GB/' size_total",
            4,
            &["cannot rename ./sed", "Invalid argument"],
            &[
                "errno=EINVAL op=rename path=/dummy/volumes/db1/sed",
                "to=/dummy/volumes/db1/size_total",
                "10GB",
            ],
        ),
    ]);
}
