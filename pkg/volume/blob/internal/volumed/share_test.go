package volumed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

func newShare(t *testing.T, volume string, total int64) (*share, *bytes.Buffer) {
	t.Helper()
	use, err := os.MkdirTemp(volume, "use")
	if err != nil {
		t.Fatal(err)
	}
	log := new(bytes.Buffer)
	return &share{use: use, total: total, log: slog.New(slog.NewTextHandler(log, nil))}, log
}

func TestShare(t *testing.T) {
	dir := t.TempDir()
	const step, total = 1000, 1000 * shareSteps
	a, _ := newShare(t, dir, total)
	b, log := newShare(t, dir, total)
	for _, try := range []struct {
		of    *share
		bytes int64
		ok    bool
	}{
		{a, 1, true}, {a, step + 1, true}, {b, 5, true}, {b, total - 2*step + 1, false}, {b, total - 2*step, true},
		{a, 0, true}, {b, total, true}, {a, 1, false},
	} {
		if err := try.of.room(try.bytes); (err == nil) != try.ok {
			t.Errorf("%+v: %v", try, err)
		}
	}
	if n := strings.Count(log.String(), "staged-total"); n == 0 {
		t.Errorf("the log has nothing: %s", log)
	}
}

// What is refused stays so for who asks again, and is there for others.
func TestShareRefused(t *testing.T) {
	dir := t.TempDir()
	const step, total = 1000, 1000 * shareSteps
	a, _ := newShare(t, dir, total)
	b, _ := newShare(t, dir, total)
	if err := a.room(step); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a.room(total+1) == nil {
			t.Fatal("more than there is")
		}
	}
	if n, err := shares(dir); n != step || err != nil {
		t.Errorf("%d bytes are taken, %v, want %d", n, err, step)
	}
	if err := b.room(total - step); err != nil {
		t.Errorf("what another was refused: %v", err)
	}
	if a.room(step+1) == nil {
		t.Error("what another has")
	}
	if err := a.room(step); err != nil {
		t.Errorf("what it has: %v", err)
	}
}

// Sandboxes that have nothing staged any more leave room for others.
func TestIdleShares(t *testing.T) {
	dir := t.TempDir()
	const total = 1 << 30
	for range 100 {
		s, _ := newShare(t, dir, total)
		if err := errors.Join(s.room(longestStep), s.room(0)); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := newShare(t, dir, total)
	if err := s.room(total / 2); err != nil {
		t.Error(err)
	}
}

// However many grow at once, they never take more than there is.
func TestSharesAtOnce(t *testing.T) {
	dir := t.TempDir()
	const piece, total = 4 << 20, 160 << 20
	var all [4]int64
	var users sync.WaitGroup
	for i := range all {
		s, _ := newShare(t, dir, total)
		users.Go(func() {
			for all[i] < total && s.room(all[i]+piece) == nil {
				all[i] += piece
			}
		})
	}
	users.Wait()
	var sum int64
	for _, n := range all {
		sum += n
	}
	if sum > total || sum < total/2 {
		t.Errorf("%v took %d of %d", all, sum, total)
	}
}

// What a worker left counts for those that come after it, in an open volume too.
func TestStagedTotal(t *testing.T) {
	l := newLab(t)
	l.volume.StagedTotal = 4 * 4096
	l.change(l.volume)
	for range 2 {
		l.leave(false)
	}
	l.sweep()
	if l.kept != 2 || l.taken != 2*(4096+4) {
		t.Fatalf("%d files take %d bytes", l.kept, l.taken)
	}
	l.sweeper.server.settings.Volumes["v"] = l.volume
	if err := l.write("little", 100); err != nil {
		t.Errorf("a file for which there is room: %v", err)
	}
	if err := l.write("much", 5000); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a file for which there is none: %v", err)
	}
	if !strings.Contains(l.log.String(), "staged files take all of staged-total") {
		t.Error("the log does not say why")
	}
}

// write writes a file of a volume in a sandbox of its own.
func (l *lab) write(name string, size int) error {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	s := l.sweeper.server
	opened, err := s.open(ctx, volume.Request{Volume: "v", Container: "c", Sandbox: "other"}, l.volume, s.log)
	if err != nil {
		l.t.Fatal(err)
	}
	defer opened.Close(ctx)
	v := opened.(volume.Writable)
	root, err := v.Root(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	_, h, err := v.Create(ctx, root.ID, name, volume.NewFile{}, volume.OpenHow{Write: true})
	if err != nil {
		return err
	}
	_, err = h.WriteAt(ctx, make([]byte, size), 0)
	return errors.Join(err, h.Close(ctx))
}
