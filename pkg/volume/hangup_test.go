package volume

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHangUp: a client that goes away leaves nothing, and a call that does not
// return is told of.
func TestHangUp(t *testing.T) {
	before := openFDs(t)
	v := newFake()
	v.put("file", &fakeFile{content: []byte("x")})
	c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: short}})
	for range 20 {
		c.open("file", unix.O_RDWR)
		c.openFD(c.root, unix.O_RDONLY)
	}
	s := v.stick("close")
	defer s.release()
	if err := c.hangUp(); err == nil || !strings.Contains(err.Error(), `mount "/data": calls to the volume have not returned`) {
		t.Errorf("got %v", err)
	}
	s.release()
	if err := c.mount.calls.drain(); err != nil {
		t.Error(err)
	}
	if n := v.openHandles(); n != 0 {
		t.Errorf("%d handles are open", n)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d FDs before, %d after", before, after)
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
