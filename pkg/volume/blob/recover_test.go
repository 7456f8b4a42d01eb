package blob

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// A process is killed with a file in each state that it can have.
func TestRecover(t *testing.T) {
	flushFails := func(with fault) func(k *kit, h volume.WritableHandle) {
		return func(k *kit, h volume.WritableHandle) {
			k.writeAt(h, "mine", 0)
			k.failOn(RequestWrite, with)
			if h.Flush(k.ctx) == nil {
				k.t.Fatal("the flush succeeded")
			}
		}
	}
	notSent, lost := flushFails(fault{before: errFault}), flushFails(fault{after: errFault})
	for name, c := range map[string]struct {
		existing bool
		do       func(k *kit, h volume.WritableHandle)
		change   func(c *Config)
		want     Outcome // none: nothing is left
		object   string
	}{
		"never closed": {false, func(k *kit, h volume.WritableHandle) { k.writeAt(h, "mine", 0) }, nil, Incomplete, ""},
		"synced": {false, func(k *kit, h volume.WritableHandle) { k.writeAt(h, "mine", 0); k.must(h.Sync(k.ctx)) },
			nil, "", "mine"},
		"upload failed":           {false, notSent, nil, Uploaded, "mine"},
		"upload failed, existing": {true, notSent, nil, Uploaded, "mine"},
		"answer lost":             {false, lost, nil, Present, "mine"},
		"answer lost, existing":   {true, lost, nil, Present, "mine"},
		"written after a lost answer": {true, func(k *kit, h volume.WritableHandle) {
			lost(k, h)
			k.writeAt(h, "more", 4)
			k.failOn(RequestWrite, fault{before: errFault})
			h.Flush(k.ctx)
		}, nil, Uploaded, "minemore"},
		"written after a failed upload": {false, func(k *kit, h volume.WritableHandle) {
			notSent(k, h)
			k.writeAt(h, "more", 4)
		}, nil, Incomplete, ""},
		"another writer since": {true, func(k *kit, h volume.WritableHandle) {
			notSent(k, h)
			k.put("a", "theirs")
		}, nil, Conflict, "theirs"},
		"created by another since": {false, func(k *kit, h volume.WritableHandle) {
			notSent(k, h)
			k.put("a", "theirs")
		}, nil, Conflict, "theirs"},
		"removed by another since": {true, func(k *kit, h volume.WritableHandle) {
			notSent(k, h)
			k.must(k.inner.Delete(k.ctx, "a"))
		}, nil, Conflict, ""},
		"removed":       {true, func(k *kit, h volume.WritableHandle) { notSent(k, h); k.must(k.remove("a", false)) }, nil, "", ""},
		"read-only now": {false, notSent, func(c *Config) { c.ReadOnly = true }, Incomplete, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil)
			var h volume.WritableHandle
			if c.existing {
				k.put("a", "base")
				h = k.openFile("a", rw)
			} else {
				h = k.create("a")
			}
			c.do(k, h)
			k.crash()
			k.heal()
			if c.change != nil {
				c.change(&k.c)
			}
			found, err := Recover(k.ctx, k.c)
			k.must(err)
			switch {
			case c.want == "" && len(found) == 0:
			case len(found) != 1 || found[0].Outcome != c.want || found[0].Key != "a":
				t.Fatalf("found %+v, want %s", found, c.want)
			}
			if c.object != "" {
				k.wantObject("a", c.object)
			} else {
				k.wantNoObject("a")
			}
			gone := c.want == "" || c.want == Uploaded || c.want == Present || c.want == Discarded
			if left := k.staged(); gone != (len(left) == 0) {
				t.Fatalf("left: %v", left)
			}
			again, err := Recover(k.ctx, k.c)
			if err != nil || (len(again) == 0) != gone {
				t.Fatalf("the second time: %+v, %v", again, err)
			}
		})
	}
}

