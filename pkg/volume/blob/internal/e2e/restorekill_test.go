package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Whoever is killed while a container with a volume is restored, the command ends
// with an error, and leaves nothing. The store holds up the request at which it
// happens: the daemon's for the runtime, the worker's that opens the volume, and the
// worker's for the file that the container has open.
func TestKilledInRestore(t *testing.T) {
	for victim, requests := range map[string][]int64{"daemon": {1, 2, 3}, "worker": {2, 3}, "sandbox": {2, 3}} {
		for _, request := range requests {
			t.Run(fmt.Sprintf("%s, request %d", victim, request), func(t *testing.T) { killInRestore(t, victim, request) })
		}
	}
}

func killInRestore(t *testing.T, victim string, request int64) {
	l := newLab(t)
	b := l.Bundle(t, mount("/v", "shelf"), harness.Args("counter", "/v/lines"))
	c := l.Serve(t, b)
	line(t, c)
	image := filepath.Join(l.Dir, "b-image")
	check(t, os.Mkdir(image, 0o700))
	check(t, c.Checkpoint(harness.Context(t), image))
	if _, err := c.Wait(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	l.remove(t, c)
	l.expectClean(t)

	begun, proceed := make(chan struct{}), make(chan struct{})
	l.holdUp(request, begun, proceed)
	id := l.ID()
	ended := make(chan error, 1)
	go func() {
		r, err := l.Command(harness.Context(t), "restore", "--detach", "--bundle="+b.Dir, "--image-path="+image, id)
		if err == nil {
			err = r.Err()
		}
		ended <- err
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("it ended before request %d: %v", request, err)
	}
	switch victim {
	case "daemon":
		l.daemon.end(unix.SIGKILL)
	case "worker":
		check(t, unix.Kill(l.daemon.worker(t), unix.SIGKILL))
	case "sandbox":
		check(t, unix.Kill(processOf(t, id, "runsc-sandbox"), unix.SIGKILL))
	}
	close(proceed)
	err := <-ended
	if err == nil || strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("restore ended with %v", err)
	}
	if r, err := l.Command(harness.Context(t), "delete", "--force", id); err != nil || r.ExitCode != 0 {
		t.Errorf("delete: %v, %v", r.Err(), err)
	}
	l.CheckGone(t, id)
	if victim == "daemon" {
		l.startDaemon(t)
	}
	l.expectClean(t)
	again, err := l.Restore(harness.Context(t), l.ID(), b, image)
	check(t, err)
	l.Keep(t, again)
	l.remove(t, again)
	l.expectClean(t)
}

// holdUp holds up the store at a request, the first being 1.
func (l *lab) holdUp(request int64, begun, proceed chan struct{}) {
	var n atomic.Int64
	begin := sync.OnceFunc(func() { close(begun) })
	l.store.Intercept(func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == request {
				begin()
				select {
				case <-proceed:
				case <-r.Context().Done():
				}
			}
			store.ServeHTTP(w, r)
		})
	})
}

// processOf finds the process that has a container's ID and a name among its
// arguments.
func processOf(t *testing.T, id, name string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	check(t, err)
	for _, path := range all {
		text, err := os.ReadFile(path)
		args := bytes.Split(text, []byte{0})
		if err != nil || !strings.Contains(string(args[0]), name) || !bytes.Contains(text, []byte(id)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		check(t, err)
		return pid
	}
	t.Fatalf("no process %s of container %s", name, id)
	return 0
}
