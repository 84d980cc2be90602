//! A wrong configuration is refused before anything is mounted: file, line, key, and what would be accepted.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::process::{filerfs, is_mounted, output};

/// An endpoint to say more about.
const ENDPOINT: &str = "[[endpoint]]\nname = \"d\"\nkind = \"memory\"\n";

/// What a file name of at most 255 bytes may hold is said with each bad host name.
const HOST: &str = "a host name is 1 to 255 bytes of letters, digits and . _ -, and does not begin with -";

const SIZE: &str = "accepted: bytes, or a whole number with K M G T P or Ki Mi Gi Ti Pi (powers of 1024), \
                    for example 21474836480, 20G or 20Gi";

/// Files beside the configuration, for `load`.
const FILES: [(&str, &str); 8] = [
    ("broken.json", "{\"volumes\": [\n  {\"name\": \"a\",}\n]}"),
    ("twice.json", "{\"volumes\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}"),
    ("unknown.json", "{\"policies\": [{\"name\": \"a\", \"rule\": []}]}"),
    ("name.json", "{\"volumes\": [{\"name\": \"a b\"}]}"),
    ("policy.json", "{\"volumes\": [{\"name\": \"a\", \"active_policy_name\": \"x\"}]}"),
    ("rule.json", "{\"policies\": [{\"name\": \"a\", \"rules\": [\"10.0.0.0/99\"]}]}"),
    ("time.json", "{\"volumes\": [{\"name\": \"a\", \"creation_time\": \"yesterday\"}]}"),
    (
        "junction.json",
        "{\"volumes\": [{\"name\": \"a\", \"junction_path\": \"/a\"}, {\"name\": \"b\", \"junction_path\": \"/a\"}]}",
    ),
];