// What Recover keeps counts, and does not disturb the next volume.
func TestOpenBesideLeftovers(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "mine", 0)
	k.crash()
	v, err := Open(k.ctx, k.c)
	k.must(err)
	defer v.Close(k.ctx)
	if _, staged := v.(*writable).disk.Used(); staged != 4 {
		t.Fatalf("%d bytes are staged", staged)
	}
	root, err := v.Root(k.ctx)
	k.must(err)
	_, other, err := v.(volume.Writable).Create(k.ctx, root.ID, "b", volume.NewFile{}, rw)
	k.must(err)
	k.writeAt(other, "other", 0)
	k.must(other.Flush(k.ctx))
	k.must(other.Close(k.ctx))
	k.wantObject("b", "other")
	if left := k.staged(); len(left) != 2 {
		t.Fatalf("left: %v", left)
	}
}

func TestDamagedRecords(t *testing.T) {
	k := newKit(t, nil)
	dir := filepath.Join(k.c.Dir, "other")
	k.c.Dir = dir
	stage := filepath.Join(dir, "stage")
	k.must(os.MkdirAll(stage, 0o700))
	for name, content := range map[string]string{
		"1.data": "x", "1.json": "{", // damaged
		"2.data": "no record", "3.json": "{}", "4.json~": "half", "junk": "",
	} {
		k.must(os.WriteFile(filepath.Join(stage, name), []byte(content), 0o600))
	}
	found, err := Recover(k.ctx, k.c)
	if err != nil || len(found) != 1 || found[0].Outcome != Failed || found[0].Err == nil {
		t.Fatalf("%+v, %v", found, err)
	}
	if left := k.staged(); len(left) != 2 {
		t.Fatalf("left: %v", left)
	}
}

func TestCloseUploadsWhatIsStaged(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	k.must(k.v.Close(k.ctx))
	k.wantObject("a", "x")
	k.open()
}

func TestCloseKeepsWhatItCannotUpload(t *testing.T) {
	k := newKit(t, nil)
	h := k.create("a")
	k.writeAt(h, "x", 0)
	k.failOn(RequestWrite, fault{before: errFault})
	if k.v.Close(k.ctx) == nil {
		t.Fatal("no error")
	}
	k.heal()
	found, err := Recover(k.ctx, k.c)
	if err != nil || len(found) != 1 || found[0].Outcome != Uploaded {
		t.Fatalf("%+v, %v", found, err)
	}
	k.wantObject("a", "x")
	k.open()
}

func TestMultipartProgress(t *testing.T) {
	c := &counter{}
	k := newKit(t, func(cfg *Config) { cfg.Observer = c })
	content := large(3 << 20)
	k.write("a", content)
	k.wantObject("a", content)
	if c.get("progress") < 10 || c.get("uploaded") != 1 {
		t.Fatalf("%v", c.n)
	}
}

func TestTimes(t *testing.T) {
	for _, tm := range []time.Time{time.Unix(0, 0), time.Unix(1_700_000_000, 1), time.Unix(12, 500_000_000), time.Unix(-5, 0)} {
		if got := parseTime(formatTime(tm)); !got.Equal(tm) {
			t.Errorf("%v became %v", tm, got)
		}
	}
	for _, s := range []string{"", "x", "1.x", "."} {
		if got := parseTime(s); !got.IsZero() {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestUploadsAtOnceAreBounded(t *testing.T) {
	const n = 3
	k := newKit(t, func(c *Config) { c.Requests = n })
	var mu sync.Mutex
	open, most, all := 0, 0, make(chan struct{})
	k.setDuring(func(r Request, _ string) {
		if r != RequestWrite {
			return
		}
		mu.Lock()
		open++
		if most < n && open == n {
			close(all)
		}
		most = max(most, open)
		mu.Unlock()
		<-all
		mu.Lock()
		open--
		mu.Unlock()
	})
	var wg sync.WaitGroup
	for i := range 4 * n {
		h := k.create(strconv.Itoa(i))
		wg.Go(func() { k.check(h.Flush(k.ctx)); k.check(h.Close(k.ctx)) })
	}
	wg.Wait()
	if most != n {
		t.Fatalf("%d uploads at once, want %d", most, n)
	}
}
