package blob

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// reboot makes what is staged that of a machine that was started again.
func (k *kit) reboot() {
	k.t.Helper()
	k.crash()
	for _, path := range k.staged() {
		if filepath.Ext(path) == ".json" {
			b, err := os.ReadFile(path)
			k.must(err)
			b = []byte(strings.ReplaceAll(string(b), disk.Boot(), "another"))
			k.must(os.WriteFile(path, b, 0o600))
		}
	}
}

// The machine fails during an upload: the staged file may be there in part, which
// must not replace the object.
func TestRecoverAfterReboot(t *testing.T) {
	k := newKit(t, nil, "a")
	h := k.openFile("a", rw)
	k.writeAt(h, "mine", 0)
	k.set(func(r Request, _ string) fault {
		if r == RequestWrite {
			k.reboot()
			return fault{before: errFault}
		}
		return fault{}
	})
	if h.Flush(k.ctx) == nil {
		t.Fatal("the flush succeeded")
	}
	k.heal()
	for _, path := range k.staged() {
		if filepath.Ext(path) == ".data" {
			k.must(os.Truncate(path, 2))
		}
	}
	found, err := Recover(k.ctx, k.c)
	if err != nil || len(found) != 1 || found[0].Outcome != Incomplete {
		t.Fatalf("%+v, %v", found, err)
	}
	k.wantObject("a", "content of a")
}

// What could not be uploaded is on the disk, until it is written again.
func TestRecoverKeptAfterReboot(t *testing.T) {
	for name, want := range map[string]Outcome{"kept": Uploaded, "written again": Incomplete} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil)
			h := k.failedUpload("a", "mine")
			if want == Incomplete {
				k.writeAt(h, "m", 0)
			}
			k.heal()
			k.reboot()
			found, err := Recover(k.ctx, k.c)
			if err != nil || len(found) != 1 || found[0].Outcome != want {
				t.Fatalf("%+v, %v", found, err)
			}
		})
	}
}

// Recover itself is killed after its upload.
func TestRecoverTwice(t *testing.T) {
	k := newKit(t, nil)
	k.failedUpload("a", "mine")
	k.heal()
	k.crash()
	before := k.c.Dir
	k.crash()
	for _, want := range []Outcome{Uploaded, Present} {
		found, err := Recover(k.ctx, k.c)
		if err != nil || len(found) != 1 || found[0].Outcome != want {
			t.Fatalf("%+v, %v, want %s", found, err, want)
		}
		k.c.Dir = before
	}
	k.wantObject("a", "mine")
}

// A record of another prefix is no reason to write there.
func TestRecoverOutsidePrefix(t *testing.T) {
	k := newKit(t, nil)
	k.failedUpload("a", "mine")
	k.heal()
	k.crash()
	k.c.Prefix = "other/"
	found, err := Recover(k.ctx, k.c)
	if err != nil || len(found) != 1 || found[0].Outcome != Failed {
		t.Fatalf("%+v, %v", found, err)
	}
	k.wantNoObject("a")
}

// Nothing is discarded before somebody was told of it, however old it is.
func TestRecoverDiscards(t *testing.T) {
	k := newKit(t, nil)
	k.writeAt(k.create("a"), "mine", 0)
	k.crash()
	long := time.Now().Add(-30 * 24 * time.Hour)
	for _, path := range k.staged() {
		k.must(os.Chtimes(path, long, long))
	}
	for _, c := range []struct {
		keep time.Duration
		want Outcome
	}{{time.Hour, Incomplete}, {time.Hour, Incomplete}, {1, Discarded}} {
		k.c.KeepStaged = c.keep
		found, err := Recover(k.ctx, k.c)
		if err != nil || len(found) != 1 || found[0].Outcome != c.want {
			t.Fatalf("%+v, %v, want %s", found, err, c.want)
		}
	}
	if left := k.staged(); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
}

// The same while the next attempt is made: the file is still on the disk.
func TestRecoverKeptDuringRetry(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "mine", 0)
	fails := fault{before: errFault}
	k.failOn(RequestWrite, fails)
	if h.Flush(k.ctx) == nil {
		t.Fatal("the flush succeeded")
	}
	k.set(func(r Request, _ string) fault {
		if r != RequestWrite {
			return fault{}
		}
		k.reboot()
		return fails
	})
	if h.Flush(k.ctx) == nil {
		t.Fatal("the flush succeeded")
	}
	k.heal()
	found, err := Recover(k.ctx, k.c)
	if err != nil || len(found) != 1 || found[0].Outcome != Uploaded {
		t.Fatalf("%+v, %v", found, err)
	}
}

// The application was told of another writer, whose object is removed then: the file
// of which nobody knows does not come up.
func TestConflictStaysOne(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed=%v", closed), func(t *testing.T) {
			k := newKit(t, nil)
			h := k.create("a")
			k.writeAt(h, "mine", 0)
			k.put("a", "theirs")
			k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
			if closed {
				h.Close(k.ctx)
				k.relist()
			}
			k.must(k.inner.Delete(k.ctx, "a"))
			k.crash()
			for range 2 {
				found, err := Recover(k.ctx, k.c)
				if err != nil || len(found) != 1 || found[0].Outcome != Conflict {
					t.Fatalf("%+v, %v", found, err)
				}
			}
			k.wantNoObject("a")
		})
	}
}

// The same where it was Recover that found the other's object.
func TestRecoveredConflictStaysOne(t *testing.T) {
	k := newKit(t, nil)
	k.failedUpload("a", "mine")
	k.heal()
	k.crash()
	k.put("a", "theirs")
	for _, there := range []bool{true, false} {
		if !there {
			k.must(k.inner.Delete(k.ctx, "a"))
			k.failOn(RequestAttributes, fault{before: errFault}) // which nobody asks any more
		}
		found, err := Recover(k.ctx, k.c)
		if err != nil || len(found) != 1 || found[0].Outcome != Conflict {
			t.Fatalf("%+v, %v", found, err)
		}
	}
	k.wantNoObject("a")
}

// failedUpload makes a file that the store, which fails from now on, does not have.
func (k *kit) failedUpload(path, content string) volume.WritableHandle {
	k.t.Helper()
	h := k.create(path)
	k.writeAt(h, content, 0)
	k.failOn(RequestWrite, fault{before: errFault})
	if h.Flush(k.ctx) == nil {
		k.t.Fatal("the flush succeeded")
	}
	return h
}
