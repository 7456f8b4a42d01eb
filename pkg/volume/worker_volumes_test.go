package volume

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a volume that counts how often it is open.
type counted struct {
	Volume
	open  *atomic.Int32
	close func(context.Context) error
}

func (v counted) Close(ctx context.Context) error {
	v.open.Add(-1)
	return v.close(ctx)
}

func quietVolumes() *volumes {
	return newVolumes(ServeOptions{OpenTimeout: time.Second, CloseTimeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
}

// opener opens a volume after a while, whatever its context says.
func opener(open *atomic.Int32, after time.Duration, close func(context.Context) error) func(context.Context) (Volume, error) {
	return func(context.Context) (Volume, error) {
		time.Sleep(after)
		open.Add(1)
		return counted{open: open, close: close}, nil
	}
}

func nothing(context.Context) error { return nil }

// Many come and go; the volume is open once, or not at all.
func TestVolumesShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open := quietVolumes(), new(atomic.Int32)
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for range 20 {
					v, err := vs.acquire(t.Context(), volumeKey{name: "a"}, opener(open, time.Millisecond, nothing))
					if err != nil {
						t.Error(err)
						return
					}
					if n := open.Load(); n != 1 {
						t.Errorf("it is open %d times", n)
					}
					time.Sleep(time.Duration(i%3) * time.Millisecond)
					vs.release(v)
				}
			})
		}
		all.Wait()
		if n := open.Load(); n != 0 || len(vs.all) != 0 {
			t.Errorf("at the end it is open %d times, and %d are in the list", n, len(vs.all))
		}
	})
}

// One that opens too late is closed, and the next one waits for that.
func TestVolumeOpensLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open := quietVolumes(), new(atomic.Int32)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := vs.acquire(ctx, volumeKey{name: "a"}, opener(open, 1500*time.Millisecond, nothing))
		if err == nil || !strings.Contains(err.Error(), "not open after 1s") {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		v, err := vs.acquire(t.Context(), volumeKey{name: "a"}, opener(open, 0, nothing))
		if err != nil || open.Load() != 1 {
			t.Fatalf("open %d times, %v", open.Load(), err)
		}
		vs.release(v)
	})
}

// One that does not close holds up its own next use only, and not for ever.
func TestVolumeClosesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open, closed := quietVolumes(), new(atomic.Int32), make(chan struct{})
		hang := func(context.Context) error { <-closed; return nil }
		v, err := vs.acquire(t.Context(), volumeKey{name: "a"}, opener(open, 0, hang))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		vs.release(v)
		if took := time.Since(start); took != vs.o.CloseTimeout {
			t.Errorf("it was given %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := vs.acquire(ctx, volumeKey{name: "a"}, opener(open, 0, nothing)); err == nil || !strings.Contains(err.Error(), "not closed after 1s") {
			t.Errorf("%v", err)
		}
		for _, key := range []volumeKey{{name: "b"}, {name: "a", readOnly: true}} {
			other, err := vs.acquire(t.Context(), key, opener(open, 0, nothing))
			if err != nil {
				t.Fatal(err)
			}
			vs.release(other)
		}
		close(closed)
		synctest.Wait()
		if len(vs.all) != 0 {
			t.Errorf("%d are in the list", len(vs.all))
		}
	})
}

// A failure is for those who wait for it, and not for the next one.
func TestVolumeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open := quietVolumes(), new(atomic.Int32)
		fail := func(context.Context) (Volume, error) {
			time.Sleep(time.Millisecond)
			return nil, errors.New("no bucket")
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := vs.acquire(t.Context(), volumeKey{name: "a"}, fail); err == nil || !strings.Contains(err.Error(), "no bucket") {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		v, err := vs.acquire(t.Context(), volumeKey{name: "a"}, opener(open, 0, nothing))
		if err != nil {
			t.Fatal(err)
		}
		vs.release(v)
	})
}

func TestVolumePanicsInClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open := quietVolumes(), new(atomic.Int32)
		for range 2 {
			v, err := vs.acquire(t.Context(), volumeKey{name: "a"}, opener(open, 0, func(context.Context) error { panic("of a close") }))
			if err != nil {
				t.Fatal(err)
			}
			vs.release(v)
		}
		if len(vs.all) != 0 {
			t.Errorf("%d are in the list", len(vs.all))
		}
	})
}

func TestCloseAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vs, open := quietVolumes(), new(atomic.Int32)
		for _, name := range []string{"a", "b", "c"} {
			if _, err := vs.acquire(t.Context(), volumeKey{name: name}, opener(open, 0, nothing)); err != nil {
				t.Fatal(err)
			}
		}
		vs.closeAll()
		if n := open.Load(); n != 0 {
			t.Errorf("%d are open", n)
		}
	})
}

func TestMounts(t *testing.T) {
	var m mounts
	endA, err := m.begin(1)
	if err != nil {
		t.Fatal(err)
	}
	endB, err := m.begin(2)
	if err != nil {
		t.Fatal(err)
	}
	var stopped []int
	m.stopBy(1, func() { stopped = append(stopped, 1) })
	gone := m.drain()
	if _, err := m.begin(3); err == nil {
		t.Error("one more has begun")
	}
	m.stop()
	m.stopBy(2, func() { stopped = append(stopped, 2) }) // it began to be served only now
	if len(stopped) != 2 {
		t.Errorf("stopped: %v", stopped)
	}
	endA()
	if done(gone, 0) {
		t.Error("one is left, and all are gone")
	}
	endB()
	<-gone
	if gone := new(mounts).drain(); !done(gone, time.Hour) {
		t.Error("none is left")
	}
}

func TestLastWords(t *testing.T) {
	for name, test := range map[string]struct {
		in   []string
		want string
	}{
		"nothing":   {nil, ""},
		"other":     {[]string{"hello\n", "not fatal error: x\n"}, ""},
		"fatal":     {[]string{"log\nfatal error: out of memory\n\ngoroutine 1\n"}, "fatal error: out of memory"},
		"in pieces": {[]string{"log\nfat", "al error: ", "out of memory\n\ngor"}, "fatal error: out of memory"},
		"first":     {[]string{"SIGSEGV: segmentation violation\nPC=0\nfatal error: x\n"}, "SIGSEGV: segmentation violation"},
		"panic":     {[]string{"panic: a\n\tpanic: b\n"}, "panic: a"},
		"long":      {[]string{"panic: ", strings.Repeat("a", 600), "\n", "more\n"}, "panic: " + strings.Repeat("a", 505)},
		"no end":    {[]string{"panic: a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			w := lastWords{out: &out}
			for _, s := range test.in {
				if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
					t.Fatal(n, err)
				}
			}
			if w.crash != test.want || out.String() != strings.Join(test.in, "") {
				t.Errorf("%q after %q", w.crash, out.String())
			}
		})
	}
}
