package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
	"golang.org/x/sys/unix"
)

// runAttacks lets the attacker take the sandbox's place and try everything.
func runAttacks(t *testing.T, j job.Job) map[string]job.Result {
	t.Helper()
	program := harness.Program(t, "./runsc/internal/e2e/attacker")
	data, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(harness.Context(t), program)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("attacker: %v: %s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var results []job.Result
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatal(err)
	}
	byName := map[string]job.Result{}
	for _, r := range results {
		byName[r.Attempt] = r
	}
	return byName
}

// jobFor forbids what is behind the destinations, all of the host above the
// bundle's sources, and says what is read-only.
func jobFor(t *testing.T, c *harness.Container, off, readOnly []string) job.Job {
	t.Helper()
	j := job.Job{PID: c.SandboxPID, Forbidden: map[string][]job.Inode{}, Rounds: 2000}
	for _, d := range off {
		source := c.Bundle.Source(d)
		inodes := inodesBelow(t, source)
		j.Forbidden["off mount "+d] = append(j.Forbidden["off mount "+d], inodes...)
		j.Names = append(j.Names, d, strings.TrimPrefix(d, "/"), filepath.Base(d), source)
		j.Handles = append(j.Handles, handleOf(t, source))
	}
	for _, d := range c.Bundle.Binds() {
		j.Names = append(j.Names, d, d+"/planted")
	}
	for dir := c.Bundle.Dir; ; dir = filepath.Dir(dir) {
		j.Forbidden["host "+dir] = []job.Inode{inodeOf(t, dir)}
		j.Handles = append(j.Handles, handleOf(t, dir))
		if dir == "/" {
			break
		}
	}
	for _, d := range readOnly {
		j.ReadOnly = append(j.ReadOnly, inodesBelow(t, c.Bundle.Source(d))...)
	}
	return j
}

func inodeOf(t *testing.T, path string) job.Inode {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return job.Inode{Dev: uint64(st.Dev), Ino: st.Ino}
}

func inodesBelow(t *testing.T, path string) []job.Inode {
	t.Helper()
	var inodes []job.Inode
	err := filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err == nil {
			inodes = append(inodes, inodeOf(t, p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return inodes
}

// handleOf returns an empty handle where the file system has none.
func handleOf(t *testing.T, path string) job.Handle {
	t.Helper()
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return job.Handle{}
	}
	if err != nil {
		t.Fatal(err)
	}
	return job.Handle{Type: h.Type(), Bytes: h.Bytes()}
}

// plant puts into every mount what a container could put there: files, and
// links that lead out.
func plant(off []string) harness.Option {
	return func(b *harness.Bundle) error {
		for _, d := range b.Binds() {
			fi, err := os.Stat(b.Source(d))
			if errors.Is(err, fs.ErrNotExist) {
				err = os.MkdirAll(b.Source(d), 0o755)
			} else if err == nil && !fi.IsDir() {
				continue
			}
			for _, dir := range []string{b.Source(d), filepath.Join(b.Source(d), "planted")} {
				if err == nil {
					err = plantIn(dir, off)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func plantIn(dir string, off []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("planted\n"), 0o644); err != nil {
		return err
	}
	target := "/a"
	if len(off) > 0 {
		target = off[0]
	}
	for name, to := range map[string]string{
		"up": "../../../../../../../..", "absolute": "/", "off": target, "off-relative": "../.." + target,
		"magic": "/proc/self/root", "self": "/proc/self/fd",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// hostState is all that a read-only mount must keep: names, contents, modes,
// owners and times.
func hostState(t *testing.T, dir string) map[string]string {
	t.Helper()
	state := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		text := []any{st.Mode, st.Uid, st.Gid, st.Size, st.Mtim}
		if e.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = append(text, string(content))
		}
		data, err := json.Marshal(text)
		state[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func checkUnchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	if now := hostState(t, dir); !maps.Equal(now, before) {
		t.Errorf("the read-only mount's source %s changed from\n%v\nto\n%v", dir, before, now)
	}
}

// checkStopped expects the attempt to have got nowhere, and to have failed with
// one of the errors that say why.
func checkStopped(t *testing.T, r job.Result, errors ...string) {
	t.Helper()
	for _, b := range r.Breaches {
		t.Errorf("%s: %s", r.Attempt, b)
	}
	seen := slices.Sorted(maps.Keys(r.Errors))
	t.Logf("%s: %d directories, %d files taken, %d looked at, stopped with %v", r.Attempt, r.Dirs, r.Files, r.Looked, r.Errors)
	if len(errors) > 0 && !slices.ContainsFunc(errors, func(e string) bool { return slices.Contains(seen, e) }) {
		t.Errorf("%s: not stopped by any of %v, but with %v", r.Attempt, errors, seen)
	}
}
