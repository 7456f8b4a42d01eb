package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const workerDir = "TEST_WORKER_DIR"

// A worker counts, says so, and waits to be killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(workerDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := NewCounter(dir, "photos")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c.Transferred(100, 7)
	c.Disk(50, 3)
	fmt.Println("counted")
	io.Copy(io.Discard, os.Stdin)
}

func startWorker(t *testing.T, dir string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerDir+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close() })
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("counted"))); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return kill
}

func newCollector(t *testing.T) *Collector {
	t.Helper()
	c, err := NewCollector(filepath.Join(t.TempDir(), "counts"), []string{"photos", "quiet"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Counters stay when a worker is killed, gauges do not.
func TestWorkersEnd(t *testing.T) {
	c := newCollector(t)
	expect := func(when string, down, cache uint64) {
		t.Helper()
		got := c.Sum()["photos"]
		if got == nil {
			got = make([]uint64, slots)
		}
		if got[slotDown] != down || got[slotCache] != cache {
			t.Errorf("%s: %d bytes down, %d in the cache; want %d and %d", when, got[slotDown], got[slotCache], down, cache)
		}
	}
	expect("at first", 0, 0)
	first := startWorker(t, c.dir)
	expect("with one", 100, 50)
	second := startWorker(t, c.dir)
	expect("with two", 200, 100)
	first()
	expect("one was killed", 200, 50)
	expect("and again", 200, 50)
	second()
	expect("both were killed", 200, 0)
	if left, err := os.ReadDir(c.dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestCounter(t *testing.T) {
	c := newCollector(t)
	w, err := NewCounter(c.dir, "photos")
	if err != nil {
		t.Fatal(err)
	}
	w.Requested("read", 1500*time.Millisecond, nil)
	w.Requested("read", time.Second, fmt.Errorf("wrapped: %w", context.DeadlineExceeded))
	w.Requested("write", 0, syscall.ESTALE)
	w.Requested("list", 0, syscall.EACCES)
	w.Requested("list", 0, context.Canceled)
	w.Requested("delete", 0, errors.New("other"))
	w.Requested("unheard of", 0, nil)
	w.Cached("hit")
	w.Uploading("a", 1, 2, nil)
	w.Uploading("a", 2, 2, nil)
	w.Uploading("b", 1, 2, syscall.EIO)
	w.Conflict("a")
	w.Disk(5, 6)
	want := `
# HELP volumed_cache_events_total What happened to objects in the cache on disk.
# TYPE volumed_cache_events_total counter
volumed_cache_events_total{event="hit",volume="photos"} 1
# HELP volumed_conflicts_total Times that another writer was noticed.
# TYPE volumed_conflicts_total counter
volumed_conflicts_total{volume="photos"} 1
# HELP volumed_disk_bytes Bytes on disk now, of cached and of staged files.
# TYPE volumed_disk_bytes gauge
volumed_disk_bytes{kind="cache",volume="photos"} 5
volumed_disk_bytes{kind="staged",volume="photos"} 6
# HELP volumed_request_seconds_total Time that requests to the store took.
# TYPE volumed_request_seconds_total counter
volumed_request_seconds_total{request="read",volume="photos"} 2.5
# HELP volumed_requests_total Requests to the store.
# TYPE volumed_requests_total counter
volumed_requests_total{outcome="canceled",request="list",volume="photos"} 1
volumed_requests_total{outcome="conflict",request="write",volume="photos"} 1
volumed_requests_total{outcome="denied",request="list",volume="photos"} 1
volumed_requests_total{outcome="error",request="delete",volume="photos"} 1
volumed_requests_total{outcome="ok",request="read",volume="photos"} 1
volumed_requests_total{outcome="timeout",request="read",volume="photos"} 1
# HELP volumed_uploads_total Uploads that ended.
# TYPE volumed_uploads_total counter
volumed_uploads_total{outcome="error",volume="photos"} 1
volumed_uploads_total{outcome="ok",volume="photos"} 1
`
	if err := testutil.CollectAndCompare(nonzero{c}, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
}

// nonzero leaves out the series that are zero.
type nonzero struct{ *Collector }

func (c nonzero) Collect(out chan<- prometheus.Metric) {
	all := make(chan prometheus.Metric)
	go func() {
		defer close(all)
		c.Collector.Collect(all)
	}()
	for m := range all {
		if testutil.ToFloat64(one{m}) != 0 {
			out <- m
		}
	}
}

type one struct{ m prometheus.Metric }

func (o one) Describe(out chan<- *prometheus.Desc) { out <- o.m.Desc() }
func (o one) Collect(out chan<- prometheus.Metric) { out <- o.m }

// A file that another version of the program left is not read.
func TestForeignFile(t *testing.T) {
	c := newCollector(t)
	path := filepath.Join(c.dir, "photos@1"+suffix)
	if err := os.WriteFile(path, make([]byte, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	if sums := c.Sum(); len(sums) > 0 {
		t.Errorf("sums %v", sums)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("it is still there")
	}
}
