//! What this mount changes is visible at once, everywhere in it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::common::mounted::Mount;
use crate::common::shell::{Ran, bash};
use crate::common::{counting, options, tree_with};

/// Volumes whose used size follows from their snapshots: nothing is reserved.
const CONTENT: &str = r#"{
  "policies": [{"name": "default", "rules": []}, {"name": "nfs", "rules": ["10.0.0.1"]}],
  "volumes": [
    {"name": "db1", "size_total": 10737418240, "size_used": 1048576, "junction_path": "/db1", "active_policy_name": "default",
     "snapshots": [{"name": "s1", "size_kbytes": 100}, {"name": "s2", "size_kbytes": 200}, {"name": "s3", "size_kbytes": 300}]},
    {"name": "db2", "size_total": 21474836480, "size_used": 2097152, "active_policy_name": "nfs"}
  ]
}"#;

/// A mount on which nothing that the kernel remembers runs out by itself.
pub fn mount() -> Mount {
    let backend = counting(CONTENT);
    let options =
        filerfs::tree::shared::Options { cache_ttl: std::time::Duration::from_secs(3600), ..options() };
    let tree = tree_with(backend.clone(), options, Vec::new());
    Mount::tree(backend, tree, false)
}

/// Runs a script in the endpoint, after everything there has been listed and looked at.
pub fn after_a_look(mount: &Mount, script: &str) -> Ran {
    let look = bash(
        &mount.path("dummy"),
        "ls -lR . junctions/* ; stat volumes/*/* volumes/*/snapshots/* junctions/* policies/*/*; df volumes/*",
    );
    assert_eq!((look.code, &*look.stderr), (0, ""));
    bash(&mount.path("dummy"), &format!("set -e; {script}"))
}

