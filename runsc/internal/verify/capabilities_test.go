package verify

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The names and numbers of linux/capability.h, there and back.
func TestCapabilityNames(t *testing.T) {
	for number, name := range map[int]string{
		unix.CAP_CHOWN: "CHOWN", unix.CAP_DAC_OVERRIDE: "DAC_OVERRIDE", unix.CAP_DAC_READ_SEARCH: "DAC_READ_SEARCH",
		unix.CAP_FOWNER: "FOWNER", unix.CAP_FSETID: "FSETID", unix.CAP_SETGID: "SETGID", unix.CAP_SETUID: "SETUID",
		unix.CAP_NET_BIND_SERVICE: "NET_BIND_SERVICE", unix.CAP_NET_ADMIN: "NET_ADMIN", unix.CAP_NET_RAW: "NET_RAW",
		unix.CAP_SYS_CHROOT: "SYS_CHROOT", unix.CAP_SYS_PTRACE: "SYS_PTRACE", unix.CAP_SYS_ADMIN: "SYS_ADMIN",
		unix.CAP_CHECKPOINT_RESTORE: "CHECKPOINT_RESTORE",
	} {
		if got := capsOf("CAP_" + name); got != 1<<number {
			t.Errorf("CAP_%s is %#x, want bit %d", name, uint64(got), number)
		}
		if got := caps(1 << number).list(); got != name {
			t.Errorf("bit %d is %q, want %s", number, got, name)
		}
	}
	// A capability of a newer kernel has no name, and is not dropped.
	if got := (fiveCaps | 1<<63).list(); got != "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID 63" {
		t.Errorf("the five and bit 63 are %q", got)
	}
	if got := caps(0).list(); got != "none" {
		t.Errorf("no capability is %q", got)
	}
	for _, name := range []string{"CHOWN", "cap_chown", "CAP_CHOWN ", "CAP_UNKNOWN", ""} {
		if got := capsOf(name); got != 0 {
			t.Errorf("%q is %#x, want none", name, uint64(got))
		}
	}
}
