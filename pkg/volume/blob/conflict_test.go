package blob

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/volume"
)

// Two writers, with and without a store that knows conditions.
func TestTwoWriters(t *testing.T) {
	for _, conditions := range []bool{true, false} {
		for name, c := range map[string]struct {
			existing bool
			other    func(k *kit)
		}{
			"replaced": {true, func(k *kit) { k.put("a", "theirs") }},
			"removed":  {true, func(k *kit) { k.must(k.inner.Delete(k.ctx, "a")) }},
			"created":  {false, func(k *kit) { k.put("a", "theirs") }},
		} {
			t.Run(fmt.Sprintf("%s, conditions=%v", name, conditions), func(t *testing.T) {
				seen := &counter{}
				k := newKit(t, func(c *Config) {
					c.Observer = seen
					if !conditions {
						c.IfMatch = nil
					}
				})
				var h volume.WritableHandle
				if c.existing {
					k.put("a", "base")
					k.names("")
					h = k.openFile("a", rw)
				} else {
					h = k.create("a")
				}
				k.writeAt(h, "mine", 0)
				c.other(k)
				theirs := k.get("a")
				k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
				k.wantErr(h.Sync(k.ctx), syscall.ESTALE)
				k.wantContent(h, "mine")
				if got := k.get("a"); got != theirs {
					t.Fatalf("the other's %q became %q", theirs, got)
				}
				h.Close(k.ctx)
				if seen.get("conflict") == 0 {
					t.Fatal("the observer saw no conflict")
				}
				k.crash()
				left, err := Recover(k.ctx, k.c)
				if err != nil || len(left) != 1 || left[0].Outcome != Conflict || left[0].Size != 4 {
					t.Fatalf("%+v, %v", left, err)
				}
			})
		}
	}
}

func TestConflictFreesTheName(t *testing.T) {
	k := newKit(t, func(c *Config) { c.ListTTL = 1 })
	h := k.create("a")
	k.writeAt(h, "mine", 0)
	k.put("a", "theirs")
	k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
	h.Close(k.ctx)
	k.wantFile("a", "theirs")
}

// An upload whose answer is lost is ours when it is tried again.
func TestLostAnswer(t *testing.T) {
	for _, conditions := range []bool{true, false} {
		for _, existing := range []bool{true, false} {
			t.Run(fmt.Sprintf("existing=%v, conditions=%v", existing, conditions), func(t *testing.T) {
				k := newKit(t, func(c *Config) {
					if !conditions {
						c.IfMatch = nil
					}
				})
				var h volume.WritableHandle
				if existing {
					k.put("a", "base")
					k.names("")
					h = k.openFile("a", rw)
				} else {
					h = k.create("a")
				}
				k.writeAt(h, "first", 0)
				k.failOn(RequestWrite, fault{after: errFault})
				k.wantErr(h.Flush(k.ctx), syscall.EIO)
				k.wantObject("a", "first")
				k.writeAt(h, "again", 0)
				k.failOn(RequestAttributes, fault{})
				k.must(h.Flush(k.ctx))
				k.wantObject("a", "again")
				k.must(h.Close(k.ctx))
			})
		}
	}
}

// The same where the library of the store tries again on its own, so that the error
// is the condition's, of the second attempt.
func TestLostAnswerTriedAgain(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "text", 0)
	k.failOn(RequestWrite, fault{after: errPrecondition})
	k.must(h.Flush(k.ctx))
	k.must(h.Close(k.ctx))
	k.wantFile("a", "text")
}

func TestFailedUploadIsTriedAgain(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	k.failOn(RequestWrite, fault{before: errFault})
	k.wantErr(h.Flush(k.ctx), syscall.EIO)
	k.wantErr(h.Close(k.ctx), syscall.EIO)
	k.wantNames("", "a")
	k.wantFile("a", "x") // still staged
	k.heal()
	h = k.openFile("a", rw)
	k.must(h.Flush(k.ctx))
	k.wantObject("a", "x")
	k.must(h.Close(k.ctx))
}

// A store refuses an upload by closing the connection.
func TestConflictThatLooksLikeAFailure(t *testing.T) {
	for _, existing := range []bool{true, false} {
		t.Run(fmt.Sprintf("existing=%v", existing), func(t *testing.T) {
			k := newKit(t, nil)
			h := k.openOrCreate("a", existing)
			k.writeAt(h, "mine", 0)
			k.failOn(RequestWrite, fault{before: errFault})
			k.wantErr(h.Flush(k.ctx), syscall.EIO)
			k.put("a", "theirs")
			k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
			k.heal()
			h.Close(k.ctx)
			k.wantFile("a", "theirs")
		})
	}
}

// A file that another writer was faster to make is renamed: that is no reason to
// delete the other's.
func TestRenameOfConflict(t *testing.T) {
	for _, existing := range []bool{true, false} {
		t.Run(fmt.Sprintf("existing=%v", existing), func(t *testing.T) {
			k := newKit(t, nil)
			h := k.inConflict("a", existing)
			k.must(k.rename("a", "b"))
			k.must(h.Close(k.ctx))
			k.wantObject("a", "theirs")
			k.relist()
			k.wantFile("a", "theirs")
			k.wantFile("b", "mine")
		})
	}
}

// A file that another writer was faster to make is removed: that is no reason to
// delete the other's.
func TestRemoveOfConflict(t *testing.T) {
	for _, existing := range []bool{true, false} {
		t.Run(fmt.Sprintf("existing=%v", existing), func(t *testing.T) {
			k := newKit(t, nil)
			h := k.inConflict("a", existing)
			k.must(k.remove("a", false))
			k.must(h.Close(k.ctx))
			k.relist()
			k.wantFile("a", "theirs")
		})
	}
}

// Another writer, whose objects have no mark, replaces what was uploaded before it is
// looked at: that is not what was uploaded, whatever its size.
func TestUploadIsReplaced(t *testing.T) {
	k := newKit(t, nil)
	k.write("first", "which shows that the store keeps marks")
	h := k.create("a")
	k.writeAt(h, "mine", 0)
	k.setDuring(func(r Request, key string) {
		if r == RequestAttributes {
			k.inner.WriteAll(k.ctx, key, []byte("ours"), nil)
		}
	})
	k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
	k.setDuring(nil)
	h.Close(k.ctx)
	k.relist()
	k.wantFile("a", "ours")
}

// openOrCreate opens an object that another writer made, or makes the file.
func (k *kit) openOrCreate(path string, existing bool) volume.WritableHandle {
	k.t.Helper()
	if !existing {
		return k.create(path)
	}
	k.put(path, "base")
	return k.openFile(path, rw)
}

// inConflict returns a file with "mine", after another writer made or replaced the
// object with "theirs".
func (k *kit) inConflict(path string, existing bool) volume.WritableHandle {
	k.t.Helper()
	h := k.openOrCreate(path, existing)
	k.writeAt(h, "mine", 0)
	k.put(path, "theirs")
	k.wantErr(h.Flush(k.ctx), syscall.ESTALE)
	return h
}
