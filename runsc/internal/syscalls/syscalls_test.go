package syscalls

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

// Another library's numbers, for calls of all kinds: those that the policy
// takes away, some of every age, and the newest.
var known = map[string]uint32{
	"fallocate": unix.SYS_FALLOCATE, "fchmod": unix.SYS_FCHMOD, "fchmodat": unix.SYS_FCHMODAT, "fchownat": unix.SYS_FCHOWNAT,
	"fremovexattr": unix.SYS_FREMOVEXATTR, "fsetxattr": unix.SYS_FSETXATTR, "linkat": unix.SYS_LINKAT,
	"lremovexattr": unix.SYS_LREMOVEXATTR, "lsetxattr": unix.SYS_LSETXATTR, "mkdirat": unix.SYS_MKDIRAT,
	"mknodat": unix.SYS_MKNODAT, "renameat2": unix.SYS_RENAMEAT2, "symlinkat": unix.SYS_SYMLINKAT,
	"unlinkat": unix.SYS_UNLINKAT, "utimensat": unix.SYS_UTIMENSAT,
	"read": unix.SYS_READ, "openat": unix.SYS_OPENAT, "newfstatat": unix.SYS_NEWFSTATAT, "fadvise64": unix.SYS_FADVISE64,
	"pread64": unix.SYS_PREAD64, "prlimit64": unix.SYS_PRLIMIT64, "umount2": unix.SYS_UMOUNT2, "sendfile": unix.SYS_SENDFILE,
	"clone3": unix.SYS_CLONE3, "openat2": unix.SYS_OPENAT2, "faccessat2": unix.SYS_FACCESSAT2, "fchmodat2": unix.SYS_FCHMODAT2,
	"mount_setattr": unix.SYS_MOUNT_SETATTR, "open_tree_attr": unix.SYS_OPEN_TREE_ATTR,
}

func TestNumbersAndNames(t *testing.T) {
	for name, nr := range known {
		if got, ok := Number(name); !ok || got != nr {
			t.Errorf("number of %s is %d, %v, want %d", name, got, ok, nr)
		}
		if got, ok := Name(nr); !ok || got != name {
			t.Errorf("name of %d is %q, %v, want %q", nr, got, ok, name)
		}
	}
}

func TestThereAndBack(t *testing.T) {
	if len(names()) != len(numbers()) {
		t.Errorf("%d names, %d numbers: some call has two", len(numbers()), len(names()))
	}
	for name, nr := range numbers() {
		if got, ok := Name(nr); !ok || got != name {
			t.Errorf("%s has the number %d, which is that of %q", name, nr, got)
		}
	}
}

func TestUnknown(t *testing.T) {
	if nr, ok := Number("no_such_call"); ok {
		t.Errorf("no_such_call has the number %d", nr)
	}
	if name, ok := Name(1023); ok {
		t.Errorf("1023 has the name %q", name)
	}
}

// A call that the engine has come to know is no longer ours to list.
func TestNewerIsWhatTheEngineLacks(t *testing.T) {
	for name, nr := range newer {
		if call, ok := engine.Table[uintptr(nr)]; ok {
			t.Errorf("the engine knows %d as %s: remove %s from newer", nr, call.Name, name)
		}
	}
}

func TestPolicyNamesAreKnown(t *testing.T) {
	for _, name := range directfspolicy.Calls(directfspolicy.SetNames()...) {
		if _, ok := Number(name); !ok {
			t.Errorf("no number for %s", name)
		}
	}
}
