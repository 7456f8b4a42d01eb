package volume

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAbandonedListing: what returns late does not see the place of the next
// reader. The race detector would notice.
func TestAbandonedListing(t *testing.T) {
	v := newFake()
	v.put("a", &fakeFile{})
	v.put("b", &fakeFile{})
	c := dial(t, v, MountOptions{Limits: Limits{CallTimeout: 10 * time.Millisecond}})
	dir := c.openFD(c.root, unix.O_RDONLY)
	hanging := make(chan struct{})
	v.setHook(func(context.Context, string, ID) error { <-hanging; return nil })
	_, err := dir.Getdents64(background, -4096)
	c.wantErrno("list", err, unix.ETIMEDOUT)
	v.setHook(nil)
	var names string
	for range 2 {
		page, err := dir.Getdents64(background, 30) // room for one entry
		if err != nil || len(page) != 1 {
			t.Fatalf("listed %v, %v", page, err)
		}
		names += string(page[0].Name)
		if names == "a" {
			close(hanging)
		}
	}
	if names != "ab" {
		t.Errorf("listed %q", names)
	}
}
