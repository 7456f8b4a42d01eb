package main

import (
	"fmt"

	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
	"golang.org/x/sys/unix"
)

const lastCap = unix.CAP_LAST_CAP

// position writes down how to get where the sandbox is, with no more than it
// has.
func (s *sandbox) position(p *program) error {
	groups := [1]uint32{}
	p.add(unix.SYS_SETGROUPS, 0, pointer(p, &groups))
	for _, ns := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"} {
		if err := s.enter(p, ns); err != nil {
			return err
		}
	}
	if err := s.root(p); err != nil {
		return err
	}
	p.add(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	for c := uintptr(0); c <= lastCap; c++ {
		if s.status.Bounding&(1<<c) == 0 {
			p.add(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		}
	}
	p.add(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	p.add(unix.SYS_SETRESGID, uintptr(s.gid), uintptr(s.gid), uintptr(s.gid))
	p.add(unix.SYS_SETRESUID, uintptr(s.uid), uintptr(s.uid), uintptr(s.uid))
	p.setCaps(uint64(s.status.Permitted), uint64(s.status.Effective))
	return nil
}

// setCaps adds capset(2). The capabilities are made ambient, so that a user
// who is not root keeps them across exec.
func (p *program) setCaps(permitted, effective uint64) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		data[i].Permitted = uint32(permitted >> (32 * i))
		data[i].Effective = uint32(effective >> (32 * i))
		data[i].Inheritable = data[i].Permitted
	}
	p.add(unix.SYS_CAPSET, pointer(p, &hdr), pointer(p, &data))
	for c := uintptr(0); c <= lastCap; c++ {
		if effective&(1<<c) != 0 {
			p.add(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c)
		}
	}
}

// enter joins a namespace, unless it is ours already: that of a user cannot be
// joined twice.
func (s *sandbox) enter(p *program, ns string) error {
	path := fmt.Sprintf("/proc/%d/ns/%s", s.pid, ns)
	same, err := sameFile(path, "/proc/self/ns/"+ns)
	if err != nil || same {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p.add(unix.SYS_SETNS, uintptr(fd), 0)
	return nil
}

// root goes to the sandbox's root. In its mount namespace that is "/", unless
// the sandbox has called chroot(2).
func (s *sandbox) root(p *program) error {
	path := fmt.Sprintf("/proc/%d/root", s.pid)
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	mounts, err := lines(fmt.Sprintf("/proc/%d/mountinfo", s.pid))
	if err != nil {
		return err
	}
	p.add(unix.SYS_FCHDIR, uintptr(fd))
	// One mount, and that at "/": the process sees the whole namespace.
	if mounts != 1 {
		p.add(unix.SYS_CHROOT, p.text("."))
	}
	return nil
}

// checkPlace makes sure that the attacker has what the sandbox has.
func checkPlace(in job.Inner) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	if got := uint64(data[0].Effective) | uint64(data[1].Effective)<<32; got != in.Caps {
		return fmt.Errorf("the attacker has capabilities %#x, the sandbox %#x", got, in.Caps)
	}
	if got := unix.Geteuid(); got != in.UID && in.UID >= 0 {
		return fmt.Errorf("the attacker is user %d, the sandbox %d", got, in.UID)
	}
	return nil
}
