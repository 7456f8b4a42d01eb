package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/directfs/runsc/runsc/harness"
)

// patient is for stores that fail: the library tries some requests again. What is
// read is not there already, and large files are read in ranges.
var patient = change(func(v *settings.Volume) {
	v.RequestTimeout = settings.Duration(20 * time.Second)
	v.PrefetchFiles = -1
	v.CacheObjectSize = 64 << 10
})

// impatient is for stores that do not answer.
var impatient = change(func(v *settings.Volume) { v.RequestTimeout = settings.Duration(time.Second) })

// mountDirectory mounts a directory beside the volumes.
var mountDirectory = harness.Mount("/a")

// expectOthers writes and reads in the other mounts.
func expectOthers(t *testing.T, c *harness.Container) {
	t.Helper()
	expectIn(t, c, "/a", "/o")
}

func expectIn(t *testing.T, c *harness.Container, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		guest(t, c, "write", dir+"/other", "goes on")
		expectGuest(t, c, "goes on", "cat", dir+"/other")
	}
}

// A store that does not answer is an error after its timeout, also where the
// sandbox waits in close(2), and keeps nobody else waiting.
func TestStoreHangs(t *testing.T) {
	l := newLab(t, impatient)
	l.put(t, "shelf", "unread", "text")
	c := l.script(t, []string{"open f create /v/file", "write f text", "close f", "cat /v/unread", "open f rw /v/file", "close f", "cat /v/unread"},
		mount("/v", "shelf"), mount("/o", "other"), mountDirectory)
	step(t, c, "ok")
	step(t, c, "ok")
	l.spoil(http.MethodPut, hangs)
	check(t, c.Kill(harness.Context(t), "USR1"))
	expectOthers(t, c)
	if got := line(t, c); got != "ETIMEDOUT" {
		t.Errorf("close: %s", got)
	}
	l.spoil(http.MethodGet, hangs)
	step(t, c, "ETIMEDOUT")
	l.spoil("", nil)
	step(t, c, "ok")
	step(t, c, "ok")
	step(t, c, "text")
	l.expectObject(t, "file", "text")
	l.remove(t, c)
	l.expectClean(t)
}
