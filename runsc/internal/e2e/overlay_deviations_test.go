package e2e

import "slices"

// plainBind is a bind mount of a directory that is no overlay.
const plainBind overlayDriver = "plain bind"

// deviationsOf are those of a configuration. What plain bind mounts do
// differently from the host has nothing to do with overlays.
func deviationsOf(c overlayConfig) []deviation {
	switch c.driver {
	case plainBind:
		return slices.Concat(goferDeviations, plainDeviations)
	case sentryDriver:
		return sentryDeviations
	}
	return slices.Concat(goferDeviations, hostOverlayDeviations)
}

// goferDeviations are those of every mount that a gofer serves.
var goferDeviations = []deviation{
	{steps: []string{"tmpfile: open . 0x410002", "tmpfile: open pure 0x410081"}, inside: "ENOTSUP", reason: "gVisor's gofer file system has no O_TMPFILE"},
	{steps: []string{"tmpfile: write", "tmpfile: linkat", "tmpfile: linked is", "tree /tmpfile/linked"}, reason: "follows from that"},
	{steps: []string{"fallocate: punch"}, inside: "ENOTSUP", reason: "gVisor's gofer file system allocates and does nothing else in fallocate(2)"},
	{steps: []string{"fallocate: f is", "tree /fallocate/f"}, reason: "follows from that"},
	{steps: []string{"append: owned is"}, inside: `file 0750 1:2 links 1 "owned\nappended\n"`, caller: "root", reason: setuidReason},
	{steps: []string{"tree /append/owned"}, inside: `file 0750 1:2 links 1 "owned\nappended\n" [user.lower="from below"]`, caller: "root", reason: setuidReason},
	{steps: []string{"open-truncate: owned is"}, inside: `file 0750 1:2 links 1 ""`, access: "directfs", caller: "root", reason: setuidReason},
	{steps: []string{"tree /open-truncate/owned"}, inside: `file 0750 1:2 links 1 "" [user.lower="from below"]`, access: "directfs", caller: "root", reason: setuidReason},
	{steps: []string{"unlinked: links of f", "unlinked: links of u"}, inside: "1 ok", reason: "gVisor does not count down the links of a file that it removes"},
	{steps: []string{"setgid: setgid/l is"}, inside: `link 0777 0:0 "f" ok`, caller: "root", reason: "gVisor gives a symbolic link the caller's group in a set-group-ID directory, too"},
	{steps: []string{"tree /setgid/setgid/l"}, inside: `link 0777 0:0 "f" ok []`, caller: "root", reason: "gVisor gives a symbolic link the caller's group in a set-group-ID directory, too"},

	{steps: []string{"acl: get *", "acl: set *"}, reason: "gVisor has no access control lists"},
	{steps: []string{"acl: f is"}, inside: `file 0644 0:0 links 1 "bottom f\n"`, reason: "follows from that"},
	{steps: []string{"acl: pure is"}, inside: "directory 0751 3:4 of 2", caller: "root", reason: "follows from that"},
	{steps: []string{"tree /acl/f"}, inside: `file 0644 0:0 links 1 "bottom f\n" []`, reason: "follows from that"},
	{steps: []string{"tree /acl/pure"}, inside: "directory 0751 3:4 []", caller: "root", reason: "follows from that"},
	{steps: []string{"acl: pure is"}, inside: "directory 0751 0:0 of 2", caller: "user", reason: "follows from that"},
	{steps: []string{"tree /acl/pure"}, inside: "directory 0751 0:0 []", caller: "user", reason: "follows from that"},
	{steps: []string{"marks: set trusted.overlay.opaque", "marks: set trusted.overlay.mine", "marks: set trusted.mine"}, inside: "ENOTSUP", reason: trustedReason},
	{steps: []string{"marks: get trusted.overlay.opaque of *", "marks: get trusted.overlay.mine of both", "marks: get trusted.mine of both"}, inside: " ENOTSUP", reason: trustedReason},
	{steps: []string{"marks: attributes of both, 2"}, inside: "[user.overlay.mine user.overlay.opaque user.overlayed] ok", caller: "root", reason: trustedReason},

	{steps: []string{"noreplace: *", "tree /noreplace/*"}, reason: "gVisor has RENAME_NOREPLACE only where it alone changes files, which is not so with a shared cache"},
	{steps: []string{"special: mknod n-null"}, inside: "EPERM", caller: "root", reason: "the sandbox and the gofer have no CAP_MKNOD"},
	{steps: []string{"special: n-null is"}, inside: "ENOENT", caller: "root", reason: "follows from that"},
	{steps: []string{"tree /special/n-null"}, inside: absent, caller: "root", reason: "follows from that"},
	{steps: []string{"special: n-fifo is", "special: gone is"}, inside: "type 10000 0600 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: n-socket is"}, inside: "type 140000 0600 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: sock is"}, inside: "type 140000 0755 0:0 links 2 rdev 0", reason: syntheticReason},
	{steps: []string{"special: open fifo 0x802"}, inside: "EPERM", reason: fifoReason},
	{steps: []string{"special: write fifo"}, inside: "EBADF", reason: fifoReason},
	{steps: []string{"special: read fifo"}, inside: " EBADF", reason: fifoReason},
	{steps: []string{"tree /special/n-fifo", "tree /special/n-socket", "tree /special/gone"}, reason: syntheticReason},

	{steps: []string{"link: link over whiteout", "link: link onto keep", "link: link onto ud", "link: link onto link", "link: link onto merged/one"}, inside: "EINVAL", access: "LisaFS", caller: "root", reason: linkReason},
	{steps: []string{"link: f is, 3"}, inside: "ENOENT", access: "LisaFS", caller: "root", reason: linkReason},
	{steps: []string{"tree /link/f", "tree /link/linked"}, access: "LisaFS", caller: "root", reason: linkReason},
}

