package disk

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func open(t *testing.T, cache, stage int64) *Dir {
	t.Helper()
	d, err := Open(t.TempDir(), Limits{cache, stage, func(int64, int64) {}, func() {}, nil})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func fill(t *testing.T, d *Dir, key string, size int) *File {
	t.Helper()
	w, err := d.Fill()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, size)); err != nil {
		w.Abort()
		t.Fatal(err)
	}
	return commit(t, w, key)
}

func all(any) bool { return true }

// commit ends the filling of a file, and uses it.
func commit(t *testing.T, w *Filling, key string) *File {
	t.Helper()
	w.Commit(key, nil)
	f, _ := w.d.Acquire(key, all)
	if f == nil {
		t.Fatalf("%s is not cached", key)
	}
	return f
}

func used(t *testing.T, d *Dir, cache, stage int64) {
	t.Helper()
	if c, s := d.Used(); c != cache || s != stage {
		t.Fatalf("%d bytes cached, %d staged, want %d and %d", c, s, cache, stage)
	}
}

func TestEviction(t *testing.T) {
	d := open(t, 100, 0)
	fill(t, d, "a", 40).Release()
	b := fill(t, d, "b", 40)
	if f, _ := d.Acquire("a", all); f == nil {
		t.Fatal("a is not cached")
	} else {
		f.Release()
	}
	fill(t, d, "c", 30).Release()
	if d.Has("a") || !d.Has("b") {
		t.Fatal("the file in use was evicted, or the other was not")
	}
	w, err := d.Fill()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 70)); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("beside a file in use: %v", err)
	}
	w.Abort()
	b.Release()
	used(t, d, 40, 0)
	d.Drop("b")
	used(t, d, 0, 0)
}

// Room for a file is kept before it is written, and what it does not need is given
// back.
func TestExpect(t *testing.T) {
	const most = 4 * allocateFrom
	d := open(t, most, 0)
	begin := func(size int64) *Filling {
		t.Helper()
		w, err := d.Fill()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Expect(size); err != nil {
			t.Fatal(err)
		}
		return w
	}
	fill(t, d, "idle", 10).Release()
	w := begin(most)
	used(t, d, most, 0)
	if d.Has("idle") {
		t.Fatal("nothing made room")
	}
	other, err := d.Fill()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Expect(1); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("beside what is expected: %v", err)
	}
	other.Abort()
	w.Abort()
	used(t, d, 0, 0)

	w = begin(2 * allocateFrom)
	content := strings.Repeat("x", allocateFrom+7)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	f := commit(t, w, "short")
	used(t, d, allocateFrom+7, 0)
	if b, err := os.ReadFile(f.path); err != nil || string(b) != content || f.Size() != int64(len(content)) {
		t.Fatalf("%d bytes of %d, size %d, %v", len(b), len(content), f.Size(), err)
	}
	f.Release()

	w = begin(3)
	if _, err := io.WriteString(w, "longer"); err != nil {
		t.Fatal(err)
	}
	f = commit(t, w, "long")
	used(t, d, allocateFrom+7+6, 0)
	f.Release()
}

// What is not wanted is used by nobody, not even while it is looked at.
func TestUnwanted(t *testing.T) {
	d := open(t, 100, 0)
	fill(t, d, "a", 10).Release()
	if f, _ := d.Acquire("a", func(any) bool { return false }); f != nil || d.Has("a") {
		t.Fatal("it is still cached")
	}
	used(t, d, 0, 0)
}

func TestDroppedFileGoesOn(t *testing.T) {
	d := open(t, 100, 0)
	f := fill(t, d, "a", 10)
	d.Drop("a")
	used(t, d, 10, 0)
	if n, err := f.ReadAt(make([]byte, 10), 0); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	f.Release()
	used(t, d, 0, 0)
	if _, err := os.Stat(f.path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// The host's file is the same one all the time.
func TestStageAndBack(t *testing.T) {
	d := open(t, 100, 50)
	f := fill(t, d, "a", 10)
	host, err := f.Host()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	if err := f.Stage(); err != nil {
		t.Fatal(err)
	}
	used(t, d, 0, 10)
	if _, err := f.WriteAt([]byte("hello"), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 50); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	used(t, d, 0, 13)
	if err := f.Mark(Record{Key: "a"}); err != nil || f.Unstage("a", nil) {
		t.Fatal("a file with a record became a cached one: ", err)
	}
	if err := f.Unmark(); err != nil || !f.Unstage("a", nil) {
		t.Fatal(err)
	}
	used(t, d, 13, 0)
	b, err := io.ReadAll(host)
	if err != nil || string(b[8:]) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
	f.Release()
	used(t, d, 13, 0)
}

func TestLeftovers(t *testing.T) {
	d := open(t, 100, 100)
	f, err := d.NewStaged()
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("abc"), 0)
	if err := f.Mark(Record{Key: "k", Complete: true}); err != nil {
		t.Fatal(err)
	}
	other, err := d.NewStaged()
	if err != nil {
		t.Fatal(err)
	}
	other.WriteAt([]byte("no record"), 0)
	other.f.Close()
	f.Keep()
	fill(t, d, "cached", 10)
	d.Close()
	again, err := Open(d.path, Limits{100, 100, func(int64, int64) {}, func() {}, nil})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	used(t, again, 0, 3)
	left, err := again.Leftovers()
	if err != nil || len(left) != 1 || left[0].Key != "k" || left[0].Size != 3 || !left[0].Complete {
		t.Fatalf("%+v, %v", left, err)
	}
	if _, err := Open(d.path, Limits{}); !errors.Is(err, ErrBusy) {
		t.Fatalf("a second volume: %v", err)
	}
}
