package e2e

// sentryDeviations are those of gVisor's own overlay, on layers that a gofer
// serves.
var sentryDeviations = []deviation{
	// Without an option, Linux does none of this to a directory with a lower layer.
	{steps: []string{
		"rename-lower-dir: rename pure to renamed", "rename-lower-dir: rename merged to renamed-merged", "rename-lower-dir: rename both to renamed-both",
		"rename-lower-dir: rename empty to renamed-empty", "rename-lower-dir: rename hidden to uempty", "rename-lower-dir: rename filedir to renamed-filedir",
		"noreplace: rename pure to moved-pure", "exchange: rename pure to empty", "exchange: rename merged to f",
	}, inside: "ok", reason: "gVisor copies up a directory with all that is in it to rename it; Linux says EXDEV, so that mv(1) copies"},
	{steps: []string{
		"rename-lower-dir: *", "tree /rename-lower-dir*", "mark /rename-lower-dir/*",
		"noreplace: moved-pure is", "noreplace: pure is", "noreplace: names in .", "tree /noreplace/*", "mark /noreplace/pure", "mark /noreplace/moved-pure",
		"exchange: *", "tree /exchange/*", "mark /exchange/*",
	}, reason: "follows from that"},
	{steps: []string{"rename-dir: rename empty to empty", "rename-dir: rename merged to merged"}, inside: "ENOTEMPTY", reason: "gVisor does not see that it is one directory"},

	{steps: []string{"mmap-private: write f", "mmap-private: write keep"}, inside: "ENODEV", reason: "gVisor copies up a file that is mapped only to a file that it can map, and with a shared cache it cannot map one that is open for writing alone"},
	{steps: []string{"mmap-private: old FD*", "mmap-private: new FD*", "mmap-private: mapped anew*", "tree /mmap-private/*"}, reason: "follows from that"},
	{steps: []string{"identity: f copied up"}, inside: "inode false device false", reason: inodeReason},
	{steps: []string{"identity: h1 copied up", "identity: h1 and h2 after", "identity: f and u", "identity: f and pure"}, inside: "inode false device false", reason: inodeReason},
	{steps: []string{"unlinked: fchmod keep"}, inside: "ENOENT", reason: "neither copies up a file without a name; the errors differ"},
	{steps: []string{"unlinked: links of f", "unlinked: links of u"}, inside: "1 ok", reason: "gVisor does not count down the links of a file that it removes"},

	{steps: []string{"chmod: chmod fifo", "chown: lchown fifo", "link: link of fifo", "special: rename fifo"}, inside: "EPERM", reason: pipeReason},
	{steps: []string{"chmod: fifo is", "special: fifo is, 2"}, inside: "type 10000 0644 0:0 links 1 rdev 0", reason: pipeReason},
	{steps: []string{"chown: fifo is"}, inside: "type 10000 0644 0:0 links 1 rdev 0", caller: "root", reason: pipeReason},
	{steps: []string{"tree /chown/fifo"}, inside: "type 10000 0644 0:0 links 1 rdev 0 []", caller: "root", reason: pipeReason},
	{steps: []string{"link: fifo2 is", "special: moved is"}, inside: "ENOENT", reason: pipeReason},
	{steps: []string{"tree /chmod/fifo", "tree /link/fifo", "tree /special/fifo"}, inside: "type 10000 0644 0:0 links 1 rdev 0 []", reason: pipeReason},
	{steps: []string{"tree /link/fifo2", "tree /special/moved", "mark /special/fifo"}, inside: absent, reason: pipeReason},

	{steps: []string{"append: owned is"}, inside: `file 0750 1:2 links 1 "owned\nappended\n"`, caller: "root", reason: copiedReason},
	{steps: []string{"open-truncate: owned is"}, inside: `file 0750 1:2 links 1 ""`, caller: "root", reason: copiedReason},
	{steps: []string{"xattr: owned is", "rename-file: early is"}, inside: `file 0750 1:2 links 1 "owned\n"`, caller: "root", reason: copiedReason},
	{steps: []string{"tree /append/owned", "tree /open-truncate/owned", "tree /xattr/owned", "tree /rename-file/early"}, caller: "root", reason: copiedReason},

	{steps: []string{"marks: set *"}, inside: "ENOTSUP", reason: marksReason},
	{steps: []string{"marks: get *"}, inside: " ENOTSUP", reason: marksReason},
	{steps: []string{"marks: attributes of both, 2"}, inside: "[user.overlayed] ok", reason: marksReason},
	{steps: []string{"tree /marks/both"}, inside: `directory 0755 0:0 [user.overlayed="y"]`, reason: marksReason},
	{steps: []string{
		"mark /mkdir/new", "mark /mkdir/gone", "mark /mkdir/pure/new", "mark /mkdir/merged/new", "mark /deep/pure/sub/deeper",
		"mark /setgid/setgid/d", "mark /old-dirfd/pure/dir",
	}, inside: "user.overlay.opaque", reason: "gVisor marks each new directory, also where it hides nothing"},
	{steps: []string{"mark /denied/setgid/dir"}, inside: "user.overlay.opaque", caller: "root", reason: "gVisor marks each new directory, also where it hides nothing"},
	{steps: []string{
		"mark /noreplace/u", "mark /noreplace/ud", "mark /old-dirfd/pure/made", "mark /rename-dir/*", "mark /rename-file/*",
	}, inside: "whiteout", reason: "gVisor leaves a whiteout wherever something was renamed, also where it hides nothing"},

	{steps: []string{"tmpfile: open . 0x410002", "tmpfile: open pure 0x410081", "create: open . 0x410002"}, inside: "ENOTSUP", reason: "gVisor's overlay has no O_TMPFILE"},
	{steps: []string{"tmpfile: write", "tmpfile: linkat", "tmpfile: linked is", "tree /tmpfile/linked"}, reason: "follows from that"},
	{steps: []string{"fallocate: punch"}, inside: "ENOTSUP", reason: "gVisor's gofer file system allocates and does nothing else in fallocate(2)"},
	{steps: []string{"fallocate: f is", "tree /fallocate/f"}, reason: "follows from that"},
	{steps: []string{"acl: set *"}, inside: "ENOTSUP", reason: "gVisor has no access control lists"},
	{steps: []string{"acl: f is"}, inside: `file 0644 0:0 links 1 "bottom f\n"`, reason: "follows from that"},
	{steps: []string{"acl: pure is"}, inside: "directory 0751 3:4 of 2", caller: "root", reason: "follows from that"},
	{steps: []string{"tree /acl/*"}, reason: "follows from that"},

	{steps: []string{"special: mknod n-null"}, inside: "EPERM", caller: "root", reason: "the sandbox and the gofer have no CAP_MKNOD"},
	{steps: []string{"special: n-null is"}, inside: "ENOENT", caller: "root", reason: "follows from that"},
	{steps: []string{"special: n-fifo is", "special: gone is"}, inside: "type 10000 0600 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: n-socket is"}, inside: "type 140000 0600 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: sock is"}, inside: "type 140000 0755 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: open fifo 0x802", "create: open fifo *"}, inside: "EPERM", reason: fifoReason},
	{steps: []string{"special: write fifo"}, inside: "EBADF", reason: fifoReason},
	{steps: []string{"special: read fifo"}, inside: " EBADF", reason: fifoReason},
	{steps: []string{"tree /special/n-fifo", "tree /special/n-socket", "tree /special/gone"}, reason: syntheticReason},
	{steps: []string{"tree /special/n-null"}, inside: absent, caller: "root", reason: "follows from mknod(2)"},
	{steps: []string{"create: truncate pure", "create: truncate empty"}, inside: "EROFS", reason: "gVisor looks for a read-only mount before it looks for a directory"},

	{steps: []string{"acl: pure is"}, inside: "directory 0751 0:0 of 2", caller: "user", reason: "follows from the refusal"},
	{steps: []string{"chown: lchown f", "chown: lchown owned", "chown: lchown pure", "chown: lchown link", "chown: lchown u", "chown: lchown merged", "chown: chown by link", "old-fd: fchown by old FD", "denied: give"}, inside: "ok", caller: "user", reason: ownerReason},
	{steps: []string{"old-fd: keep is"}, inside: `file 0644 5:6 links 1 "other\n"`, caller: "user", reason: "gVisor's overlay shows the owner that was not set, until the container ends"},
	{steps: []string{"denied: *"}, caller: "user", reason: userReason},
	{steps: []string{"tree /denied/pure/a"}, inside: absent, caller: "user", reason: userReason},
	{steps: []string{"mark /denied/pure/a"}, inside: "whiteout", caller: "user", reason: userReason},

	{steps: []string{"link: link over whiteout"}, inside: "EINVAL", access: "LisaFS", reason: linkReason},
	{steps: []string{"link: f is*", "link: write f", "link: linked is", "tree /link/f", "tree /link/linked"}, access: "LisaFS", reason: linkReason},
	{steps: []string{"mark /link/f"}, inside: "whiteout", access: "LisaFS", reason: linkReason},
}

const (
	inodeReason  = "in gVisor's overlay a file has the numbers of its layer, and others when it is copied up"
	pipeReason   = "gVisor's overlay copies up no pipes and no sockets"
	copiedReason = "gVisor's gofer file system sets the mode of a copied file first and its owner then, which takes the set-user-ID bit away"
	marksReason  = "gVisor's overlay has attributes with its own names to itself; others are not passed on either"
)
