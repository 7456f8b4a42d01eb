package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/syscalls"
	"golang.org/x/sys/unix"
)

// maxNumber is above every call's number.
const maxNumber = 1024

// fileSystemCalls reach files or mounts and are in no set of the policy: no
// process of the runtime may have them for the sake of directfs.
var fileSystemCalls = []string{
	"access", "acct", "chdir", "chmod", "chown", "chroot", "copy_file_range", "creat", "execve", "execveat", "faccessat",
	"faccessat2", "fanotify_init", "fanotify_mark", "fchdir", "fchmodat2", "fchown", "fsconfig",
	"fsmount", "fsopen", "fspick", "futimesat", "getdents", "getxattr", "getxattrat", "inotify_add_watch", "io_uring_setup",
	"io_uring_enter", "io_uring_register", "lchown", "lgetxattr", "link", "listmount", "listxattr", "listxattrat", "llistxattr",
	"lookup_dcookie", "lremovexattr", "lsetxattr", "lstat", "mkdir", "mknod", "mount", "mount_setattr", "move_mount",
	"name_to_handle_at", "open", "open_by_handle_at", "open_tree", "open_tree_attr", "openat2", "pidfd_getfd", "pivot_root",
	"process_vm_writev", "quotactl", "quotactl_fd", "readlink", "removexattr", "removexattrat", "rename", "renameat", "rmdir",
	"setns", "setxattr", "setxattrat", "stat", "statfs", "statmount", "swapoff", "swapon", "symlink", "sysfs", "truncate",
	"umount2", "unlink", "unshare", "uselib", "ustat", "utime", "utimes",
}

// form is some calls of one number that differ in their arguments.
type form struct {
	words string
	call  string
	args  map[int]uint64
}

// workingDirectory is AT_FDCWD as an argument (openat(2)).
const workingDirectory = ^uint64(0) - 99

// sentryForms are denied to every sentry: a path from its root or working
// directory, and one that follows a symbolic link at its end.
var sentryForms = func() []form {
	var all []form
	for _, name := range directfspolicy.Calls(directfspolicy.SentryHostFilesystem) {
		fd := 0
		if name == "symlinkat" {
			fd = 1
		}
		args := map[int]uint64{fd: workingDirectory}
		if name == "utimensat" {
			args[1] = somePath // without a path it is in the base
		}
		all = append(all, form{name + " from the working directory", name, args})
	}
	return append(all, form{"openat through a link", "openat", map[int]uint64{2: unix.O_RDONLY}})
}()

// somePath is an address that is not 0.
const somePath = 0x7f0000001000

// writingForms are denied to a sentry that only reads.
var writingForms = []form{
	{"openat O_WRONLY", "openat", map[int]uint64{2: unix.O_NOFOLLOW | unix.O_WRONLY}},
	{"openat O_RDWR", "openat", map[int]uint64{2: unix.O_NOFOLLOW | unix.O_RDWR}},
	{"openat O_CREAT", "openat", map[int]uint64{2: unix.O_NOFOLLOW | unix.O_RDONLY | unix.O_CREAT}},
	{"openat O_TRUNC", "openat", map[int]uint64{2: unix.O_NOFOLLOW | unix.O_RDONLY | unix.O_TRUNC}},
	pathTimes,
}

// pathTimes is what the base set's utimensat does not include.
var pathTimes = form{"utimensat with a path", "utimensat", map[int]uint64{1: somePath}}

// expectation is what a process's filters have to do.
type expectation struct {
	sets []directfspolicy.SetName
	more []string // calls beside those of the sets

	// family is all sets of this kind of process.
	family []directfspolicy.SetName

	// forms are denied although the call is planned.
	forms []form
}

func sentryExpectation(p directfspolicy.Plan) expectation {
	e := expectation{
		sets:   p.Sentry(),
		family: []directfspolicy.SetName{directfspolicy.SentryBase, directfspolicy.SentryHostFilesystem, directfspolicy.SentryHostFilesystemRead},
		forms:  sentryForms,
	}
	switch {
	case slices.Contains(p.Sentry(), directfspolicy.SentryHostFilesystemRead):
		e.forms = slices.Concat(sentryForms, writingForms)
	case !slices.Contains(p.Sentry(), directfspolicy.SentryHostFilesystem):
		e.forms = slices.Concat(sentryForms, []form{pathTimes})
	}
	if p.Container().HostDevices {
		// A device proxy of the engine's may list what it has open, whatever it
		// is (pkg/sentry/devices/tpuproxy/seccomp_filter.go:37). The call has no
		// path, so that the working directory is nothing to it.
		e.forms = slices.DeleteFunc(slices.Clone(e.forms), func(f form) bool { return f.call == "getdents64" })
	}
	return e
}

// goferExpectation is for a gofer that may make more calls than those of the
// Plan's sets.
func goferExpectation(p directfspolicy.Plan, more []string) expectation {
	e := expectation{sets: p.Gofer(), more: more}
	for _, n := range directfspolicy.SetNames() {
		if strings.HasPrefix(string(n), "gofer-") {
			e.family = append(e.family, n)
		}
	}
	return e
}

// verdicts is what a process's filters do.
type verdicts struct {
	missing  []string // planned, and denied with all arguments that were tried
	extra    []string // not planned, and not certainly denied
	forms    []string // forms that are not certainly denied
	foreign  []string // calls of another architecture that are not certainly denied
	others   []string // allowed, and nobody's business
	planned  int
	deniable int
}

// examine asks the filters about every call.
func (e expectation) examine(s stack) (verdicts, error) {
	var v verdicts
	planned := append(directfspolicy.Calls(e.sets...), e.more...)
	spoken := slices.Concat(directfspolicy.Calls(e.family...), fileSystemCalls)
	for nr := range uint32(maxNumber) {
		name, named := syscalls.Name(nr)
		if named && slices.Contains(planned, name) {
			ok, err := s.allows(nr)
			if err != nil {
				return v, err
			}
			if v.planned++; !ok {
				v.missing = append(v.missing, name)
			}
			continue
		}
		denied, err := s.denies(anyArgs(nr))
		if err != nil {
			return v, err
		}
		// A number without a name may be any file system's new call.
		switch mustDeny := !named || slices.Contains(spoken, name); {
		case mustDeny && denied:
			v.deniable++
		case mustDeny:
			v.extra = append(v.extra, callName(nr))
		case !denied:
			v.others = append(v.others, name)
		}
	}
	return v, e.examineForms(s, &v)
}

func (e expectation) examineForms(s stack, v *verdicts) error {
	for _, f := range e.forms {
		nr, ok := syscalls.Number(f.call)
		if !ok {
			continue
		}
		p := anyArgs(nr)
		for arg, value := range f.args {
			p = p.with(arg, value)
		}
		denied, err := s.denies(p)
		if err != nil {
			return err
		}
		if !denied {
			v.forms = append(v.forms, f.words)
		}
	}
	foreign := []pattern{{archWord: foreignArch}}
	if foreignBit != 0 {
		for nr := range uint32(maxNumber) {
			foreign = append(foreign, anyArgs(nr|foreignBit))
		}
	}
	for _, p := range foreign {
		denied, err := s.denies(p)
		if err != nil {
			return err
		}
		if !denied {
			v.foreign = append(v.foreign, fmt.Sprintf("%#x of architecture %#x", p[nrWord], p[archWord]))
		}
	}
	return nil
}

func callName(nr uint32) string {
	if name, ok := syscalls.Name(nr); ok {
		return name
	}
	return fmt.Sprintf("call %d", nr)
}
