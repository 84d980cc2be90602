//! Sequences that once failed, or nearly: always run, without FUSE and through a mount.

use crate::ops::{Behind, End, Kind, Op, Place, Script, Step, Use};

/// Each with the reason why it is here.
pub fn regressions() -> Vec<(&'static str, Vec<Op>)> {
    vec![
        (
            "the reference took a policy that is named as a network for no name: defaults take it, volumes need one",
            vec![
                write(Kind::Defaults, vec![Step::Next("policy a/b", End::Line)]),
                Op::MakeVolume("new"),
                write(Kind::Defaults, vec![Step::Next("policy", End::Line)]),
                Op::MakeVolume("new"),
            ],
        ),
        (
            "a key without a value, refused: its place in the line was looked for in another text",
            vec![write(Kind::Config, vec![Step::Next("policy", End::Line)])],
        ),
        (
            "an empty policy is read of a volume without one, and could not be written back",
            vec![
                Op::MakeVolume("a/b"),
                Op::Write(
                    Kind::Attribute("policy"),
                    0,
                    0,
                    Script { append: false, truncate: true, steps: vec![Step::Next("", End::Line)] },
                ),
            ],
        ),
        (
            "a blank after the - of a rule was refused, if the write ended there",
            vec![write(Kind::Rules, vec![Step::Bytes("- @hosts\n-10.0.0.2", End::Open)])],
        ),
        (
            "a reserve takes the snapshots out of the used size: the directory of the volume shows it at once",
            vec![
                write(Kind::Attribute("percentage_snapshot_reserve"), vec![Step::Next("5", End::Line)]),
                write(Kind::Attribute("size_total"), vec![Step::Next("0", End::Line)]),
                write(
                    Kind::Config,
                    vec![Step::Next("percentage_snapshot_reserve 5\nsize_total 1T", End::Line)],
                ),
            ],
        ),
        (
            "a write meant for a volume that is gone never reaches the new one of its name",
            vec![
                Op::Hold(Kind::Attribute("size_total"), 0, 0),
                Op::Held(Use::Begin("1")),
                Op::Behind(Behind::RecreateVolume(0)),
                Op::Held(Use::Flush),
                Op::Held(Use::Line("1")),
                Op::Held(Use::Read),
            ],
        ),
        (
            "nor one meant for a snapshot, though both have their names again",
            vec![
                Op::Hold(Kind::Clone, 0, 0),
                Op::Behind(Behind::RecreateSnapshot(0, 0)),
                Op::Held(Use::Line("c1")),
                Op::Behind(Behind::RecreateVolume(0)),
                Op::Behind(Behind::CreateSnapshot(0, "s1")),
                Op::Held(Use::Line("c1")),
            ],
        ),
        (
            "a snapshot keeps its number under another name, and its old name is free for another",
            vec![
                Op::RenameSnapshot(0, 0, "daily:3"),
                Op::MakeSnapshot(0, "s1"),
                Op::Behind(Behind::RenameSnapshot(0, 0, ".hid")),
                Op::MakeSnapshot(0, "daily:3"),
            ],
        ),
        (
            "a file that was opened in a snapshot is open yet when the snapshot has another name",
            vec![
                Op::Hold(Kind::Clone, 0, 0),
                Op::RenameSnapshot(0, 0, "daily:3"),
                Op::Held(Use::Read),
                Op::Behind(Behind::RenameSnapshot(0, 0, ".hid")),
                Op::MakeSnapshot(0, "s1"),
                Op::Held(Use::Line("c1")),
            ],
        ),
        (
            "a refused clone leaves the staged volume, which then takes another name",
            vec![
                Op::Stage("c1"),
                write(Kind::Origin, vec![Step::Next("db1@s1", End::Line)]),
                write(Kind::Staged("junction_path"), vec![Step::Next("/db1", End::Open)]),
                Op::Promote(0, "c1"),
                write(Kind::Staged("junction_path"), vec![Step::Next("/a", End::Line)]),
                Op::Promote(0, "db2"),
                Op::Promote(0, "web.1"),
            ],
        ),
        (
            "`{name}` in the defaults is the name of each new volume, also of one that was staged",
            vec![
                write(
                    Kind::Defaults,
                    vec![Step::Next("junction_path /{name}\ncomment of {name}", End::Line)],
                ),
                Op::MakeVolume("web.1"),
                Op::Stage("c1"),
                Op::Promote(0, "a/b"),
            ],
        ),
        (
            "the reference took a number of 39 digits for none: two values that were written into each other",
            vec![
                Op::Stage("web.1"),
                write(
                    Kind::Staged("max_autosize"),
                    vec![
                        Step::Bytes("9223372036854775807", End::Open),
                        Step::Next("18446744073709551616", End::Line),
                    ],
                ),
            ],
        ),
        (
            "the rest of a directory is listed by a daemon that did not begin it",
            vec![Op::ListAcross(Place::Volumes, 0, 1, true, Box::new(Op::MakeVolume("web.1")))],
        ),
    ]
}

/// As a shell does it, with `>`.
fn write(kind: Kind, steps: Vec<Step>) -> Op {
    Op::Write(kind, 0, 0, Script { append: false, truncate: true, steps })
}