const (
	setuidReason    = "gVisor takes the set-user-ID bit away when a file is written, whatever the capabilities of the writer"
	trustedReason   = "gVisor passes on no attributes but those of users and of capabilities"
	syntheticReason = "pipes and sockets that a container makes are the sandbox's own, with two links, and not in the directory"
	fifoReason      = "pipes of the host are opened only with --host-fifo=open"
	linkReason      = "the LisaFS server links what has the name by which it was found first, and that one was removed"
)

// plainDeviations are those of directories that are no overlays.
var plainDeviations = []deviation{
	{steps: []string{"statfs: statfs *"}, inside: "type 0x1021997 names 255 blocks true ok", reason: "gVisor names its own file system"},
	{steps: []string{"unlinked: links of keep"}, inside: "1 ok", reason: "gVisor does not count down the links of a file that it removes"},
	{steps: []string{"whiteout-flag: rename f to moved", "whiteout-flag: rename u to keep"}, inside: "EINVAL", reason: "gVisor has no RENAME_WHITEOUT"},
	{steps: []string{"whiteout-flag: *", "tree /whiteout-flag*"}, reason: "follows from that"},
	{steps: []string{"tree /special/n-whiteout"}, inside: "type 20000 0600 0:0 links 1 rdev 0 EBADF", reason: deviceReason},
}

const deviceReason = "gVisor lists the attributes of a device by a descriptor that has none"

// hostOverlayDeviations are those of the host's overlays, however they were
// mounted, beside goferDeviations.
var hostOverlayDeviations = []deviation{
	{steps: []string{"statfs: statfs *"}, inside: "type 0x1021997 names 255 blocks true ok", reason: "gVisor names its own file system"},
	{steps: []string{"mmap-private: mapped after copy-up", "mmap-private: mapped after copy-up, 2"}, inside: "NEW!", reason: "a mapping of a lower file keeps to the lower file on Linux; gVisor maps the file anew when it is opened for writing"},
	{steps: []string{"mark /noreplace/early"}, inside: "whiteout", reason: "follows from RENAME_NOREPLACE, which is refused"},
	{steps: []string{"mark /noreplace/f", "mark /noreplace/moved"}, inside: absent, reason: "follows from RENAME_NOREPLACE, which is refused"},
	{steps: []string{"mark /link/f"}, inside: "whiteout", access: "LisaFS", caller: "root", reason: linkReason},
	{steps: []string{"mark /denied/pure/a"}, inside: "whiteout", caller: "user", reason: userReason},
	{steps: []string{"unlinked: fchmod keep"}, inside: "ok", reason: "Linux copies up for the mode, and cannot for a file without a name"},
	{steps: []string{"unlinked: link of FD, 3"}, inside: "EINVAL", access: "LisaFS", reason: linkReason},
	{steps: []string{"link: f is", "link: f is, 2", "link: write f", "link: linked is"}, access: "LisaFS", caller: "root", reason: "in the second run, follows from the link that was not made in the first"},
	{steps: []string{"create: truncate pure", "create: truncate empty"}, inside: "EROFS", reason: "gVisor looks for a read-only mount before it looks for a directory"},
	{steps: []string{"create: open . 0x410002"}, inside: "ENOTSUP", reason: "gVisor's gofer file system has no O_TMPFILE"},
	{steps: []string{"chown: lchown *", "chown: chown by link", "old-fd: fchown by old FD", "denied: give"}, inside: "ok", caller: "user", reason: ownerReason},
	{steps: []string{"denied: read *", "denied: unlink *", "denied: append *", "denied: create *", "denied: mkdir *"}, caller: "user", reason: userReason},
	{steps: []string{"denied: names in pure"}, inside: "sub ok", caller: "user", reason: userReason},
	{steps: []string{"tree /denied/pure/a"}, inside: absent, caller: "user", reason: userReason},
	{steps: []string{"create: open fifo *"}, inside: "EPERM", reason: fifoReason},
}

const ownerReason = "the kernel refuses an owner whom the user's namespace has not; with a shared cache gVisor does not pass on that attributes were not set"

const userReason = "a container has all users, the namespace of one user has that one alone: there, no process is another user"
