package volume

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
)

// What a worker is, as the kernel sees it.
func TestWorkerProcess(t *testing.T) {
	d := startDaemon(t, ServeOptions{OpenFiles: 123})
	m := d.mount("s", "plain")
	if value := m.say("variable"); value != "" {
		t.Errorf("its children would be workers too: %s", value)
	}
	pid := m.pid()
	for field, want := range map[string]string{
		"NoNewPrivs": "1",
		"PPid":       strconv.Itoa(d.cmd.Process.Pid),
		"Uid":        status(t, d.cmd.Process.Pid, "Uid"),
	} {
		if got := status(t, pid, field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if got := status(t, d.cmd.Process.Pid, "NoNewPrivs"); got != "0" {
		t.Errorf("the daemon's own NoNewPrivs is %s", got)
	}
	for limit, want := range map[string]string{"Max open files": "123", "Max core file size": "0"} {
		if soft, hard := rlimit(t, pid, limit); soft != want || hard != want {
			t.Errorf("%s is %s, and %s at most; want %s", limit, soft, hard, want)
		}
	}
	soft, hard := rlimit(t, pid, "Max data size")
	if n, err := strconv.ParseInt(soft, 10, 64); err != nil || n < DefaultServeOptions.Memory || soft != hard {
		t.Errorf("Max data size is %s, and %s at most; want %d and some more", soft, hard, DefaultServeOptions.Memory)
	}
}

func rlimit(t *testing.T, pid int, name string) (soft, hard string) {
	t.Helper()
	all, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(all), "\n"+name)
	fields := strings.Fields(after)
	if !found || len(fields) < 2 {
		t.Fatalf("no limit %q in\n%s", name, all)
	}
	return fields[0], fields[1]
}

// Of the daemon's FDs a worker has none but its side of the connection, and
// after a mount has ended it has as many FDs and goroutines as before.
func TestWorkerLeaksNothing(t *testing.T) {
	d := startDaemon(t, ServeOptions{IdleTimeout: time.Hour})
	first := d.mount("s", "plain")
	d.await("mounted")
	pid := first.pid()
	fds, goroutines := targets(t, pid), first.say("goroutines")
	for _, target := range fds {
		if strings.Contains(target, "lock") {
			t.Errorf("it has %s", target)
		}
	}
	daemon := d.openFDs()
	for range 5 {
		m := d.mount("s", "plain-2")
		d.await("mounted")
		m.c.Close()
		d.await("unmounted")
		_, err := d.attach(request("s", "unopenable"))
		refusedAs(t, err, handoff.Unavailable, "no such bucket")
		d.await("refused")
		root, c, err := handoff.AttachRoot(soon(t), d.address, request("s", "root"))
		if err != nil {
			t.Fatal(err)
		}
		root.Close()
		c.Close()
		d.await("unmounted")
	}
	eventually(t, func() error {
		if after := targets(t, pid); len(after) > len(fds) {
			return fmt.Errorf("it has the files %v, had %v", after, fds)
		}
		if after := first.say("goroutines"); after != goroutines {
			return fmt.Errorf("it has %s goroutines, had %s", after, goroutines)
		}
		if after := d.openFDs(); after > daemon {
			return fmt.Errorf("the daemon has %d FDs, had %d", after, daemon)
		}
		return nil
	})
}

func TestMountsAreBounded(t *testing.T) {
	d := startDaemon(t, ServeOptions{Mounts: 2})
	d.mount("s", "plain")
	m := d.mount("s", "plain")
	_, err := d.attach(request("s", "plain"))
	refusedAs(t, err, handoff.Unavailable, "2 mounts already")
	d.mount("t", "plain")
	m.c.Close()
	d.await("unmounted")
	d.mount("s", "plain")
}

func TestWorkersAreBounded(t *testing.T) {
	d := startDaemon(t, ServeOptions{Workers: 1, IdleTimeout: time.Millisecond})
	m := d.mount("s", "plain")
	_, err := d.attach(request("t", "plain"))
	refusedAs(t, err, handoff.Unavailable, "1 sandboxes already")
	d.mount("s", "plain").c.Close()
	m.c.Close()
	d.await("worker-ended")
	d.mount("t", "plain")
}

// TestEngineLogIsBounded: a sandbox cannot fill the disk of whoever keeps what the
// daemon writes.
func TestEngineLogIsBounded(t *testing.T) {
	d := startDaemon(t, ServeOptions{})
	m := d.mount("s", "plain")
	m.say("warn 10000")
	m.c.Close()
	d.end()
	if n := strings.Count(d.log.String(), "flood"); n == 0 || n > 5*reportBurst {
		t.Errorf("10000 warnings are %d in the log", n)
	}
}
