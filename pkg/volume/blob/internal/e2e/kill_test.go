package e2e

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// killsEnv is how often TestKill kills; a short run does it 12 times. The package
// blob has the same.
const killsEnv = "RUNSC_TEST_BLOB_KILLS"

// victims are killed in turn. After "recovery", the daemon is killed once more
// right after it was started again.
var victims = []string{"worker", "daemon", "sandbox", "gofer", "recovery"}

// caches are those of the mount, in turn.
var caches = []string{"shared", "exclusive"}

// killing is what the guest was told, and what may be in the store besides.
type killing struct {
	*lab
	stored map[string]int // by name, the last number of which close(2) succeeded
	begun  int            // the number that was being written at the end
	fresh  []string       // names since the last look
	ends   map[string]int // how the guest's last file ended
	victim string         // the last one
}

// TestKill kills the processes of a mount while the guest writes, at any moment,
// and looks whether all is there that the guest was told was stored.
func TestKill(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	k := &killing{lab: newLab(t), stored: map[string]int{}, ends: map[string]int{}}
	for i := range kills {
		k.round(t, victims[i%len(victims)], caches[i%len(caches)])
		if t.Failed() {
			return
		}
	}
	k.restart(t)
	k.fresh = slices.Collect(maps.Keys(k.stored))
	k.look(t)
	if k.begun < 2*kills {
		t.Errorf("the guest wrote %d files only", k.begun)
	}
	t.Logf("%d kills, %d files; the one under way: %v; files that workers left: %v", kills, k.begun, k.ends, k.recovered())
}

// round runs a guest and kills the victim.
func (k *killing) round(t *testing.T, victim, cache string) {
	t.Helper()
	b := k.Bundle(t, mount("/v", "shelf", "cache="+cache), harness.Args("acknowledge", "/v", strconv.Itoa(k.begun+1)))
	c, err := k.Create(harness.Context(t), k.ID(), b) // which waits for the recovery
	check(t, err)
	k.Keep(t, c)
	k.look(t)
	k.victim = victim
	check(t, c.Start(harness.Context(t)))
	k.read(t, line(t, c)) // it runs
	killed := make(chan struct{})
	time.AfterFunc(rand.N(150*time.Millisecond), func() {
		defer close(killed)
		k.kill(t, c, victim)
	})
	for {
		l, err := c.Stdout.Line(harness.Context(t))
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		k.read(t, l)
	}
	<-killed
	k.look(t)
	k.remove(t, c)
	if victim == "daemon" || victim == "recovery" {
		<-k.daemon.ended
		k.startDaemon(t)
	}
	if victim == "recovery" {
		k.daemon.end(unix.SIGKILL)
		k.startDaemon(t)
	}
	k.daemon.awaitIdle(t)
}

func (k *killing) kill(t *testing.T, c *harness.Container, victim string) {
	switch victim {
	case "sandbox":
		_ = unix.Kill(c.SandboxPID, unix.SIGKILL)
	case "gofer":
		_ = unix.Kill(c.GoferPID, unix.SIGKILL)
	case "worker":
		for _, pid := range k.daemon.workers(t) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	default:
		_ = k.daemon.cmd.Process.Kill()
	}
}

// read takes note of a line of the guest.
func (k *killing) read(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	n, err := strconv.Atoi(words[1])
	check(t, err)
	switch {
	case words[0] == "stored" && len(words) == 2:
		name, _ := harness.NumberedName(n)
		k.stored[name], k.begun = n, n+1
		k.fresh = append(k.fresh, name)
	case words[0] == "failed" && words[2] == "EIO":
		k.ends["failed"]++
	default:
		t.Fatalf("the guest says %q", line)
	}
}

// look compares what was stored with the objects.
func (k *killing) look(t *testing.T) {
	t.Helper()
	under, temporary := harness.NumberedName(k.begun)
	slices.Sort(k.fresh)
	for _, name := range slices.Compact(k.fresh) {
		number := k.stored[name]
		got, ok := k.object(t, "shelf", name)
		switch {
		case ok && bytes.Equal(got, harness.NumberedContent(number)):
		case ok && name == under && bytes.Equal(got, harness.NumberedContent(k.begun)):
			k.ends["whole"]++
			k.stored[name] = k.begun
		case ok && name == under && temporary == "" && k.partial(got):
			k.ends["partial"]++
			delete(k.stored, name) // the guest had begun to replace it
		default:
			t.Errorf("%s killed: %s, stored as %d, has %d bytes: %.20q, %v", k.victim, name, number, len(got), got, ok)
		}
	}
	k.fresh = nil
	if _, ok := k.stored[under]; ok {
		k.fresh = []string{under}
	}
}

// partial reports whether an object can be what is being written: what was synced,
// or, where the end of the sandbox closed the file, what was written.
func (k *killing) partial(got []byte) bool {
	whole := harness.NumberedContent(k.begun)
	synced := k.begun%2 == 0 && len(got) == len(whole)/2
	return bytes.HasPrefix(whole, got) && (synced || k.victim == "sandbox" || k.victim == "gofer")
}

// restart waits for the recovery of all that was left.
func (k *killing) restart(t *testing.T) {
	t.Helper()
	k.daemon.stop(t)
	k.startDaemon(t)
	c := k.script(t, nil, mount("/v", "shelf"))
	k.lab.remove(t, c)
}

// recovered counts what became of files that killed workers left.
func (k *killing) recovered() map[string]int {
	all := map[string]int{}
	for _, d := range k.daemons {
		for _, l := range strings.Split(d.text(), "\n") {
			if _, after, ok := strings.Cut(l, `"staged file of a killed process"`); ok {
				_, after, _ = strings.Cut(after, "outcome=")
				outcome, _, _ := strings.Cut(after, " ")
				all[outcome]++
			}
		}
	}
	return all
}