/// Configurations, and what is said of each after the name of the file.
#[rustfmt::skip]
fn faults() -> Vec<(String, String)> {
    let endpoint = |more: &str| format!("{ENDPOINT}{more}\n");
    let named = |name: &str| format!("[[endpoint]]\nname = {name:?}\nkind = \"memory\"\n");
    let access = |rule: &str| format!("{ENDPOINT}[[access]]\n{rule}\n");
    let lock = |rule: &str| format!("{ENDPOINT}[[access]]\npath = \"d/volumes/*/lock\"\n{rule}\n");
    let no_endpoint = |name: &str| format!("2: name: {name:?} is not the name of an endpoint; accepted: letters, digits and . _ -, a letter or digit first");
    let nowhere = |line: usize, glob: &str| format!("{line}: path: {glob:?} matches nothing in the tree; see filerfs describe; accepted: paths such as ENDPOINT/volumes/*/lock");
    let registry = |url: &str, more: &str| format!("[registry]\nkind = \"etcd\"\nendpoints = [\"{url}\"]\n{more}\n");
    let (etcd, etcds) = (|more: &str| registry("http://e:2379", more), |more: &str| registry("https://e:2379", more));
    let no_node = |url: &str| registry(url, "");
    let node = |url: &str| format!("3: endpoints: {url:?} is not the address of a node; accepted: http(s)://HOST:PORT");
    let text = str::to_owned;
    vec![
        // Not TOML.
        (text("[mount\n"), text("1: [mount: unclosed table, expected `]`")),
        (text("[mount]\nhost = \"a\n"), text("2: host: invalid basic string, expected `\"`")),
        (text("[mount]\nhost = admin1\n"), text("2: host: string values must be quoted, expected literal string")),
        (text("[mount]\nprotect_new = true\nprotect_new = true\n"), text("3: protect_new: duplicate key")),
        (text("[mount]\n[mount] # again\n"), text("2: [mount]: duplicate key")),
        // Unknown keys, in each table.
        (text("host = \"a\"\n"), text("1: host: unknown field `host`, expected one of `mount`, `endpoint`, `registry`, `journal`, `access`")),
        (text("\n[mounts]\n"), text("2: [mounts]: unknown field `mounts`, expected one of `mount`, `endpoint`, `registry`, `journal`, `access`")),
        (text("[mount]\n  hots = \"a\"\n"), text("2: hots: unknown field `hots`, expected one of `host`, `options`, `cache_ttl`, `protect_new`, `lease`")),
        (endpoint("size = 3"), text("4: size: unknown field `size`, expected one of `name`, `kind`, `defaults`, `load`, `generate`, `protocol`, `host`, `port`, `svm`, `user`, `password_file`, `password_env`, `password_credential`, `ca_file`, `certificate_sha256`, `insecure`, `read_timeout`, `change_timeout`, `max_calls`")),
        (endpoint("generate = { volumes = 1, snapshot = 2 }"), text("4: snapshot: unknown field `snapshot`, expected `volumes` or `snapshots`")),
        (text("[registry]\npath = \"/x\"\n"), text("2: path: a registry of this kind does not take path; docs/operating.md says who does")),
        (text("[journal]\nfile = \"/x\"\n"), text("2: file: unknown field `file`, expected `enabled` or `path`")),
        (access("path = \"d\"\nmodes = \"0640\""), text("6: modes: unknown field `modes`, expected one of `path`, `owner`, `group`, `mode`")),
        // Wrong types.
        (text("mount = 3\n"), text("1: mount: invalid type: integer `3`, expected a table")),
        (text("registry = \"memory\"\n"), text("1: registry: invalid type: string \"memory\", expected a table")),
        (text("[endpoint]\nname = \"d\"\n"), text("1: [endpoint]: invalid type: table, expected a list of tables, each under [[ ]]")),
        (text("[access]\npath = \"d\"\n"), text("1: [access]: invalid type: table, expected a list of tables, each under [[ ]]")),
        (text("[mount]\noptions = \"ro\"\n"), text("2: options: invalid type: string \"ro\", expected a list")),
        (text("[mount]\nprotect_new = \"yes\"\n"), text("2: protect_new: invalid type: string \"yes\", expected true or false")),
        (text("[mount]\ncache_ttl = 2\n"), text("2: cache_ttl: invalid type: integer `2`, expected a string")),
        (text("[mount]\nlease = \"500ms\"\n"), text("2: lease: it could not be prolonged in time; accepted: 1s and more")),
        (text("[mount]\nhost = 7\n"), text("2: host: invalid type: integer `7`, expected a string")),
        (endpoint("load = 3"), text("4: load: invalid type: integer `3`, expected a string")),
        (endpoint("generate = 3"), text("4: generate: invalid type: integer `3`, expected a table")),
        (endpoint("generate = { volumes = -1 }"), text("4: volumes: invalid value: integer `-1`, expected a whole number from 0 to 4294967295")),
        (endpoint("defaults = 3"), text("4: defaults: invalid type: integer `3`, expected a table")),
        (lock("owner = 3"), text("6: owner: invalid type: integer `3`, expected a string")),
        (lock("mode = 640"), text("6: mode: invalid type: integer `640`, expected a string")),
        // [mount]
        (text("[mount]\noptions = [\"quiet\", \"rw\"]\n"), text("2: options: unknown variant `rw`, expected one of `ro`, `quiet`, `hide_ctl`")),
        (text("[mount]\ncache_ttl = \"-1s\"\n"), text("2: cache_ttl: \"-1s\" is not a duration (expected number at 0); accepted: 500ms, 2s, 1m and the like")),
        (text("[mount]\ncache_ttl = \"2\"\n"), text("2: cache_ttl: \"2\" is not a duration (time unit needed, for example 2sec or 2ms); accepted: 500ms, 2s, 1m and the like")),
        (text("[mount]\nhost = \"a b\"\n"), format!("2: host: a host name cannot hold \" \"; {HOST}")),
        (text("[mount]\nhost = \"\"\n"), format!("2: host: the host name is empty; {HOST}")),
        (text("[mount]\nhost = \"-a\"\n"), format!("2: host: a host name cannot begin with -; {HOST}")),
        // [[endpoint]]
        (text("# one\n[[endpoint]]\nkind = \"memory\"\n"), text("2: [[endpoint]]: missing field `name`")),
        (text("[[endpoint]]\nname = \"d\"\n"), text("1: [[endpoint]]: missing field `kind`")),
        (text("[[endpoint]]\nname = \"d\"\nkind = \"tape\"\n"), text("3: kind: unknown variant `tape`, expected `memory` or `ontap`")),
        (named("a/b"), no_endpoint("a/b")),
        (named(".ctl"), no_endpoint(".ctl")),
        (named(""), no_endpoint("")),
        (endpoint(ENDPOINT), text("5: name: there are two endpoints \"d\"; accepted: each name once")),
        (endpoint("generate = { snapshots = 1 }"), text("4: generate: missing field `volumes`")),
        (endpoint("generate = { volumes = 1, snapshots = 1024 }"), text("4: generate: volume vol00001: volume vol00001 has 1023 snapshots, as many as it can have")),
        (endpoint("load = \"a.json\"\ngenerate = { volumes = 1 }"), text("4: load: load and generate exclude each other; accepted: one of them")),
        (endpoint("load = \"missing.json\""), text("4: load: DIR/missing.json: No such file or directory (os error 2)")),
        (endpoint("load = \".\""), text("4: load: DIR/.: Is a directory (os error 21)")),
        (endpoint("load = \"broken.json\""), text("4: load: DIR/broken.json: trailing comma at line 2 column 16")),
        (endpoint("load = \"twice.json\""), text("4: load: DIR/twice.json: volume a: volume a exists already")),
        (endpoint("load = \"unknown.json\""), text("4: load: DIR/unknown.json: unknown field `rule`, expected `name` or `rules` at line 1 column 34")),
        (endpoint("load = \"name.json\""), text("4: load: DIR/name.json: a volume name cannot hold \" \" at line 1 column 28")),
        (endpoint("load = \"policy.json\""), text("4: load: DIR/policy.json: volume a: there is no policy x")),
        (endpoint("load = \"rule.json\""), text("4: load: DIR/rule.json: \"10.0.0.0/99\" is not a rule: \"99\" is not a prefix length or mask for 10.0.0.0 at line 1 column 52")),
        (endpoint("load = \"time.json\""), text("4: load: DIR/time.json: \"yesterday\" is not a time (timestamp format is invalid); accepted: 2025-01-31T12:00:00Z at line 1 column 56")),
        (endpoint("load = \"junction.json\""), text("4: load: DIR/junction.json: volume b: volume a is mounted at /a")),
        // defaults
        (endpoint("defaults = { size_total = \"10GB\" }"), format!("4: size_total: \"10GB\" is not a size; {SIZE}")),
        (endpoint("defaults = { size_total = -5 }"), format!("4: size_total: \"-5\" is not a size; {SIZE}")),
        (endpoint("defaults = { size_total = 1.5 }"), text("4: size_total: expected a text, a whole number, or true or false")),
        (endpoint("\n[endpoint.defaults]\nsize_total = \"10Q\""), format!("6: size_total: \"10Q\" is not a size; {SIZE}")),
        (endpoint("defaults = { size_total = \"10G\", autosize_enabled = \"maybe\" }"), text("4: autosize_enabled: \"maybe\" is neither yes nor no; accepted: 0 1 no yes off on false true")),
        (endpoint("defaults = { size_totl = \"10G\" }"), text("4: size_totl: there is no key \"size_totl\"; known: size_total, autosize_enabled, caching_policy, percentage_snapshot_reserve, compression_enabled")),
        (endpoint("defaults = { junction_path = \"db\" }"), text("4: junction_path: \"db\" is not a junction path: it does not begin with /; accepted: an absolute path such as /db1, or nothing to unmount the volume")),
        (endpoint("defaults = { policy = \"-x\" }"), text("4: policy: a policy name cannot begin with -; a policy name is 1 to 255 bytes of printable characters, and does not begin with -")),
        // [registry]
        (text("[registry]\nkind = \"redis\"\n"), text("2: kind: unknown variant `redis`, expected one of `memory`, `file`, `etcd`")),
        (text("[registry]\nurl = \"x\"\n"), text("2: url: unknown field `url`, expected one of `kind`, `path`, `endpoints`, `prefix`, `ca_file`, `cert_file`, `key_file`, `timeout`")),
        (text("[registry]\nkind = \"memory\"\ntimeout = \"1s\"\n"), text("3: timeout: a registry of this kind does not take timeout; docs/operating.md says who does")),
        (text("[registry]\nkind = \"file\"\n"), text("2: kind: a registry of kind file needs path, a directory of its own")),
        (text("[registry]\nkind = \"etcd\"\n"), text("2: kind: a registry of kind etcd needs endpoints")),
        (etcd("path = \"/x\""), text("4: path: a registry of this kind does not take path; docs/operating.md says who does")),
        (text("[registry]\nkind = \"etcd\"\nendpoints = []\n"), text("3: endpoints: there is none; accepted: http(s)://HOST:PORT, each")),
        (text("[registry]\nkind = \"etcd\"\nendpoints = \"http://e:2379\"\n"), text("3: endpoints: invalid type: string \"http://e:2379\", expected a list")),
        (no_node("e:2379"), node("e:2379")),
        (no_node("http://e"), node("http://e")),
        (no_node("http://e:x"), node("http://e:x")),
        (no_node("ftp://e:1"), node("ftp://e:1")),
        (no_node("http://:1"), node("http://:1")),
        (no_node("http://u@e:1"), node("http://u@e:1")),
        (no_node("http://e:1/v3"), node("http://e:1/v3")),
        (etcd("ca_file = \"broken.json\""), text("3: endpoints: \"http://e:2379\" is not encrypted, but there are certificates; accepted: https://HOST:PORT")),
        (etcds("cert_file = \"broken.json\""), text("4: cert_file: cert_file needs key_file")),
        (etcds("key_file = \"broken.json\""), text("4: key_file: key_file needs cert_file")),
        (etcds("cert_file = \"broken.json\"\nkey_file = \"broken.json\""), text("5: key_file: DIR/broken.json has mode 0644; accepted: 0400 or 0600, so that nobody else can read it")),
        (etcds("cert_file = \"broken.json\"\nkey_file = \"secret\""), text("4: cert_file: there is no certificate in the file; accepted: PEM")),
        (etcds("ca_file = \"missing.pem\""), text("4: ca_file: DIR/missing.pem: No such file or directory (os error 2)")),
        (etcds("ca_file = \"broken.json\""), text("4: ca_file: there is no certificate in the file; accepted: PEM")),
        (etcd("prefix = \"x\""), text("4: prefix: \"x\" is not a prefix of keys; accepted: /NAME of printable ASCII")),
        (etcd("prefix = \"/\""), text("4: prefix: \"/\" is not a prefix of keys; accepted: /NAME of printable ASCII")),
        (etcd("timeout = \"0s\""), text("4: timeout: no node can answer so soon; accepted: 100ms and more")),
        (etcd("timeout = 5"), text("4: timeout: invalid type: integer `5`, expected a string")),
        // [[access]]
        (access("mode = \"0640\""), text("4: [[access]]: missing field `path`")),
        (access("path = \"d/volumes/[/lock\""), text("5: path: \"d/volumes/[/lock\" is not a glob: Pattern syntax error near position 10: invalid range pattern")),
        (access("path = \"d/volumes/***/lock\""), text("5: path: \"d/volumes/***/lock\" is not a glob: Pattern syntax error near position 12: wildcards are either regular `*` or recursive `**`")),
        (access("path = \"d/volumes/*/lok\""), nowhere(5, "d/volumes/*/lok")),
        (access("path = \"e/volumes/*/lock\""), nowhere(5, "e/volumes/*/lock")),
        (access("path = \"d/volumes/*/lock/x\""), nowhere(5, "d/volumes/*/lock/x")),
        (access("path = \"\""), nowhere(5, "")),
        (lock("owner = \"no-such-user\""), text("6: owner: there is no user \"no-such-user\"; accepted: a name that this host knows, or a number")),
        (lock("group = \"no-such-group\""), text("6: group: there is no group \"no-such-group\"; accepted: a name that this host knows, or a number")),
        (lock("mode = \"0999\""), text("6: mode: \"0999\" is not a mode; accepted: octal, \"0640\" and the like")),
        (lock("mode = \"4755\""), text("6: mode: \"4755\" is not a mode; accepted: octal, \"0640\" and the like")),
        (lock("mode = \"u=rw\""), text("6: mode: \"u=rw\" is not a mode; accepted: octal, \"0640\" and the like")),
    ]
}

