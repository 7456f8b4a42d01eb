package workload

import (
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]Workload{List, Volumes, {gitFresh}} {
		for _, w := range list {
			if seen[w.Name] {
				t.Errorf("two workloads are called %s", w.Name)
			}
			seen[w.Name] = true
		}
	}
}

// TestVolumes runs what needs no large file, on a directory of the host.
func TestVolumes(t *testing.T) {
	var list []Workload
	git, _ := exec.LookPath("git")
	tools := Tools{Git: git}
	for _, w := range Volumes {
		if !w.Slow && (w.Tool == "" || git != "") {
			list = append(list, w)
		}
	}
	dir := t.TempDir()
	if err := PrepareVolume(t.Context(), dir, list, tools); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, w := range list {
		for _, n := range w.Workers {
			a, err := Run(Request{Workload: w.Name, Workers: n, Output: "output", Tools: tools})
			if err != nil || a.Operations != w.total || a.Nanoseconds <= 0 {
				t.Errorf("%s with %d workers: %+v, %v", w.Name, n, a, err)
			}
		}
		if w.Writes == 0 {
			continue
		}
		if fi, err := os.Stat("output"); err != nil || fi.Size() != w.Writes {
			t.Errorf("%s: the file is %v, %v, want %d bytes", w.Name, fi, err, w.Writes)
		}
		if _, err := Run(Request{Workload: w.Name, Workers: 1, Output: "output"}); err == nil {
			t.Errorf("%s: no error where the file is there", w.Name)
		}
	}
	if git != "" {
		testGitNotices(t, tools)
	}
}

// A file that changed is not clean, and one whose time changed is not fresh.
func testGitNotices(t *testing.T, tools Tools) {
	file := repositoryDir + "/source/p00/m00.py"
	status, fresh := Request{Workload: GitStatus, Workers: 1, Tools: tools}, Request{Workload: GitFresh, Workers: 1, Tools: tools}
	if _, err := Run(fresh); err != nil {
		t.Errorf("after git status: %v", err)
	}
	hour := time.Now().Add(time.Hour)
	if err := os.Chtimes(file, hour, hour); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(fresh); err == nil {
		t.Error("the index is fresh after a file's time changed")
	}
	if err := os.WriteFile(file, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(status); err == nil {
		t.Error("the repository is clean after a file changed")
	}
}

// Every operation is done once, by whichever worker, and all work at once: the
// first operation of each waits for those of the others.
func TestShare(t *testing.T) {
	const total, workers = 200_000, 7
	done := make([]atomic.Int32, total)
	jobs := make([]job, workers)
	var begun sync.WaitGroup
	begun.Add(workers)
	for i := range jobs {
		jobs[i] = job{func(i int) error {
			if i < workers {
				begun.Done()
				begun.Wait()
			}
			done[i].Add(1)
			return nil
		}, nothing}
	}
	a, err := together(jobs, share(total))
	if err != nil || a.Operations != total {
		t.Errorf("%+v, %v", a, err)
	}
	for i := range done {
		if n := done[i].Load(); n != 1 {
			t.Errorf("operation %d was done %d times", i, n)
		}
	}
}
