//! Every row of the table of operations, from each shell: exit status, text, and the calls it makes.

use crate::common::mounted::Mount;
use crate::common::shell::{SHELLS, run};

#[test]
fn a_resize_is_one_call_and_an_equal_value_none() {
    for shell in SHELLS {
        let mount = Mount::small();
        let ran =
            run(shell, &mount.path("dummy/volumes/db1"), "set -e; echo 5G > size_total; cat size_total");
        assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "5368709120\n", ""), "{shell:?}");
        assert_eq!(mount.backend.take_changes(), ["patch_volume(db1, size_total=5368709120)"], "{shell:?}");
        let ran = run(shell, &mount.path("dummy/volumes/db1"), "set -e; echo 5368709120 > size_total");
        assert_eq!((ran.code, mount.backend.take_changes()), (0, vec![]), "{shell:?}");
    }
}
