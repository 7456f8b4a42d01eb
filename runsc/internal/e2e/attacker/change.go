package main

import (
	"fmt"

	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
	"golang.org/x/sys/unix"
)

func inodeOf(st *unix.Stat_t) job.Inode { return job.Inode{Dev: uint64(st.Dev), Ino: st.Ino} }

// probe is a file that the attacker makes in a directory where it may.
const probe = "attackers"

// makeProbe returns whether there is a probe now.
func (a *attack) makeProbe(dir int) bool {
	fd, err := unix.Openat(dir, probe, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if a.note(err); err != nil {
		return false
	}
	return unix.Close(fd) == nil
}

func mountOf(fd int) uint64 {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return 0
	}
	return st.Mnt_id
}

// hardLinks takes files of one mount into another.
func (a *attack) hardLinks() error {
	for _, from := range a.in.Dirs {
		made := a.makeProbe(from)
		for _, to := range a.targets(from) {
			if made {
				a.mustFail(fmt.Sprintf("linkat %d to %s", from, to), to.clean(unix.Linkat(from, probe, to.dir, to.name, 0)))
			}
			a.mustFail(fmt.Sprintf("linkat of directory %d to %s", from, to), to.clean(unix.Linkat(from, "", to.dir, to.name, unix.AT_EMPTY_PATH)))
		}
		if made {
			a.note(unix.Unlinkat(from, probe, 0))
		}
	}
	for _, file := range a.in.Files {
		for _, to := range a.targets(file) {
			a.mustFail(fmt.Sprintf("linkat of file %d to %s", file, to), to.clean(unix.Linkat(file, "", to.dir, to.name, unix.AT_EMPTY_PATH)))
		}
	}
	return nil
}

// renames moves and exchanges files of one mount with another.
func (a *attack) renames() error {
	for _, from := range a.in.Dirs {
		if !a.makeProbe(from) {
			continue
		}
		for _, to := range a.targets(from) {
			for _, flags := range []uint{0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_WHITEOUT} {
				err := unix.Renameat2(from, probe, to.dir, to.name, flags)
				a.mustFail(fmt.Sprintf("renameat2 %d to %s, flags %#x", from, to, flags), err)
			}
			a.mustFail("rename of .. away", unix.Renameat2(from, "..", to.dir, to.name, 0))
		}
		a.note(unix.Unlinkat(from, probe, 0))
	}
	return nil
}

// target is a name that must not get a file of some other mount.
type target struct {
	dir  int
	name string
}

func (t target) String() string { return fmt.Sprintf("%d/%s", t.dir, t.name) }

// clean removes what must not be there.
func (t target) clean(err error) error {
	if err == nil {
		_ = unix.Unlinkat(t.dir, t.name, 0)
	}
	return err
}

// targets are names in every other mount, and outside by "..", by absolute
// paths and by planted links. A directory that is inside the file's own mount
// after all is not one.
func (a *attack) targets(from int) []target {
	var ts []target
	for _, d := range a.in.Dirs {
		for _, parent := range append([]string{".", "..", "../..", "../../..", "up", "off"}, a.in.Names...) {
			if !sameMount(from, d, parent) {
				ts = append(ts, target{d, parent + "/linked"})
			}
		}
	}
	return ts
}

func sameMount(fd, dir int, path string) bool {
	other, err := unix.Openat(dir, path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(other)
	return mountOf(other) == mountOf(fd)
}

// readOnlyWrites tries every way to change a read-only mount.
func (a *attack) readOnlyWrites() error {
	tried := false
	for _, d := range a.in.Dirs {
		if a.isReadOnly(d) {
			tried = true
			a.writeIn(d)
		}
	}
	for _, f := range a.in.Files {
		if a.isReadOnly(f) {
			tried = true
			a.writeTo(f, fmt.Sprintf("FD %d", f))
		}
	}
	if !tried {
		return fmt.Errorf("the sandbox has no FD of a read-only mount")
	}
	return nil
}

func (a *attack) isReadOnly(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && a.readOnly[inodeOf(&st)]
}

func (a *attack) writeIn(d int) {
	for _, flags := range []int{unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR | unix.O_TRUNC, unix.O_RDWR | unix.O_CREAT} {
		for _, name := range []string{"file", "created", "../d/file", "./file"} {
			if name == "created" && flags&unix.O_CREAT == 0 {
				continue
			}
			_, err := unix.Openat(d, name, flags, 0o600)
			a.mustFail(fmt.Sprintf("open %s with %#x", name, flags), err)
		}
	}
	_, err := unix.Openat(d, ".", unix.O_TMPFILE|unix.O_RDWR, 0o600)
	a.mustFail("O_TMPFILE", err)
	a.mustFail("mkdirat", unix.Mkdirat(d, "made", 0o700))
	a.mustFail("mknodat", unix.Mknodat(d, "made", unix.S_IFREG|0o600, 0))
	a.mustFail("symlinkat", unix.Symlinkat("x", d, "made"))
	a.mustFail("linkat", unix.Linkat(d, "file", d, "made", 0))
	a.mustFail("renameat", unix.Renameat2(d, "file", d, "moved", 0))
	a.mustFail("unlinkat", unix.Unlinkat(d, "file", 0))
	a.mustFail("fchmodat", unix.Fchmodat(d, "file", 0o777, 0))
	a.mustFail("fchownat", unix.Fchownat(d, "file", 1, 1, 0))
	a.mustFail("utimensat", unix.UtimesNanoAt(d, "file", make([]unix.Timespec, 2), 0))
	a.writeTo(d, fmt.Sprintf("FD %d", d))
	file, err := unix.Openat(d, "file", unix.O_RDONLY, 0)
	if a.note(err); err == nil {
		a.writeTo(file, "file of "+fmt.Sprint(d))
		unix.Close(file)
	}
}

// writeTo changes what the FD itself stands for.
func (a *attack) writeTo(fd int, what string) {
	_, err := unix.Write(fd, []byte("x"))
	a.mustFail("write to "+what, err)
	a.mustFail("ftruncate of "+what, unix.Ftruncate(fd, 0))
	a.mustFail("fallocate of "+what, unix.Fallocate(fd, 0, 0, 4096))
	a.mustFail("fchmod of "+what, unix.Fchmod(fd, 0o777))
	a.mustFail("fchown of "+what, unix.Fchown(fd, 1, 1))
	a.mustFail("fsetxattr of "+what, unix.Fsetxattr(fd, "user.x", []byte("x"), 0))
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, 0, 0, 0, 0)
	a.mustFail("futimens of "+what, asError(errno))
	_, err = unix.Openat(fd, "", unix.O_RDWR, 0)
	a.mustFail("opening "+what+" for writing", err)
	_, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDWR, 0)
	a.mustFail("opening the magic link of "+what, err)
}

func asError(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
