//! Commands that remove.

use super::{check, picky, tool};

#[test]
fn rm_of_every_kind_removes_nothing() {
    check(&[
        tool("rm -rf $V", &[1]),
        tool("rm -r $V", &[1]),
        tool("rm -rf --one-file-system $V/", &[1]),
        // It looks inside by itself.
        picky("rm -d $V", &[1]),
        tool("rm -rd $V", &[1]),
        tool("busybox rm -rf $V", &[1]),
        tool("zsh -fc 'zmodload zsh/files; zf_rm -rf $V'", &[0, 1]),
        tool("cp -r $V $T && rm -r $V", &[1]),
        tool("cd $V; rm -rf ./*; rm -rf $PWD/.", &[1]),
        tool("printf 'clean:\\n\\trm -rf $V\\n' > Makefile; make clean", &[2]),
        picky("ln -s x x; ln -sfn x $V; ln -sfT x $V; cp -T x $V; install -T /etc/passwd $V", &[1]),
    ]);
}

#[test]
fn find_and_its_kind_remove_nothing() {
    check(&[
        tool("find $V -delete", &[1]),
        tool("find $V -depth -exec rm -rf {} ';'", &[0]),
        // These trust rmdir to fail.
        tool("find $V -type d -delete", &[1]),
        tool("bfs $V -type d -delete", &[1]),
        picky("find $V -type d -empty -delete", &[0, 1]),
        tool("bfs $V -delete", &[1]),
        tool("find $V -print0 | xargs -0 -P 8 -n 1 rm -rf", &[123]),
        picky("find $V -depth -print0 | xargs -0 -P 8 -n 1 rm -d", &[123]),
        tool("fdfind . $D -x rm -rf", &[1]),
    ]);
}

#[test]
fn what_cleans_up_removes_nothing() {
    check(&[
        picky("tmpreaper -T 0 --all --showdeleted 1d $V", &[0]),
        // Files that are kept leave the directories to it.
        picky("tmpreaper -T 0 --all --protect '*/*' 1d $V", &[0]),
        picky("echo e $V - - - 1d > t.conf; systemd-tmpfiles --clean $T/t.conf", &[0, 73]),
        tool("echo R $V > t.conf; systemd-tmpfiles --remove $T/t.conf", &[73]),
        tool("git init -q --bare g; GIT_DIR=g GIT_WORK_TREE=$V git clean -ffdx", &[0, 1]),
        tool("trash-put $V", &[74]),
        tool("gio trash $V", &[1]),
        tool("gio remove $V", &[1]),
    ]);
}
