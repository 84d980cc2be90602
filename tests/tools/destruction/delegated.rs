//! A group that may create and remove in `snapshots/`, and nothing more: all that reaches filerfs of its deletes
//! may be rmdir.

use filerfs::tree::access::AccessRule;
use glob::Pattern;

use super::content;
use crate::case::bash;
use crate::common::mounted::Mount;
use crate::common::{SMALL, counting, options, tree_with};

#[test]
fn a_delegated_group_removes_by_rmdir_only() {
    let rule = AccessRule {
        path: Pattern::new("dummy/volumes/*/snapshots").unwrap(),
        uid: None,
        gid: Some(65000),
        mode: Some(0o775),
    };
    let memory = counting(SMALL);
    let mount = Mount::tree(memory.clone(), tree_with(memory, options(), vec![rule]), false);
    let outside = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let delegate = "setpriv --reuid 65001 --regid 65000 --clear-groups --no-new-privs";
        bash(&mount, outside.path(), &format!("cd volumes/db1/snapshots; {delegate} {script}"))
    };
    let before = content(&mount.path("dummy"));
    let scripts = [
        ("rm -rf s1", 1),
        ("find s1 -delete", 1),
        ("find . -type d -delete", 1),
        ("python3 -c 'import shutil; shutil.rmtree(\"s1\", ignore_errors=True)'", 0),
        ("perl -MFile::Path=remove_tree -e 'remove_tree(q(s1))'", 0),
        ("ruby -rfileutils -e 'FileUtils.rm_rf %q(s1)'", 0),
        // It knows the names, and lists nothing.
        ("perl -e 'unlink q(s1/created); exit !rmdir q(s1)'", 1),
    ];
    for (script, code) in scripts {
        let ran = run(script);
        assert_eq!(ran.code, code, "{script}: {ran:?}");
        assert_eq!(mount.backend.take_changes(), [""; 0], "{script}: {ran:?}");
    }
    assert_eq!(content(&mount.path("dummy")), before);
    assert_eq!(run("rmdir s1").code, 0);
    assert_eq!(mount.backend.take_changes(), ["delete_snapshot(db1, s1)"]);
}
