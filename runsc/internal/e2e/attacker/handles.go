package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// handles opens files of the mounts' file systems by their handles, which
// needs no path. The test gives the handles of files that must not be reached.
func (a *attack) handles() error {
	for _, fd := range append(append([]int{unix.AT_FDCWD}, a.in.Dirs...), a.in.Files...) {
		if fd != unix.AT_FDCWD {
			_, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
			a.note(err)
		}
		for _, h := range a.in.Handles {
			for _, flags := range []int{unix.O_RDONLY, unix.O_PATH, unix.O_RDONLY | unix.O_DIRECTORY, unix.O_PATH | unix.O_DIRECTORY} {
				got, err := unix.OpenByHandleAt(fd, unix.NewFileHandle(h.Type, h.Bytes), flags|unix.O_CLOEXEC)
				a.opened(got, err, fmt.Sprintf("open_by_handle_at(%d, %#x)", fd, flags))
			}
		}
	}
	return nil
}

// processes asks for what other processes have.
func (a *attack) processes() error {
	for pid := 1; pid < 64; pid++ {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			a.note(err)
			continue
		}
		a.mustFail("entering a mount namespace", unix.Setns(fd, unix.CLONE_NEWNS))
		a.mustFail("entering a user namespace", unix.Setns(fd, unix.CLONE_NEWUSER))
		unix.Close(fd)
	}
	for _, fd := range a.in.Dirs {
		a.mustFail("setns", unix.Setns(fd, 0))
	}
	return nil
}
