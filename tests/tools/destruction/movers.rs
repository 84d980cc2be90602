//! Commands that move or copy, and remove on the way.

use super::{check, picky, timid, tool};

#[test]
fn what_moves_out_removes_nothing() {
    check(&[
        tool("mv $V $T/", &[1]),
        tool("mv -f $V $T/new", &[1]),
        tool("busybox mv $V $T/new", &[1]),
        tool("tar --remove-files -cf a.tar -C $D $N", &[2]),
        tool("mkdir d; rsync -a --remove-source-files $V d/", &[0, 23]),
        tool("rclone move $V $T/new --retries 1", &[0, 1]),
    ]);
}

/// They make way for what they bring: what is in the way is a volume or a snapshot.
#[test]
fn what_moves_in_makes_no_way_for_it() {
    check(&[
        tool("mkdir -p b; cp -r $V b/; mv b/$N $D/", &[1]),
        tool("mkdir $N; mv $N $D/", &[1]),
        tool("mkdir d; mv -T d $V", &[1]),
        timid("touch $N; mv $N $D/", &[1]),
        timid("touch $N; cp -f $N $D/; cp --remove-destination $N $D", &[1]),
        tool("touch $N; tar c $N | tar x -C $D", &[2]),
        tool("mkdir $N; tar c $N | tar x -U -C $D", &[2]),
        tool("mkdir $N; tar c $N | tar x --recursive-unlink -C $D", &[2]),
        tool("touch $N; tar c $N | bsdtar x -C $D -f -", &[1]),
        timid("touch $N; tar c $N | busybox tar x -C $D -f -", &[1]),
        tool("touch $N; echo $N | cpio -o > a; cd $D; cpio -iu < $T/a", &[0, 2]),
        picky("touch $N; rsync -r $N $D/", &[23]),
        tool("touch $N; rsync -r --force $N $D/", &[23]),
    ]);
}

#[test]
fn what_makes_the_tree_like_an_empty_one_removes_nothing() {
    check(&[
        tool("mkdir e; rsync -r --delete e/ $V/", &[0, 23]),
        tool("mkdir e; rsync -r --delete-after --delete-excluded --force e/ $V/", &[0, 23]),
        // It leaves the files alone and trusts rmdir to fail.
        picky("mkdir e; rsync -r --delete --include='*/' --exclude='*' e/ $V/", &[0, 23]),
        picky("mkdir e; rsync -r --delete --include='*/' --exclude='*' e/ $D/", &[0, 23]),
        tool("rclone purge $V --retries 1", &[1]),
        tool("mkdir e; rclone sync e $V --create-empty-src-dirs --retries 1", &[0, 1]),
        tool("rclone delete --rmdirs $V --retries 1", &[0, 1]),
        picky("rclone rmdirs $V --retries 1", &[0, 1]),
    ]);
}
