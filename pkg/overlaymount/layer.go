package overlaymount

import (
	"fmt"
	"slices"
)

// maxDepth is how deep file systems stack: FILESYSTEM_MAX_STACK_DEPTH in
// include/linux/fs.h. The overlay itself is one of them.
const maxDepth = 2

// filesystem is what makes one tree of the layers wants of a layer's file system.
func (c *checker) filesystem(s seen) {
	if c.driver == Sentry {
		c.sentryFilesystem(s)
		return
	}
	f := Finding{Option: string(s.Role), Path: s.Path, Fix: "use another volume, " + anotherDriver}
	switch {
	case badLayers[s.Filesystem]:
		f.Code, f.Problem = CodeFilesystem, s.Filesystem+" cannot be a layer of an overlay"
	case s.Filesystem == "overlay" && (s.Role == Upper || c.ignored(s)):
		// The kernel looks at a work directory that it then ignores.
		f.Code, f.Problem = CodeUpperFilesystem, "is on an overlay, and what an overlay writes to cannot be"
		if s.Role == Upper {
			f.Fix = "use another volume"
		}
	case s.Role == Upper && UpperSupport(s.Filesystem) == SupportBad:
		f.Code, f.Problem = CodeUpperFilesystem, s.Filesystem+" cannot hold an upper layer: it lacks whiteouts or attributes, or is never written"
		if sentryUppers[s.Filesystem] != "" {
			f.Fix = "use another volume"
		}
	case !s.writes() && s.StackedOn >= maxDepth:
		f.Code = CodeDepth
		f.Problem = fmt.Sprintf("is on %d overlays already, and file systems stack %d deep", s.StackedOn, maxDepth)
		f.Fix = "name the layers of that overlay instead, " + anotherDriver
	default:
		return
	}
	c.add(f)
}

// sentryUppers are file systems on which the sentry's overlay fails, and why. It
// makes whiteouts, and marks directories by user.overlay.opaque; where that is
// refused when it has renamed something, it ends the whole sandbox
// (pkg/sentry/fsimpl/overlay/filesystem.go, RenameAt).
var sentryUppers = map[string]string{
	"overlay": "is on an overlay, on which nobody can make whiteouts (fs/overlayfs/dir.c, ovl_mknod)",
	"ramfs":   "is on ramfs, which has no user.* attributes",
}

// sentryFilesystem is what the sentry's overlay wants of an upper layer: a lower one
// is anything that a gofer can serve. Others are for whoever mounts to try out.
func (c *checker) sentryFilesystem(s seen) {
	if problem := sentryUppers[s.Filesystem]; problem != "" && s.Role == Upper {
		c.add(Finding{Code: CodeUpperFilesystem, Option: string(s.Role), Path: s.Path, Problem: problem, Fix: "use another volume"})
	}
}

// writable is that what the overlay writes to can be written. The kernel mounts
// an overlay without usable work directory read-only, and tells nobody. A work
// directory without upper layer is not written, but the kernel wants it writable.
func (c *checker) writable(s seen) {
	if !s.writes() {
		return
	}
	f := Finding{Code: CodeReadOnly, Option: string(s.Role), Path: s.Path, Fix: "remove upperdir and workdir for a read-only overlay, or use another volume"}
	switch {
	case s.ReadOnly:
		f.Problem = "is on a file system that is mounted read-only"
	case !s.Writable && c.m.Upper != "":
		f.Problem = "cannot be written by whoever mounts the overlay"
	default:
		return
	}
	c.add(f)
}

// dialect is that a layer has no attributes of the other kind.
func (c *checker) dialect(s seen) {
	if s.Role == Work {
		return
	}
	f := Finding{Code: CodeDialect, Option: string(s.Role)}
	switch {
	case c.m.UserXattr() && s.Trusted != "":
		f.Path, f.Problem = s.Trusted, "carries trusted.overlay.* attributes, and this overlay reads user.overlay.*: files that were deleted would come back"
		f.Fix = "remove userxattr"
		if c.driver == Sentry {
			f.Fix = "use the host driver (gvisor.overlay=host)"
		} else if c.f.UserNamespace {
			f.Fix = "mount it as root, or copy what an overlay without userxattr shows of it"
		}
	case !c.m.UserXattr() && s.User != "":
		f.Path, f.Problem = s.User, "carries user.overlay.* attributes, and this overlay reads trusted.overlay.*: files that were deleted would come back"
		f.Fix = "add userxattr"
	case c.driver == Sentry && s.Partly:
		f.Path, f.Warning = s.Path, true
		f.Problem = "has too many directories to look at all of them for trusted.overlay.* attributes: below one that has them, files that were deleted would come back"
		f.Fix = "use the host driver (gvisor.overlay=host) where an overlay or the storage of an image wrote the layer"
	default:
		return
	}
	c.add(f)
}

// submounts are hidden by an overlay. In a user namespace that would show what is
// below them, and the kernel refuses to copy the mount without them: for its overlay,
// for a gofer, and for the lock of a work directory.
func (c *checker) submounts(s seen) {
	if len(s.Submounts) == 0 || s.Role == Work && !(c.f.UserNamespace && c.driver == Host) {
		return
	}
	f := Finding{
		Code: CodeSubmounts, Option: string(s.Role), Path: s.Path, Warning: true,
		Problem: "has a mount at " + quote(s.Submounts[0]) + ", which the overlay does not show",
		Fix:     "mount that at its place in the container too",
	}
	if c.f.UserNamespace {
		f.Warning = false
		f.Problem = "has a mount at " + quote(s.Submounts[0]) + ", and in a user namespace no layer may have one"
		f.Fix = "use a directory without mounts in it"
	}
	c.add(f)
}

// inUse is that nobody else writes the layers. The kernel warns in its log, and
// refuses with index=on only.
func (c *checker) inUse(s seen) {
	f := Finding{Code: CodeInUse, Option: string(s.Role), Path: s.Path, Warning: !s.writes() && c.set(index) != "on"}
	f.Fix = "use a directory of its own"
	if !s.writes() {
		f.Fix = "use a copy, or end the other overlay first"
	}
	if s.LockedBy != "" {
		f.Problem = "is in use by " + s.LockedBy
		c.add(f)
		return
	}
	for _, o := range c.f.Mounted {
		where := s.place(o)
		if where == "" {
			continue
		}
		f.Problem = fmt.Sprintf("%s of the overlay at %q, which is mounted", where, o.Mountpoint)
		if o.Process != 0 {
			f.Problem += fmt.Sprintf(" in the mount namespace of process %d", o.Process)
		}
		c.add(f)
		return
	}
}

// place says what the directory is to a mounted overlay. Empty: nothing.
func (s seen) place(o Mounted) string {
	for _, each := range []struct {
		id   Identity
		name string
	}{{o.Upper, string(Upper)}, {o.Work, string(Work)}} {
		switch {
		case each.id == Identity{}:
		case s.Identity == each.id:
			return "is the " + each.name
		case slices.Contains(s.ancestors(), each.id):
			return "is in the " + each.name
		}
	}
	return ""
}
