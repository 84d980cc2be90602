//! Random operations, and the names and texts that they use: good and bad.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::ops::{Behind, End, Kind, Op, Pick, Place, Script, Step, Use};
use crate::values::{AGGREGATE, KEYS};

pub const VOLUMES: [&str; 6] = ["db1", "db2", "web.1", "a/b", ".dot", "c1"];
pub const SNAPSHOTS: [&str; 4] = ["s1", "s2", "daily:3", ".hid"];
pub const POLICIES: [&str; 5] = ["default", "nfs", "p-1", ".p", "a:b"];
const HOSTS: [&str; 8] = ["admin1", "admin2", "", "-admin1", "-admin2", "-", "bad host!", "a\nb"];
const PATHS: [&str; 6] = ["", "/a", "/b/c", "/db1", "rel", "/a/"];
/// A bad line is never the last of several: whether its beginning is seen to be bad would decide on the others.
pub const RULES: [&str; 18] = [
    "10.0.0.1",
    "10.0.0.1/32",
    "10.0.0.2",
    "10.0.0.7/255.255.255.0",
    "10.0.0.0/24",
    "@hosts\n.example.org",
    "WEB1.Example.org",
    "web1.example.org",
    "FD00:0::1\nfd00::1",
    "-10.0.0.1",
    "- @hosts\n-10.0.0.2",
    "none",
    "none\n@hosts",
    "# a comment\n\n10.0.0.2",
    "10.0.0.2\n@hosts\n10.0.0.1",
    "10.0.0.0/33",
    "10.0.0.2\na b\n@hosts",
    "not!a rule",
];
const CONFIGS: [&str; 18] = [
    "size_total 5G\ncomment hello",
    "size_total 5G\nprotect maybe",
    "size_total 5368709120",
    "protect 1\ncomment \t some  words ",
    "nope 1",
    "comment",
    "policy",
    "# a comment\n\nautosize_enabled 1\nmax_autosize 24G",
    "policy nfs\nsize_total 7G",
    "policy unknown\nsize_total 8G",
    "size_total 1G\nsize_total 2G",
    "junction_path /a\ncomment mounted",
    "size_total 9223372036854775808\ncomment never",
    "size_total",
    "caching_policy fast\ninline_compression on\ncompression_enabled yes",
    "junction_path /{name}\ncomment of {name}",
    "junction_path\nprotect no",
    "percentage_snapshot_reserve 5\nsize_total 1T",
];
const AGGREGATES: [&str; 4] =
    ["aggregate_name aggr1", "aggregate_name none", "aggregate_name", "size_total 1G\naggregate_name a/b"];

/// Names that a shell, a tool or an attacker may try.
pub fn hostile() -> Vec<Vec<u8>> {
    let texts = [
        ".swp",
        "-rf",
        "a b",
        "x%2f",
        "%41",
        "%",
        "%zz",
        "%2E%2E",
        "%00",
        "a\nb",
        "\u{1b}[2J",
        "\u{202e}x",
        "é",
        " x",
        "a%0Ab",
        "%2Fetc%2Fpasswd",
        "none",
        "db1",
        "s1",
        "nfs",
        "dummy",
        "volumes",
        "size_total",
        "a\\b",
        "\"'`$(x)",
        "*",
    ];
    let mut names: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    names.extend([vec![0xff, 0xfe], vec![b'a', 0x80], vec![b'n'; 256], "é".repeat(128).into_bytes()]);
    names
}

