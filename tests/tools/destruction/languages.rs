//! What the libraries of languages remove, and loops as people write them.

use std::fs;
use std::process::Command;

use super::{check, content, memory, tool};
use crate::common::{options, zapi};

#[test]
fn python_removes_nothing() {
    check(&[
        tool("python3 -c 'import os, shutil; shutil.rmtree(os.environ[\"V\"])'", &[1]),
        tool("python3 -c 'import os, shutil; shutil.rmtree(os.environ[\"V\"], ignore_errors=True)'", &[0]),
        tool(
            "python3 -c '
import os, pathlib
top = pathlib.Path(os.environ[\"V\"])
for path in sorted(top.rglob(\"*\"), reverse=True) + [top]:
    try:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError: pass'",
            &[0],
        ),
        // Nothing but rmdir.
        tool(
            "python3 -c '
import os
for path, _, _ in os.walk(os.environ[\"V\"], topdown=False):
    try: os.rmdir(path)
    except OSError: pass'",
            &[0],
        ),
        // Listed here, unlinked in a pool, removed in another.
        tool(
            "python3 -c '
import os
from concurrent.futures import ThreadPoolExecutor
def gone(how, path):
    try: how(path)
    except OSError: pass
walked = list(os.walk(os.environ[\"V\"], topdown=False))
with ThreadPoolExecutor(8) as pool:
    for path, _, files in walked: pool.map(lambda f: gone(os.unlink, path + \"/\" + f), files)
with ThreadPoolExecutor(8) as pool: list(pool.map(lambda w: gone(os.rmdir, w[0]), walked))'",
            &[0],
        ),
        // Unlinked by a child, removed by its parent.
        tool(
            "python3 -c '
import os
for path, _, files in os.walk(os.environ[\"V\"], topdown=False):
    if os.fork() == 0:
        for file in files:
            try: os.unlink(path + \"/\" + file)
            except OSError: pass
        os._exit(0)
    os.wait()
    try: os.rmdir(path)
    except OSError: pass'",
            &[0],
        ),
        tool("python3 -c 'import os, shutil; shutil.move(os.environ[\"V\"], os.environ[\"T\"])'", &[1]),
    ]);
}

#[test]
fn perl_ruby_node_php_and_tcl_remove_nothing() {
    check(&[
        tool("perl -MFile::Path=remove_tree -e 'remove_tree($ENV{V})'", &[0]),
        tool("perl -MFile::Path=rmtree -e 'rmtree($ENV{V}, 0, 0)'", &[0]),
        tool("perl -MFile::Find -e 'finddepth(sub { unlink or rmdir }, $ENV{V})'", &[0]),
        tool("perl -MFile::Find -e 'finddepth({ wanted => sub { rmdir }, no_chdir => 1 }, $ENV{V})'", &[0]),
        tool("ruby -rfileutils -e 'FileUtils.rm_rf ENV[\"V\"]'", &[0]),
        tool("ruby -rfileutils -e 'FileUtils.rm_r ENV[\"V\"]'", &[1]),
        tool("ruby -rfileutils -e 'FileUtils.remove_entry_secure ENV[\"V\"], true'", &[0, 1]),
        tool("ruby -rfileutils -e 'FileUtils.remove_dir ENV[\"V\"], true'", &[0]),
        tool("node -e 'fs.rmSync(process.env.V, { recursive: true, force: true })'", &[1]),
        tool("node -e 'fs.promises.rm(process.env.V, { recursive: true, force: true })'", &[1]),
        tool("node -e 'fs.rmdirSync(process.env.V)'", &[1]),
        tool("node --no-deprecation -e 'fs.rmdirSync(process.env.V, { recursive: true })'", &[1]),
        tool("echo 'file delete -force $env(V)' > x; tclsh x", &[1]),
        tool(
            "php -r '
function gone($path) {
    foreach (array_diff(scandir($path), [\".\", \"..\"]) as $name)
        is_dir(\"$path/$name\") && !is_link(\"$path/$name\") ? gone(\"$path/$name\") : @unlink(\"$path/$name\");
    @rmdir($path);
}
gone($_SERVER[\"V\"]);'",
            &[0],
        ),
    ]);
}

#[test]
fn editors_remove_nothing() {
    check(&[
        tool("emacs -Q --batch --eval '(delete-directory (getenv \"V\") t)'", &[255]),
        tool("vim -es -u NONE -c 'call delete($V, \"rf\")' -c 'qa!'", &[0]),
    ]);
}

/// `remove` of C is unlink, and rmdir if that is refused because of a directory.
#[test]
fn c_and_cpp_remove_nothing() {
    const NFTW: &str = "#define _XOPEN_SOURCE 700
        #include <ftw.h>
        #include <stdio.h>
        #include <stdlib.h>
        int gone(const char *path, const struct stat *s, int type, struct FTW *w) { remove(path); return 0; }
        int main() { return nftw(getenv(\"V\"), gone, 9, FTW_DEPTH | FTW_PHYS); }";
    const REMOVE_ALL: &str = "#include <filesystem>
        #include <cstdlib>
        int main() { std::error_code e; std::filesystem::remove_all(std::getenv(\"V\"), e); return e ? 1 : 0; }";
    let dir = tempfile::tempdir().unwrap();
    for (name, program, compiler) in [("nftw.c", NFTW, "cc"), ("all.cpp", REMOVE_ALL, "c++")] {
        fs::write(dir.path().join(name), program).unwrap();
        let compiled = Command::new(compiler).args(["-o", &name[..4], name]).current_dir(dir.path()).output();
        assert!(compiled.as_ref().is_ok_and(|c| c.status.success()), "{compiled:?}");
    }
    let path = |name: &str| -> &'static str { dir.path().join(name).display().to_string().leak() };
    check(&[tool(path("nftw"), &[0]), tool(path("all."), &[1])]);
}

/// By the process of this test.
#[test]
fn rust_removes_nothing() {
    for mount in [memory(options()), zapi::small_with(options())] {
        let before = content(&mount.path("dummy"));
        for target in ["volumes/db1/snapshots/s1", "volumes/db1", "policies/nfs", "volumes", ""] {
            fs::remove_dir_all(mount.path("dummy").join(target)).unwrap_err();
        }
        assert_eq!((mount.backend.take_changes(), content(&mount.path("dummy"))), (vec![], before));
    }
}