#[test]
fn every_fault_of_a_configuration_is_one_sentence_with_file_line_and_key() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let secret = dir.path().join("secret");
    fs::write(&secret, "no key").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let file = dir.path().join("filerfs.toml");
    let mut wrong = Vec::new();
    for (config, said) in faults() {
        fs::write(&file, &config).unwrap();
        let said = said.replace("DIR", dir.path().to_str().unwrap());
        let expected = (1, String::new(), format!("filerfs: {}:{said}\n", file.display()));
        let found = output(filerfs().arg("check").arg("-c").arg(&file));
        if found != expected {
            wrong.push(format!("{config}\nfound    {found:?}\nexpected {expected:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_fault_has_its_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("filerfs.toml");
    let config = "[[endpoint]]\nname = \"a/b\"\nkind = \"memory\"\n\
                  [[endpoint]]\nname = \"d\"\nkind = \"memory\"\nload = \"missing.json\"\n\
                  defaults = { junction_path = \"db\", max_autosize = \"5Q\" }\n\
                  [[access]]\npath = \"e/volumes\"\nowner = \"no-such-user\"\ngroup = \"no-such-group\"\nmode = \"9\"\n\
                  [[access]]\npath = \"d/volumes/*/lok\"\n";
    fs::write(&file, config).unwrap();
    let (code, stdout, stderr) = output(filerfs().arg("check").arg("-c").arg(&file));
    let prefix = format!("filerfs: {}:", file.display());
    let place =
        |line: &str| line.strip_prefix(&prefix).unwrap().splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    let places: Vec<_> = stderr.lines().map(place).collect();
    let expected = [
        "2: name",
        "7: load",
        "8: junction_path",
        "8: max_autosize",
        "10: path",
        "11: owner",
        "12: group",
        "13: mode",
        "15: path",
    ];
    assert_eq!((code, &*stdout, places), (1, "", expected.map(str::to_owned).to_vec()), "{stderr}");
}

#[test]
fn a_machine_whose_name_is_no_host_name_is_told_to_set_one() {
    let script = "echo '(none)' > /proc/sys/kernel/hostname && exec \"$0\" check";
    let mut command = std::process::Command::new("unshare");
    let (code, _, stderr) =
        output(command.args(["--uts", "sh", "-c", script, env!("CARGO_BIN_EXE_filerfs")]));
    let said = "filerfs: the machine's own name cannot be used: a host name cannot hold \"(\"";
    assert_eq!((code, stderr.split(';').next().unwrap()), (1, said), "{stderr}");
    assert!(stderr.ends_with("; set another as host in [mount]\n"), "{stderr}");
}

#[test]
fn a_mount_with_a_wrong_configuration_says_the_same_and_mounts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mount_point) = (dir.path().join("filerfs.toml"), dir.path().join("mnt"));
    fs::create_dir(&mount_point).unwrap();
    for (config, said) in
        faults().into_iter().filter(|(config, _)| !config.contains("load") && !config.contains("_file"))
    {
        fs::write(&file, &config).unwrap();
        let found = output(filerfs().arg("mount").arg("-c").arg(&file).arg(&mount_point));
        assert_eq!(found, (1, String::new(), format!("filerfs: {}:{said}\n", file.display())), "{config}");
        assert!(!is_mounted(&mount_point), "{config}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, binary) = (dir.path().join("missing.toml"), dir.path().join("binary.toml"));
    fs::write(&binary, b"\xff\xfe").unwrap();
    for (file, why) in [
        (&missing, "No such file or directory (os error 2)"),
        (&binary, "stream did not contain valid UTF-8"),
        (&dir.path().to_owned(), "Is a directory (os error 21)"),
    ] {
        let found = output(filerfs().arg("check").arg("-c").arg(file));
        assert_eq!(found, (1, String::new(), format!("filerfs: {}: {why}\n", file.display())));
    }
}
