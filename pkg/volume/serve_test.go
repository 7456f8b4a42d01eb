package volume

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"golang.org/x/sys/unix"
)

func TestAsk(t *testing.T) {
	d := startDaemon(t, ServeOptions{OpenTimeout: 50 * time.Millisecond})
	for name, test := range map[string]struct {
		change func(*handoff.Request)
		info   handoff.Info
		kind   handoff.Kind
		text   string
	}{
		"plain":              {change: func(r *handoff.Request) {}},
		"root":               {info: handoff.Info{DonatesRoot: true}},
		"readonly":           {change: func(r *handoff.Request) { r.ReadOnly = true }, info: handoff.Info{ReadOnly: true}},
		"readonly-to-write":  {kind: handoff.Refused, text: "make the mount read-only"},
		"other":              {kind: handoff.UnknownVolume, text: "no volume other"},
		"secret":             {kind: handoff.Refused, text: "not for container s-1"},
		"unready":            {kind: handoff.Unavailable, text: "no such bucket"},
		"hanging":            {kind: handoff.Unavailable, text: "no answer from the backend within 50ms"},
		"panicking":          {kind: handoff.Unavailable, text: "the backend panicked: of a check"},
		"empty":              {kind: handoff.Unavailable, text: "no Open"},
		"unopenable":         {change: func(r *handoff.Request) {}}, // has no Check
		"plain-for-reading":  {change: func(r *handoff.Request) { r.ReadOnly = true }},
		"plain-for-one-only": {change: func(r *handoff.Request) { r.Exclusive = true }},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("s", name)
			if test.change != nil {
				test.change(&r)
			}
			info, err := handoff.Ask(soon(t), d.address, r)
			if test.kind != "" {
				refusedAs(t, err, test.kind, test.text)
				if l := d.await("refused"); l.Word != string(test.kind) || l.Volume != name {
					t.Errorf("observed %+v", l)
				}
				return
			}
			if err != nil || info != test.info {
				t.Errorf("%+v, %v", info, err)
			}
			if l := d.await("asked"); l.Volume != name {
				t.Errorf("observed %+v", l)
			}
		})
	}
}

// All that an attach can be refused for, said before anything is served.
func TestAttachRefused(t *testing.T) {
	d := startDaemon(t, ServeOptions{OpenTimeout: 50 * time.Millisecond, CloseTimeout: 50 * time.Millisecond})
	for name, test := range map[string]struct {
		kind handoff.Kind
		text string
	}{
		"readonly":   {handoff.Refused, "make the mount read-only"},
		"other":      {handoff.UnknownVolume, "no volume other"},
		"secret":     {handoff.Refused, "not for container s-1"},
		"unopenable": {handoff.Unavailable, "no such bucket"},
		"nil":        {handoff.Unavailable, "no volume"},
		"hanging":    {handoff.Unavailable, "not open after 50ms"},
		"panicking":  {handoff.Unavailable, "the backend panicked: of an open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.attach(request("s", name))
			refusedAs(t, err, test.kind, test.text)
			if l := d.await("refused"); l.Word != string(test.kind) || l.Volume != name || l.Sandbox != "s" {
				t.Errorf("observed %+v", l)
			}
		})
	}
	_, _, err := handoff.AttachRoot(soon(t), d.address, request("s", "other"))
	refusedAs(t, err, handoff.UnknownVolume, "no volume other")
	if answer := d.mount("s", "plain").say("volume"); !strings.HasSuffix(answer, " /data false") {
		t.Errorf("after all this: %q", answer)
	}
}