/// What may be written to a file of this kind: good and bad.
fn texts(kind: Kind) -> Vec<&'static str> {
    let mut odd = vec!["x\0y", "two\nlines"];
    odd.extend(match kind {
        Kind::Attribute(key) | Kind::Staged(key) => match key {
            "size_total" | "max_autosize" => &[
                "5G",
                "5368709120",
                "20Gi",
                "0",
                "1P",
                "10GB",
                "1.5T",
                "-5",
                "+5G",
                "١٢",
                "",
                "9223372036854775807",
                "8192P",
                "18446744073709551616",
            ][..],
            "percentage_snapshot_reserve" => &["0", "5", "20", "7K", "-1", "", "18446744073709551616"],
            "junction_path" => &PATHS,
            "comment" | "caching_policy" => &["", "hello", "a  b", "%x", "ünïcode", "bell\u{7}", "none"],
            "policy" => &["default", "nfs", "p-1", ".p", "50% ü", "", "a/b", "-x"],
            "aggregate_name" => &["aggr1", "aggr1", "none", "", "a/b"],
            _ => &["0", "1", "yes", "no", "on", "off", "true", "false", "2", "", "TRUE"],
        },
        Kind::Lock => &HOSTS,
        Kind::Rollback => &[
            "s1",
            "s2",
            "daily:3",
            "s1 discard-newer",
            "s2 discard-newer",
            "s1  discard-newer",
            "gone",
            "",
            "discard-newer",
        ],
        Kind::Clone => &["c1", "c2", "db1", "a/b", "bad name", "", "-x"],
        Kind::Origin => &["db1@s1", "db2@s1", "db1@gone", "gone@s1", "db1", "", "db1@s1@x", "@", "web.1@s2"],
        Kind::Refresh => &["", "/dummy/volumes", "dummy", "gone/x"],
        Kind::Rules => return RULES.to_vec(),
        Kind::Config => return CONFIGS.to_vec(),
        Kind::Defaults => return [&CONFIGS[..], &AGGREGATES].concat(),
    });
    odd
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => select(&KEYS[..]).prop_map(Kind::Attribute),
        3 => select(&KEYS[..]).prop_map(Kind::Staged),
        1 => Just(Kind::Staged(AGGREGATE)),
        3 => Just(Kind::Config),
        3 => Just(Kind::Lock),
        3 => Just(Kind::Rollback),
        2 => Just(Kind::Clone),
        2 => Just(Kind::Origin),
        5 => Just(Kind::Rules),
        2 => Just(Kind::Defaults),
        1 => Just(Kind::Refresh),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![6 => Just(End::Line), 2 => Just(End::Blanks), 3 => Just(End::Open), 1 => Just(End::Long)]
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    let text = || select(texts(kind));
    prop_oneof![
        8 => (text(), end()).prop_map(|(text, end)| Step::Next(text, end)),
        2 => (text(), end()).prop_map(|(text, end)| Step::Start(text, end)),
        1 => text().prop_map(Step::Hole),
        2 => Just(Step::Again),
        2 => (text(), end()).prop_map(|(text, end)| Step::Bytes(text, end)),
        2 => Just(Step::Flush),
        1 => Just(Step::Truncate),
    ]
}

fn script(kind: Kind) -> impl Strategy<Value = Script> {
    // What every shell does, and everything else.
    let shell = (select(texts(kind)), any::<bool>()).prop_map(|(text, append)| Script {
        append,
        truncate: !append,
        steps: vec![Step::Flush, Step::Next(text, End::Line), Step::Flush],
    });
    let any = (any::<bool>(), any::<bool>(), vec(step(kind), 0..5))
        .prop_map(|(append, truncate, steps)| Script { append, truncate, steps });
    prop_oneof![shell, any]
}

fn write() -> impl Strategy<Value = Op> {
    kind().prop_flat_map(|kind| {
        (Just(kind), any::<Pick>(), any::<Pick>(), script(kind))
            .prop_map(|(kind, a, b, script)| Op::Write(kind, a, b, script))
    })
}

fn place() -> impl Strategy<Value = Place> {
    use Place::*;
    select(vec![Root, Endpoint, Volumes, Volume, Snapshots, Policies, Policy, Staging, Junctions])
}

/// What is held open: not a list, whose end depends on who else has it open.
fn held() -> impl Strategy<Value = Op> {
    let kinds = prop_oneof![
        select(&KEYS[..]).prop_map(Kind::Attribute),
        select(&KEYS[..]).prop_map(Kind::Staged),
        select(vec![Kind::Config, Kind::Lock, Kind::Rollback, Kind::Clone, Kind::Origin]),
    ];
    let texts = || {
        select(vec!["1", "0", "c1", "s1", "s1 discard-newer", "admin1", "", "/a", "comment held", "db1@s1"])
    };
    prop_oneof![
        3 => (kinds, any::<Pick>(), any::<Pick>()).prop_map(|(kind, a, b)| Op::Hold(kind, a, b)),
        3 => texts().prop_map(|text| Op::Held(Use::Line(text))),
        2 => texts().prop_map(|text| Op::Held(Use::Begin(text))),
        2 => Just(Op::Held(Use::Flush)),
        2 => Just(Op::Held(Use::Read)),
        1 => Just(Op::Held(Use::Close)),
    ]
}

