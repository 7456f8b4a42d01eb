package disk

import (
	"errors"
	"math"
	"syscall"
	"testing"
)

// Files without content take something too.
func TestManyEmptyFiles(t *testing.T) {
	d := open(t, 0, 100)
	var taken int64
	d.l.Room = func(bytes int64) error { taken = bytes; return nil }
	for range leastMost {
		if _, err := d.NewStaged(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.NewStaged(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("one more: %v", err)
	}
	if want := int64(leastMost * fileBytes); taken != want || d.Taken() != want {
		t.Errorf("%d and %d bytes are taken, want %d", taken, d.Taken(), want)
	}
}

func TestRoom(t *testing.T) {
	d := open(t, 0, 1000)
	f, err := d.NewStaged()
	if err != nil {
		t.Fatal(err)
	}
	d.l.Room = func(bytes int64) error {
		if bytes > fileBytes+10 {
			return errors.New("no more")
		}
		return nil
	}
	if _, err := f.WriteAt(make([]byte, 11), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a file of 11 bytes: %v", err)
	}
	if _, err := d.NewStaged(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a second file: %v", err)
	}
	if _, err := f.WriteAt(make([]byte, 10), 0); err != nil {
		t.Errorf("a file of 10 bytes: %v", err)
	}
	f.Release()
	if d.Taken() != 0 {
		t.Errorf("%d bytes are taken of nothing", d.Taken())
	}
}

// Empty files are bounded as well, those that a crash left included.
func TestStagedFilesAreBounded(t *testing.T) {
	d := open(t, 100, 100)
	var files []*File
	for range leastMost {
		f, err := d.NewStaged()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if _, err := d.NewStaged(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("one more: %v", err)
	}
	cached := fill(t, d, "a", 1)
	if err := cached.Stage(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a cached file: %v", err)
	}
	files[0].Release()
	if err := cached.Stage(); err != nil {
		t.Fatal(err)
	}
	if !cached.Unstage("a", nil) {
		t.Fatal("it does not go back")
	}
	if err := files[1].Mark(Record{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	files[1].Keep()
	for _, f := range files[2:] {
		f.Release()
	}
	cached.Release()
	d.Close()
	again, err := Open(d.path, d.l)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if d.staged != 1 || again.staged != 1 {
		t.Fatalf("%d files are staged, then %d, want 1", d.staged, again.staged)
	}
}

// Sizes whose sum overflows are too large as well.
func TestHugeSizes(t *testing.T) {
	d := open(t, 0, 100)
	var files []*File
	for range 2 {
		f, err := d.NewStaged()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Release()
		if _, err := f.WriteAt(make([]byte, 10), 0); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if err := files[0].Truncate(math.MaxInt64); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("truncate: %v", err)
	}
	if _, err := files[0].WriteAt(make([]byte, 10), math.MaxInt64-10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write: %v", err)
	}
	used(t, d, 0, 20)
}
