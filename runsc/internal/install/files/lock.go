package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long another run may take. Any user who can open a
// directory can lock it, too.
const lockPatience = 10 * time.Second

// Lock makes the directories of files and takes a lock on each of them, which
// the returned function gives back. Locks are on the directories themselves: a
// file of its own would stay behind, and the files are replaced. wait is called
// where another run has one.
func Lock(targets []string, wait func(dir string)) (unlock func(), err error) {
	var held []*os.File
	unlock = func() {
		for _, f := range held {
			f.Close()
		}
	}
	var dirs []string
	for _, t := range targets {
		dirs = append(dirs, filepath.Dir(t))
	}
	// All take them in one order, so that two runs cannot wait for each other.
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		f, err := lock(dir, wait)
		if err != nil {
			unlock()
			return nil, err
		}
		held = append(held, f)
	}
	return unlock, nil
}

func lock(dir string, wait func(string)) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, Explain(dir, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, Explain(dir, err)
	}
	// flock(2) has no time limit, so it is asked again and again.
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock of %s: %w", dir, err)
		}
		if wait != nil {
			wait(dir)
			wait = nil
		}
		if time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("lock of %s: another process has it after %v; see who by \"lsof %s\", end it and run the command again", dir, lockPatience, dir)
		}
	}
}
