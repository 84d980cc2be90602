//! Names that tools give to what they put beside a file. No user would give such a name to an object.

use crate::tree::table::Row;

/// Whether a name in the directory of this row is one that a tool makes up.
pub fn is_tool_shaped(name: &str, dir: &Row) -> bool {
    let random = |text: &str, prefix: &str, letters: usize| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == letters && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let after_own = || dir.rows().iter().filter_map(|row| name.strip_prefix(row.name));
    // Swap files, rsync, Ansible, partial directories; but a repository is meant to stay.
    (name.starts_with('.') && ![".git", ".hg", ".svn"].contains(&name))
        // Backups.
        || (name.ends_with('~') && name.len() > 1)
        // What emacs saves by itself.
        || (name.len() > 2 && name.starts_with('#') && name.ends_with('#'))
        || random(name, "sed", 6)
        // perl -i.
        || random(name, "XX", 6)
        // mktemp.
        || random(name, "tmp.", 10)
        // patch; busybox sed; gawk -i inplace; Puppet and all of Ruby, with a directory for a lock; CFEngine.
        || after_own().any(|rest| {
            random(rest, ".", 7)
                || random(rest, "", 6)
                || random(rest, ".gawk.", 6)
                || is_of_ruby(rest)
                || rest.ends_with(".lock")
                || (rest.starts_with(".cf-") && rest.ends_with("-edit"))
        })
}

/// What Ruby puts behind the name of a temporary file: the date, its process and a number of base 36.
fn is_of_ruby(rest: &str) -> bool {
    let mut parts = rest.split('-');
    let mut next = |is_one: fn(&u8) -> bool, longest: usize| {
        parts
            .next()
            .is_some_and(|part| (1..=longest).contains(&part.len()) && part.bytes().all(|b| is_one(&b)))
    };
    next(u8::is_ascii_digit, 8)
        && next(u8::is_ascii_digit, 10)
        && next(u8::is_ascii_alphanumeric, 7)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_tool_shaped;
    use crate::tree::nodes::volume::row;

    #[test]
    fn names_of_tools_are_told_from_others() {
        for name in [
            ".size_total.swp",
            ".#size_total",
            ".ansible_tmpabcsize_total",
            "size_total~",
            "#size_total#",
            "sedAbC123",
            "tmp.0123456789",
            "XXb2lHui",
            "size_total.o1a2b3c",
            "size_totalWQNqhm",
            "size_total.gawk.c8H5X8",
            "size_total20260101-1-abc.lock",
            "size_total20260101-12345-1mx0dq5",
            "size_total.cf-after-edit",
        ] {
            assert!(is_tool_shaped(name, row()), "{name}");
        }
        for name in [
            "~",
            "##",
            "sed",
            "sedAbC12",
            "sedAbC12/",
            "seed1234",
            "XXb2lHu",
            "new",
            "tmp.1",
            "size_total.bak",
            "size_total2",
            "size_total12345",
            "size_total.gawk.1",
            "size_total20260101",
            "size_total20260101-1",
            "size_total20260101-1-1mx0dq5-2",
            "size_total-1-abc",
            "size_total20260101-1-abc.bak",
            "other.o1a2b3c",
            "other.lock",
            "4913",
            ".git",
        ] {
            assert!(!is_tool_shaped(name, row()), "{name}");
        }
    }
}
