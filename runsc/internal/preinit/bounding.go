package preinit

import (
	"os"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
)

// trim takes all that the process's client did not name out of the capability
// bounding set, and executes the program again.
//
// The engine does it for every capability on all threads, one after the other
// (runsc/cmd/sandboxsetup/caps_unsafe.go:119), and each time waits for all of
// them: some eight milliseconds, and a hundred on a machine with busy CPUs. A
// process that has just been executed has one thread, and the others get what
// that one has. So trim does it on its own thread and starts over. It keeps the
// other capabilities by making them inheritable, all but CAP_SETPCAP: a process
// without it has nothing left to trim, and the engine does not try.
//
// All of them are still dropped where the engine drops them. It has two runs:
// the first takes the client's packet, so that there is none for a third.
func trim(kind socket.Kind) {
	fd, err := socket.Find(kind)
	if err != nil || fd < 0 {
		return
	}
	keep, ok := socket.TakeBounding(fd)
	if !ok || !keepsCapabilities() {
		return
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if unix.Capget(&header, &sets[0]) != nil || sets[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return
	}
	for i := range sets {
		sets[i].Inheritable = sets[i].Permitted
	}
	sets[0].Inheritable &^= 1 << unix.CAP_SETPCAP
	if unix.Capset(&header, &sets[0]) != nil {
		return
	}
	// No process keeps this one. It would get it back from its bounding set, and
	// do all of this once more for each packet that somebody sends.
	keep &^= 1 << unix.CAP_SETPCAP
	for c := uintptr(0); c < 64; c++ {
		if keep&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
			break // the kernel knows no more
		} else if err != nil {
			return
		}
	}
	_ = unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// keepsCapabilities reports whether a program that this process executes has
// the capabilities that are inheritable: it is root's, and root is not treated
// as any other user (capabilities(7), "Capabilities and execution of programs
// by root"). In a user namespace without mappings, yet, it is not.
func keepsCapabilities() bool {
	bits, err := unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	return err == nil && bits == 0 && unix.Getuid() == 0 && unix.Geteuid() == 0
}

// Trimmed reports whether the bounding set is already smaller than what a
// process starts with.
func Trimmed() bool {
	set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_ADMIN, 0, 0, 0)
	return err == nil && set == 0
}
