package volumed

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newStateDir(t *testing.T) stateDir {
	t.Helper()
	d := stateDir(filepath.Join(t.TempDir(), "state"))
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPrepare(t *testing.T) {
	d := newStateDir(t)
	if err := os.Chmod(string(d), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := d.prepare(); err == nil || !strings.Contains(err.Error(), "has the mode 0755") {
		t.Errorf("a directory that others use: %v", err)
	}
	if info, err := os.Stat(string(d)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("its mode is %v now, %v", info.Mode(), err)
	}
	if err := os.Chmod(string(d), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := stateDir("relative").prepare(); err == nil {
		t.Error("a relative path was accepted")
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(string(d), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if err := d.prepare(); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("another user's directory: %v", err)
		}
	}
}

func TestStateDirIsForOne(t *testing.T) {
	d := newStateDir(t)
	lock, err := d.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.lock(); err == nil || !strings.Contains(err.Error(), "another volumed") {
		t.Errorf("a second lock: %v", err)
	}
	lock.Close()
	if lock, err = d.lock(); err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestUse(t *testing.T) {
	d := newStateDir(t)
	for _, sandbox := range []string{"../x", "a/b", ".hidden", "..", strings.Repeat("a", 129)} {
		if _, _, err := d.use("photos", sandbox, ""); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("sandbox %q: %v", sandbox, err)
		}
	}
	one, release, err := d.use("photos", "box", "s3://photos")
	if err != nil {
		t.Fatal(err)
	}
	two, releaseTwo, err := d.use("photos", "box", "s3://photos")
	if err != nil {
		t.Fatal(err)
	}
	defer releaseTwo()
	if one == two {
		t.Error("two uses have one directory")
	}
	uses, err := d.uses("photos")
	if err != nil || len(uses) != 2 {
		t.Errorf("uses %v, %v", uses, err)
	}
	if _, err := lockDir(filepath.Dir(one)); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("locking a directory before it is released: %v", err)
	}
	release()
	lock, err := lockDir(filepath.Dir(one))
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
}

func TestRemoveBegun(t *testing.T) {
	d := newStateDir(t)
	begun := filepath.Join(d.volumes(), "photos", begun+"1")
	if err := os.MkdirAll(begun, 0o700); err != nil {
		t.Fatal(err)
	}
	if uses, err := d.uses("photos"); err != nil || len(uses) != 0 {
		t.Errorf("uses %v, %v", uses, err)
	}
	if err := d.removeBegun(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(begun); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestDefaultStateDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/home/me/state")
	want := "/home/me/state/volumed"
	if os.Geteuid() == 0 {
		want = "/var/lib/volumed"
	}
	if got := defaultStateDir(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A daemon that starts waits for the last one's workers to be gone, and removes
// at its end what holds nothing.
func TestWorkersOfTheLast(t *testing.T) {
	d := newStateDir(t)
	data, release, err := d.use("photos", "box", "")
	if err != nil {
		t.Fatal(err)
	}
	if !busy(filepath.Dir(data)) {
		t.Error("a directory in use is not busy")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.awaitWorkers(cancelled); err != nil { // gives up
		t.Error(err)
	}
	waited := make(chan error)
	go func() { waited <- d.awaitWorkers(t.Context()) }()
	release()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if busy(filepath.Dir(data)) {
		t.Error("it did not wait until the directory was free")
	}
	if err := d.removeEmpty(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
