package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// The steps of the battery that are about names, not about content.

func (b battery) rename() error {
	if err := os.Rename(b.path("file"), b.path("renamed")); err != nil {
		return err
	}
	if err := checkAbsent(b.path("file")); err != nil {
		return err
	}
	return checkContent(b.path("renamed"), content[:100])
}

func (b battery) link() error {
	if err := os.Link(b.path("renamed"), b.path("linked")); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(b.path("linked"), &st); err != nil {
		return err
	}
	if st.Nlink != 2 {
		return fmt.Errorf("%d links, want 2", st.Nlink)
	}
	return checkContent(b.path("linked"), content[:100])
}

func (b battery) symlink() error {
	if err := os.Symlink("renamed", b.path("symbolic")); err != nil {
		return err
	}
	target, err := os.Readlink(b.path("symbolic"))
	if err != nil {
		return err
	}
	if target != "renamed" {
		return fmt.Errorf("target is %q, want %q", target, "renamed")
	}
	return checkContent(b.path("symbolic"), content[:100])
}

func (b battery) fifo() error {
	if err := unix.Mkfifo(b.path("fifo"), 0o620); err != nil {
		return err
	}
	return checkMode(b.path("fifo"), unix.S_IFIFO|0o620)
}

func (b battery) statfs() error {
	var st unix.Statfs_t
	return unix.Statfs(b.work, &st)
}

var names = []string{"fifo", "linked", "renamed", "symbolic"}

func (b battery) readdir() error {
	entries, err := os.ReadDir(b.work)
	if err != nil {
		return err
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		return fmt.Errorf("got %q, want %q", got, names)
	}
	return nil
}

func (b battery) unlink() error {
	for _, n := range names {
		if err := unix.Unlink(b.path(n)); err != nil {
			return err
		}
		if err := checkAbsent(b.path(n)); err != nil {
			return err
		}
	}
	return nil
}

func (b battery) rmdir() error {
	if err := unix.Rmdir(b.work); err != nil {
		return err
	}
	return checkAbsent(b.work)
}

func (b battery) keep() error {
	return writeSynced(filepath.Join(b.dir, report.KeptName), report.KeptText)
}