// Mounts of a sandbox share a worker, and of one volume the volume.
func TestShared(t *testing.T) {
	d := startDaemon(t, ServeOptions{IdleTimeout: time.Hour})
	readOnly := request("s", "plain")
	readOnly.ReadOnly = true
	a, b := d.mount("s", "plain"), d.mount("s", "plain-2")
	c, err := d.attach(readOnly)
	if err != nil {
		t.Fatal(err)
	}
	other := d.mount("t", "plain")
	if a.pid() != b.pid() || a.pid() != c.pid() {
		t.Error("the mounts of a sandbox have several workers")
	}
	if a.pid() == other.pid() || a.pid() == d.cmd.Process.Pid {
		t.Error("two sandboxes share a process, or one is served by the daemon itself")
	}
	objectA, objectC := strings.Fields(a.say("volume")), strings.Fields(c.say("volume"))
	if objectA[0] != objectC[0] || objectC[2] != "true" {
		t.Errorf("for one volume: %q and %q", objectA, objectC)
	}
	if objectA[0] == strings.Fields(b.say("volume"))[0] {
		t.Error("two volumes are one")
	}
	pid := a.pid()

	a.c.Close()
	d.await("unmounted")
	if again := d.mount("s", "plain"); strings.Fields(again.say("volume"))[0] != objectC[0] {
		t.Error("a volume in use was opened again")
	} else {
		again.c.Close()
		d.await("unmounted")
	}
	c.c.Close()
	if l := d.await("closed"); l.Volume != "plain" || l.PID != pid {
		t.Errorf("closed: %+v", l)
	}
	d.await("unmounted") // after its volume was closed
	last := d.mount("s", "plain")
	if l := d.await("opened"); l.Volume != "plain" || last.pid() != pid {
		t.Errorf("opened: %+v", l)
	}
}

// A Source that is read-only is another volume than one that is not.
func TestReadOnlySource(t *testing.T) {
	d := startDaemon(t, ServeOptions{})
	r := request("s", "readonly")
	r.ReadOnly = true
	m, err := d.attach(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer := m.say("volume"); !strings.HasSuffix(answer, " /data true") {
		t.Errorf("%q", answer)
	}
}

func TestIdleWorkerEnds(t *testing.T) {
	d := startDaemon(t, ServeOptions{IdleTimeout: time.Millisecond})
	m := d.mount("s", "plain")
	process := pidfd(t, m.pid())
	for range 10 { // it is not idle as long as there is a mount
		if again := d.mount("s", "plain"); again.pid() != m.pid() {
			t.Fatal("a worker with a mount was replaced")
		} else {
			again.c.Close()
		}
	}
	m.c.Close()
	if l := d.await("worker-ended"); l.Sandbox != "s" || l.Err != "<nil>" {
		t.Errorf("%+v", l)
	}
	awaitExit(t, process)
	if answer := d.mount("s", "plain").say("volume"); answer == "" {
		t.Error("no new worker")
	}
}

func TestRootDonated(t *testing.T) {
	d := startDaemon(t, ServeOptions{})
	root, c, err := handoff.AttachRoot(soon(t), d.address, request("s", "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := unix.Faccessat(int(root.Fd()), "s", unix.F_OK, 0); err != nil {
		t.Errorf("what came is another directory: %v", err)
	}
	d.await("mounted")
	if info, err := handoff.Ask(soon(t), d.address, request("s", "root")); err != nil || !info.DonatesRoot {
		t.Errorf("%+v, %v", info, err)
	}
	if l := d.await("asked"); l.Type != "asked" { // and the volume is not closed
		t.Errorf("%+v", l)
	}
	c.Close()
	d.await("closed")
	d.await("unmounted")
}

// Only root's and the daemon's own runtimes may ask, and others that are listed.
func TestPeers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	const stranger = 4711
	for name, test := range map[string]struct {
		peers []uint32
		want  string
	}{
		"not listed": {nil, "user 4711"},
		"listed":     {[]uint32{1, stranger}, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t, ServeOptions{Peers: test.peers})
			if err := os.Chmod(d.address.Path(), 0o660); err != nil {
				t.Fatal(err)
			}
			if err := askAs(t, stranger, d.address); !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("%v; want %s", err, test.want)
			}
		})
	}
}

// askAs asks as another user, on a thread that ends with it.
func askAs(t *testing.T, uid uintptr, a handoff.Address) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		// The raw call changes the thread, and not the process: credentials(7).
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			result <- errno
			return
		}
		_, err := handoff.Ask(soon(t), a, request("s", "plain"))
		result <- err
	}()
	return <-result
}