fn behind() -> impl Strategy<Value = Op> {
    let pick = any::<Pick>;
    let rule = || select(vec!["10.0.0.1", "10.0.0.0/24", "@hosts", "web1.example.org"]);
    let patch = select(vec![
        ("size_total", "1073741824"),
        ("comment", "theirs"),
        ("junction_path", "/theirs"),
        ("protect", "1"),
        ("policy", "nfs"),
    ]);
    prop_oneof![
        select(&VOLUMES[..]).prop_map(Behind::CreateVolume),
        pick().prop_map(Behind::RestrictVolume),
        pick().prop_map(Behind::RecreateVolume),
        (pick(), patch).prop_map(|(volume, (key, value))| Behind::Patch(volume, key, value)),
        (pick(), select(vec!["admin1", "admin2"])).prop_map(|(volume, host)| Behind::Lock(volume, host)),
        pick().prop_map(Behind::Unlock),
        (pick(), select(&SNAPSHOTS[..])).prop_map(|(volume, name)| Behind::CreateSnapshot(volume, name)),
        (pick(), pick()).prop_map(|(volume, at)| Behind::DeleteSnapshot(volume, at)),
        (pick(), pick(), select(&SNAPSHOTS[..]))
            .prop_map(|(volume, at, name)| Behind::RenameSnapshot(volume, at, name)),
        (pick(), pick()).prop_map(|(volume, at)| Behind::RecreateSnapshot(volume, at)),
        (pick(), pick()).prop_map(|(volume, at)| Behind::RollBack(volume, at)),
        (pick(), pick(), select(&VOLUMES[..])).prop_map(|(volume, at, name)| Behind::Clone(volume, at, name)),
        select(&POLICIES[..]).prop_map(Behind::CreatePolicy),
        pick().prop_map(Behind::RemovePolicy),
        pick().prop_map(Behind::RecreatePolicy),
        (pick(), rule()).prop_map(|(policy, rule)| Behind::AddRule(policy, rule)),
        (pick(), rule()).prop_map(|(policy, rule)| Behind::DropRule(policy, rule)),
    ]
    .prop_map(Op::Behind)
}

fn names() -> impl Strategy<Value = Op> {
    let pick = any::<Pick>;
    let (volume, snapshot, policy) =
        (|| select(&VOLUMES[..]), || select(&SNAPSHOTS[..]), || select(&POLICIES[..]));
    prop_oneof![
        3 => volume().prop_map(Op::MakeVolume),
        2 => volume().prop_map(Op::RemoveVolume),
        1 => (pick(), volume()).prop_map(|(a, b)| Op::RenameVolume(a, b)),
        5 => (pick(), snapshot()).prop_map(|(a, b)| Op::MakeSnapshot(a, b)),
        2 => (pick(), snapshot()).prop_map(|(a, b)| Op::RemoveSnapshot(a, b)),
        3 => (pick(), pick(), snapshot()).prop_map(|(a, b, c)| Op::RenameSnapshot(a, b, c)),
        1 => (pick(), pick(), pick()).prop_map(|(a, b, c)| Op::MoveSnapshot(a, b, c)),
        3 => policy().prop_map(Op::MakePolicy),
        2 => policy().prop_map(Op::RemovePolicy),
        1 => (pick(), policy()).prop_map(|(a, b)| Op::RenamePolicy(a, b)),
        4 => volume().prop_map(Op::Stage),
        1 => volume().prop_map(Op::Unstage),
        1 => (pick(), volume()).prop_map(|(a, b)| Op::Restage(a, b)),
        4 => (pick(), volume()).prop_map(|(a, b)| Op::Promote(a, b)),
    ]
}

fn odd() -> impl Strategy<Value = Op> {
    let pick = any::<Pick>;
    let hostile = || 0..hostile().len();
    prop_oneof![
        (pick(), pick()).prop_map(|(a, b)| Op::WriteReadOnly(a, b)),
        (place(), pick(), hostile()).prop_map(|(a, b, c)| Op::LookUp(a, b, c)),
        (place(), pick(), hostile()).prop_map(|(a, b, c)| Op::Make(a, b, c)),
        (place(), pick(), select(vec!["new", "db9", "x.swp"])).prop_map(|(a, b, c)| Op::Create(a, b, c)),
        (pick(), pick()).prop_map(|(a, b)| Op::Unlink(a, b)),
        (pick(), pick()).prop_map(|(a, b)| Op::RemoveFixed(a, b)),
        (pick(), pick()).prop_map(|(a, b)| Op::RenameFixed(a, b)),
        (pick(), pick(), any::<bool>()).prop_map(|(a, b, c)| Op::Chmod(a, b, c)),
        (pick(), pick()).prop_map(|(a, b)| Op::Touch(a, b)),
        pick().prop_map(Op::StatFs),
    ]
}

fn plain() -> impl Strategy<Value = Op> {
    prop_oneof![6 => names(), 6 => write(), 2 => odd(), 3 => held(), 3 => behind()]
}

/// One step.
pub fn op() -> impl Strategy<Value = Op> {
    let across = (place(), any::<Pick>(), 0..4_u8, any::<bool>(), plain())
        .prop_map(|(place, at, first, lost, op)| Op::ListAcross(place, at, first, lost, Box::new(op)));
    prop_oneof![19 => plain(), 1 => across]
}