/// What is changed, then asked, and the answer.
const CASES: [(&str, &str, &str); 22] = [
    ("mkdir volumes/v", "ls volumes; stat -c %F volumes/v", "db1\ndb2\nv\ndirectory\n"),
    (
        "rmdir volumes/db2",
        "ls volumes; stat volumes/db2 2>&1 | grep -o 'No such.*'",
        "db1\nNo such file or directory\n",
    ),
    (
        "rmdir volumes/db2; mkdir volumes/db2",
        "ls volumes; cat volumes/db2/size_total; stat -c %s volumes/db2",
        "db1\ndb2\n0\n204800\n",
    ),
    (
        "rmdir volumes/db1",
        "ls junctions; stat junctions/%2Fdb1 2>&1 | grep -o 'No such.*'",
        "No such file or directory\n",
    ),
    (
        "mkdir volumes/db1/snapshots/new",
        "ls volumes/db1/snapshots; stat -c %s volumes/db1",
        "new\ns1\ns2\ns3\n1110016\n",
    ),
    (
        "rmdir volumes/db1/snapshots/s2",
        "ls volumes/db1/snapshots; stat -c %s volumes/db1; stat -c %s volumes/db1/snapshots/s1",
        "s1\ns3\n843776\n102400\n",
    ),
    (
        "rmdir volumes/db1/snapshots/s2; mkdir volumes/db1/snapshots/s2",
        "ls -U volumes/db1/snapshots | sort; cat volumes/db1/snapshots/s2/size_kbytes",
        "s1\ns2\ns3\n60\n",
    ),
    (
        "mv volumes/db1/snapshots/s1 volumes/db1/snapshots/t",
        "ls volumes/db1/snapshots; cat volumes/db1/snapshots/t/size_kbytes; cat volumes/db1/snapshots/s1/created 2>&1 | grep -o 'No such.*'",
        "s2\ns3\nt\n100\nNo such file or directory\n",
    ),
    (
        "mv volumes/db1/snapshots/s1 volumes/db1/snapshots/t; mkdir volumes/db1/snapshots/s1",
        "ls volumes/db1/snapshots; cat volumes/db1/snapshots/*/size_kbytes",
        "s1\ns2\ns3\nt\n60\n200\n300\n100\n",
    ),
    (
        "echo 's1 discard-newer' > volumes/db1/rollback",
        "ls volumes/db1/snapshots; stat -c %s volumes/db1; stat volumes/db1/snapshots/s3 2>&1 | grep -o 'No such.*'",
        "s1\n536576\nNo such file or directory\n",
    ),
    (
        "echo 's1 discard-newer' > volumes/db1/rollback; mkdir volumes/db1/snapshots/s3",
        "ls volumes/db1/snapshots; cat volumes/db1/snapshots/s3/size_kbytes",
        "s1\ns3\n60\n",
    ),
    (
        "echo 's1 discard-newer' > volumes/db1/rollback",
        "cat volumes/db1/snapshots/s2/created 2>&1 | grep -o 'No such.*'",
        "No such file or directory\n",
    ),
    (
        "echo copy > volumes/db1/snapshots/s1/clone",
        "ls volumes; cat volumes/copy/size_total; ls junctions",
        "copy\ndb1\ndb2\n10737418240\n%2Fdb1\n",
    ),
    (
        "echo /new > volumes/db1/junction_path",
        "ls junctions; readlink junctions/%2Fnew; stat junctions/%2Fdb1 2>&1 | grep -o 'No such.*'",
        "%2Fnew\n../volumes/db1\nNo such file or directory\n",
    ),
    (
        "echo > volumes/db1/junction_path; echo /db1 > volumes/db2/junction_path",
        "readlink junctions/%2Fdb1; cat junctions/%2Fdb1/size_total; stat -c %s junctions/%2Fdb1",
        "../volumes/db2\n21474836480\n14\n",
    ),
    (
        "echo junction_path /other > volumes/db1/config",
        "ls junctions; cat volumes/db1/junction_path",
        "%2Fother\n/other\n",
    ),
    (
        "mkdir staging/s; echo 3G > staging/s/size_total; mv staging/s volumes/s",
        "ls staging volumes; cat volumes/s/size_total; stat staging/s 2>&1 | grep -o 'No such.*'",
        "staging:\n\nvolumes:\ndb1\ndb2\ns\n3221225472\nNo such file or directory\n",
    ),
    (
        "mkdir staging/s; rmdir staging/s; mkdir staging/s",
        "ls staging; cat staging/s/size_total | wc -c",
        "s\n0\n",
    ),
    (
        "echo nfs > volumes/db1/policy",
        "cat policies/nfs/used_by policies/default/used_by; grep '^policy ' volumes/db1/config",
        "db1\ndb2\npolicy nfs\n",
    ),
    (
        "mkdir policies/p; echo 10.0.0.9 >> policies/p/rules",
        "ls policies; cat policies/p/rules; stat -c %s policies/p/rules",
        "default\nnfs\np\n10.0.0.9\n9\n",
    ),
    (
        "echo 30G > volumes/db2/size_total",
        "df --output=size volumes/db2 | tail -1; stat -c %s volumes/db2/size_total; stat -f -c '%b %S' volumes/db2",
        " 31457280\n12\n31457280 1024\n",
    ),
    (
        "echo admin1 > volumes/db1/lock",
        "cat volumes/db1/lock; stat -c %s volumes/db1/lock; grep -o '\"lock\": *\"admin1\"' volumes/db1/info.json | wc -l",
        "admin1\n7\n1\n",
    ),
];

#[test]
fn own_changes_are_visible_at_once_everywhere() {
    let mut wrong = Vec::new();
    for (change, question, answer) in CASES {
        let mount = mount();
        let ran = after_a_look(&mount, &format!("{change}; set +e; {question}"));
        if (&*ran.stdout, &*ran.stderr) != (answer, "") {
            wrong.push(format!(
                "{change}\n{question}\nfound    {:?} {:?}\nexpected {answer:?}\n",
                ran.stdout, ran.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_open_file_shows_the_value_of_now_when_its_beginning_is_read_again() {
    let mount = mount();
    let file = File::open(mount.path("dummy/volumes/db1/comment")).unwrap();
    let mut text = [0; 64];
    assert_eq!(file.read_at(&mut text, 0).unwrap(), 0);
    fs::write(mount.path("dummy/volumes/db1/comment"), "hello\n").unwrap();
    let count = file.read_at(&mut text, 0).unwrap();
    assert_eq!(&text[..count], b"hello\n");
    assert_eq!(file.metadata().unwrap().len(), 6);
}

#[test]
fn a_text_that_changes_while_it_is_read_in_pieces_stays_whole() {
    let mount = mount();
    let rules = mount.path("dummy/policies/nfs/rules");
    let file = File::open(&rules).unwrap();
    let mut piece = [0; 4];
    file.read_exact_at(&mut piece, 0).unwrap();
    fs::write(&rules, "172.16.0.1\n").unwrap();
    let mut rest = [0; 64];
    let count = file.read_at(&mut rest, 4).unwrap();
    assert_eq!([&piece, &rest[..count]].concat(), b"10.0.0.1\n");
}
