package workload

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tree maps every path below the directory to its size and mode.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		size := fi.Size()
		if fi.IsDir() {
			size = 0 // some file systems' directories only grow
		}
		found[path] = fi.Mode().String() + " " + time.Duration(size).String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRun runs everything that needs no tool and expects the directory as it
// was: all configurations share it.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := Prepare(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	before := tree(t, dir)
	for _, w := range List {
		if w.Tool != "" {
			continue
		}
		for _, n := range w.Workers {
			a, err := Run(Request{Workload: w.Name, Workers: n, Duration: time.Millisecond})
			if err != nil {
				t.Errorf("%s with %d workers: %v", w.Name, n, err)
				continue
			}
			if a.Operations < n || a.Nanoseconds <= 0 {
				t.Errorf("%s with %d workers: %+v", w.Name, n, a)
			}
		}
	}
	after := tree(t, dir)
	if len(after) != len(before) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	for path, was := range before {
		if after[path] != was {
			t.Errorf("%s was %q, is %q", path, was, after[path])
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, r := range []Request{{Workload: "nothing", Workers: 1}, {Workload: "stat", Workers: 0}, {Workload: "stat", Workers: 9}, {Workload: "stat", Workers: 1}} {
		if a, err := Run(r); err == nil {
			t.Errorf("%+v: %+v and no error", r, a)
		}
	}
}

// Two preparations must be alike, or runs on two machines measure two things.
// The archive has bytes, sizes and names from all random numbers.
func TestArchiveIsDeterministic(t *testing.T) {
	var archives [2][]byte
	for i := range archives {
		p := newPreparation(t.TempDir())
		p.archive()
		if p.err != nil {
			t.Fatal(p.err)
		}
		data, err := os.ReadFile(filepath.Join(p.dir, archiveFile))
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = data
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives differ")
	}
	if size := len(archives[0]); size < 5<<20 || size > 8<<20 {
		t.Errorf("the archive has %d bytes; its description says 6 MiB", size)
	}
}
