//! `ENDPOINT/`: one configured back-end.

use std::sync::LazyLock;

use super::config::Defaults;
use super::junction::Junctions;
use super::policy::Policies;
use super::staging::Staging;
use super::volume::Volumes;
use crate::tree::table::{Row, none};

/// The directory of an endpoint.
pub fn row() -> &'static Row {
    static ROW: LazyLock<Row> = LazyLock::new(|| Row::dir("ENDPOINT", "", "one back-end", rows, None));
    &ROW
}

fn rows() -> &'static [Row] {
    static ROWS: LazyLock<[Row; 5]> = LazyLock::new(|| {
        [
            Row::keyed(
                "defaults",
                "what `mkdir volumes/V` creates with; `KEY VALUE` lines, a key without a value is dropped; \
                 `{name}` stands for the volume's name",
                Defaults,
            ),
            Row::dir(
                "staging",
                "staging",
                "volumes being prepared: mkdir, set, then `mv staging/V volumes/V`",
                none,
                Some(Box::new(Staging)),
            ),
            Row::dir(
                "volumes",
                "volumes",
                "mkdir creates a volume, rmdir restricts it: it is then not listed and not found",
                none,
                Some(Box::new(Volumes)),
            ),
            Row::dir(
                "policies",
                "policies",
                "export policies: mkdir creates an empty one, rmdir removes one that no volume uses",
                none,
                Some(Box::new(Policies)),
            ),
            Row::dir(
                "junctions",
                "junctions",
                "%-encoded junction paths, each a link to its volume",
                none,
                Some(Box::new(Junctions)),
            ),
        ]
    });
    &*ROWS
}

/// The row of `volumes/`.
pub fn volumes() -> &'static Row {
    &rows()[2]
}
