package firstprocess

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// identity is what the engine has given to the process for the container's one.
// Only the calling thread has another in between: its program ends the others.
type identity struct {
	uid, gid int
	umask    int
	// all are the capabilities that the process was given, in each of its sets.
	all uint64
	// bound says that no_new_privs is set (prctl(2)).
	bound bool
}

// becomeRoot makes the thread the container's root with all capabilities, who
// mounts under every runtime, and returns what it was before. Nobody may trace
// the process until it executes another program: in a PID namespace that is
// shared, that would be a way to its capabilities.
func becomeRoot() (identity, error) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return identity{}, fmt.Errorf("set dumpable: %w", err)
	}
	bound, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return identity{}, fmt.Errorf("get no_new_privs: %w", err)
	}
	var sets [2]unix.CapUserData
	if err := unix.Capget(capHeader(), &sets[0]); err != nil {
		return identity{}, fmt.Errorf("capget: %w", err)
	}
	id := identity{
		uid: unix.Getuid(), gid: unix.Getgid(), umask: unix.Umask(0o022), bound: bound != 0,
		all: uint64(sets[0].Permitted) | uint64(sets[1].Permitted)<<32,
	}
	if err := setIDs(0, 0); err != nil {
		return id, fmt.Errorf("become root: %w", err)
	}
	return id, nil
}

// assume makes the thread what the container's process is, but for what
// [identity.permitted] adds until the program is executed.
func (id identity) assume(want Capabilities) error {
	defer unix.Umask(id.umask)
	want = want.within(id.all)
	if err := bound(want.Bounding, id.all); err != nil {
		return fmt.Errorf("bounding set: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	if err := setIDs(id.uid, id.gid); err != nil {
		return fmt.Errorf("become user %d:%d: %w", id.uid, id.gid, err)
	}
	if err := capset(id.permitted(want), want.Effective&want.Permitted, want.Inheritable); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	return raiseAmbient(want.Ambient & want.Permitted & want.Inheritable)
}

// permitted are the capabilities that the thread keeps as permitted ones, until
// the program is executed. Without no_new_privs they have no part in what its
// capabilities are then (capabilities(7), "Transformation of capabilities during
// execve()"), but the engine makes a process that gains some one that is not
// dumpable (pkg/sentry/kernel/task_exec.go), and does not do so to a first one.
// So it gains none.
func (id identity) permitted(want Capabilities) uint64 {
	if id.bound {
		return want.Permitted
	}
	return want.Permitted | want.Bounding | want.Inheritable
}

// within leaves out what is not in all.
func (c Capabilities) within(all uint64) Capabilities {
	return Capabilities{c.Bounding & all, c.Effective & all, c.Inheritable & all, c.Permitted & all, c.Ambient & all}
}

// setIDs sets real, effective and saved ids of this thread; the functions of the
// standard library do it on all threads, which is of no use here.
func setIDs(uid, gid int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); errno != 0 {
		return fmt.Errorf("setresgid: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		return fmt.Errorf("setresuid: %w", errno)
	}
	return nil
}

func capHeader() *unix.CapUserHeader {
	return &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
}

func capset(permitted, effective, inheritable uint64) error {
	sets := [2]unix.CapUserData{
		{Permitted: uint32(permitted), Effective: uint32(effective), Inheritable: uint32(inheritable)},
		{Permitted: uint32(permitted >> 32), Effective: uint32(effective >> 32), Inheritable: uint32(inheritable >> 32)},
	}
	return unix.Capset(capHeader(), &sets[0])
}

// bound drops what is in all, and not in keep, from the bounding set.
func bound(keep, all uint64) error {
	for c := range uint64(64) {
		if (all&^keep)&(1<<c) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

// raiseAmbient makes exactly these ambient.
func raiseAmbient(set uint64) error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear ambient capabilities: %w", err)
	}
	for c := range uint64(64) {
		if set&(1<<c) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return fmt.Errorf("raise ambient capability %d: %w", c, err)
		}
	}
	return nil
}
