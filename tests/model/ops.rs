//! What can be done to the tree, by us and behind its back.

/// Chooses one of what there is, by number modulo what there is.
pub type Pick = u8;

/// One step of a sequence.
#[derive(Clone, Debug)]
pub enum Op {
    MakeVolume(&'static str),
    RemoveVolume(&'static str),
    RenameVolume(Pick, &'static str),
    MakeSnapshot(Pick, &'static str),
    RemoveSnapshot(Pick, &'static str),
    RenameSnapshot(Pick, Pick, &'static str),
    MoveSnapshot(Pick, Pick, Pick),
    MakePolicy(&'static str),
    RemovePolicy(&'static str),
    RenamePolicy(Pick, &'static str),
    Stage(&'static str),
    Unstage(&'static str),
    Restage(Pick, &'static str),
    Promote(Pick, &'static str),
    Write(Kind, Pick, Pick, Script),
    WriteReadOnly(Pick, Pick),
    Hold(Kind, Pick, Pick),
    Held(Use),
    LookUp(Place, Pick, usize),
    Make(Place, Pick, usize),
    Create(Place, Pick, &'static str),
    Unlink(Pick, Pick),
    RemoveFixed(Pick, Pick),
    RenameFixed(Pick, Pick),
    Chmod(Pick, Pick, bool),
    Touch(Pick, Pick),
    StatFs(Pick),
    /// Lists so many names, does something else, and lists the rest, perhaps by a daemon that was restarted.
    ListAcross(Place, Pick, u8, bool, Box<Op>),
    Behind(Behind),
}

/// What somebody else does on the storage.
#[derive(Clone, Debug)]
pub enum Behind {
    CreateVolume(&'static str),
    RestrictVolume(Pick),
    RecreateVolume(Pick),
    Patch(Pick, &'static str, &'static str),
    Lock(Pick, &'static str),
    Unlock(Pick),
    CreateSnapshot(Pick, &'static str),
    DeleteSnapshot(Pick, Pick),
    RenameSnapshot(Pick, Pick, &'static str),
    RecreateSnapshot(Pick, Pick),
    RollBack(Pick, Pick),
    Clone(Pick, Pick, &'static str),
    CreatePolicy(&'static str),
    RemovePolicy(Pick),
    RecreatePolicy(Pick),
    AddRule(Pick, &'static str),
    DropRule(Pick, &'static str),
}

/// Kinds of files that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Attribute(&'static str),
    Config,
    Lock,
    Rollback,
    Clone,
    Staged(&'static str),
    Origin,
    Rules,
    Defaults,
    Refresh,
}

/// Kinds of directories.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Root,
    Endpoint,
    Volumes,
    Volume,
    Snapshots,
    Policies,
    Policy,
    Staging,
    Junctions,
}

/// What is done with one open file.
#[derive(Clone, Debug)]
pub struct Script {
    pub append: bool,
    pub truncate: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// A write where the last one ended.
    Next(&'static str, End),
    /// A write from the beginning of the file.
    Start(&'static str, End),
    /// A write that leaves a hole.
    Hole(&'static str),
    /// The same write once more, at the same offset.
    Again,
    /// One write a byte, up to the first that is refused.
    Bytes(&'static str, End),
    /// close(2) of another descriptor of the same open file.
    Flush,
    Truncate,
}

/// How a written text ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Line,
    /// Blanks around it, and CR LF.
    Blanks,
    /// No newline.
    Open,
    /// Blanks up to 4,097 bytes.
    Long,
}

/// What is done with a file that is held open.
#[derive(Clone, Debug)]
pub enum Use {
    Line(&'static str),
    Begin(&'static str),
    Flush,
    Read,
    Close,
}
