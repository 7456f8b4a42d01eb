package overlays

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/firstprocess"
	"github.com/directfs/runsc/runsc/internal/isolation"
)

func watch(t *testing.T) (*Report, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), firstprocess.ReportName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := WatchReport(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r, file
}

func always() bool { return true }

func TestWait(t *testing.T) {
	for text, want := range map[string]string{"exec\n": "<nil>", "error: a\n": "a", "exec\nerror: b\n": "b"} {
		r, file := watch(t)
		// Closed without a word, it says nothing.
		if other, err := os.OpenFile(file.Name(), os.O_WRONLY, 0); err != nil || other.Close() != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := file.WriteString(text)
			if err = errors.Join(err, file.Close()); err != nil {
				t.Error(err)
			}
		}()
		if err := r.Wait(time.Minute, always); fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// While the report is open its last word may be still to come.
func TestWaitForTheEnd(t *testing.T) {
	r, file := watch(t)
	defer file.Close()
	if _, err := file.WriteString("exec\n"); err != nil {
		t.Fatal(err)
	}
	asked := 0
	err := r.Wait(time.Minute, func() bool {
		if asked++; asked == 2 {
			if _, err := file.WriteString("error: late\n"); err != nil {
				t.Error(err)
			}
		}
		return asked < 3
	})
	if fmt.Sprint(err) != "late" || asked != 3 {
		t.Errorf("got %v after %d times, want the last word", err, asked)
	}
}

func TestWaitForAContainerThatEnds(t *testing.T) {
	r, file := watch(t)
	defer file.Close()
	if err := r.Wait(time.Minute, func() bool { return false }); !errors.Is(err, firstprocess.ErrUnfinished) {
		t.Errorf("got %v", err)
	}
}

// Whoever keeps the report open keeps nobody waiting for ever.
func TestWaitInVain(t *testing.T) {
	r, file := watch(t)
	defer file.Close()
	if err := r.Wait(0, always); !errors.Is(err, ErrSlow) {
		t.Errorf("got %v", err)
	}
}

func TestWatchNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"none", "link"} {
		if r, err := WatchReport(filepath.Join(dir, name)); err == nil {
			r.Close()
			t.Errorf("%s: a report that is not there is watched", name)
		}
	}
}

func TestNoReport(t *testing.T) {
	var r *Report
	if err := r.Wait(0, always); err != nil {
		t.Error(err)
	}
	r.Close()
}

// A gofer that has created the container may still have another root than later.
func TestOpenReport(t *testing.T) {
	for dir, there := range map[string]bool{".": true, isolation.ServedName: true, "other": false} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, isolation.ReportName), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := openReport(root)
		if (err == nil) != there {
			t.Errorf("in %s: error %v, want none: %t", dir, err, there)
		}
		r.Close()
	}
}
