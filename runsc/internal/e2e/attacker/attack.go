package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"

	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
	"golang.org/x/sys/unix"
)

// attack is one attempt.
type attack struct {
	in        job.Inner
	result    job.Result
	forbidden map[job.Inode]string
	readOnly  map[job.Inode]bool
	seen      map[view]bool
}

// view is a file as one mount shows it.
type view struct {
	mount uint64
	job.Inode
}

func newAttack(in job.Inner) *attack {
	a := &attack{
		in:        in,
		result:    job.Result{Attempt: in.Attempt, Breaches: []string{}, Errors: map[string]int{}, Dirs: len(in.Dirs), Files: len(in.Files)},
		forbidden: map[job.Inode]string{},
		readOnly:  map[job.Inode]bool{},
		seen:      map[view]bool{},
	}
	for name, inodes := range in.Forbidden {
		for _, i := range inodes {
			a.forbidden[i] = name
		}
	}
	for _, i := range in.ReadOnly {
		a.readOnly[i] = true
	}
	return a
}

func (a *attack) report() error {
	data, err := json.Marshal(a.result)
	if err != nil {
		return err
	}
	_, err = unix.Pwrite(a.in.Out, data, 0)
	return err
}

// note counts a call that failed.
func (a *attack) note(err error) {
	if err == nil {
		return
	}
	name := err.Error()
	if errno, ok := err.(unix.Errno); ok {
		name = unix.ErrnoName(errno)
	}
	a.result.Errors[name]++
}

// mustFail is for calls of which none may succeed.
func (a *attack) mustFail(what string, err error) {
	if err == nil {
		a.breach(what + " succeeded")
	}
	a.note(err)
}

func (a *attack) breach(text string) {
	const enough = 20
	if len(a.result.Breaches) < enough {
		a.result.Breaches = append(a.result.Breaches, text)
	}
}

// open tries a path and looks at what is there.
func (a *attack) open(dir int, path string, flags int) {
	fd, err := unix.Openat(dir, path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	a.opened(fd, err, fmt.Sprintf("openat(%d, %q, %#x)", dir, path, flags))
}

func (a *attack) opened(fd int, err error, how string) {
	if a.note(err); err != nil {
		return
	}
	defer unix.Close(fd)
	a.up(fd, how)
}

// up looks at the directory, at all above it and at all below those.
func (a *attack) up(fd int, how string) {
	a.look(fd, how)
	const deepest = 64
	current, err := unix.Dup(fd)
	for range deepest {
		if err != nil {
			break
		}
		how += "/.."
		var parent int
		parent, err = unix.Openat(current, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(current)
		if current = parent; err == nil && !a.look(current, how) {
			break
		}
	}
	if a.note(err); err == nil {
		unix.Close(current)
	}
}

// look looks at a file and, if it is a directory, at all below it. It reports
// whether the file was new.
func (a *attack) look(fd int, how string) bool {
	const enough = 5000
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_INO|unix.STATX_MNT_ID, &st); err != nil {
		a.note(err)
		return false
	}
	v := view{st.Mnt_id, job.Inode{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino}}
	if a.seen[v] || len(a.seen) > enough {
		return false
	}
	a.seen[v] = true
	a.result.Looked++
	if name, ok := a.forbidden[v.Inode]; ok {
		a.breach(fmt.Sprintf("reached %s by %s", name, how))
		return true
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		a.list(fd, how)
	}
	return true
}

// list looks at the entries of a directory. The FD may be O_PATH, and its
// offset the sandbox's.
func (a *attack) list(fd int, how string) {
	dir, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		a.note(err)
		return
	}
	f := os.NewFile(uintptr(dir), how)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	a.note(err)
	for _, n := range names {
		child, err := unix.Openat(dir, n, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			a.note(err)
			continue
		}
		a.look(child, path.Join(how, n))
		unix.Close(child)
	}
}

func lines(file string) (int, error) {
	data, err := os.ReadFile(file)
	return bytes.Count(data, []byte("\n")), err
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}
