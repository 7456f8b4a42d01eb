package volumed

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	gocloud "gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:// of another program
)

// lab is a sweeper on a directory as store.
type lab struct {
	t        *testing.T
	sweeper  *sweeper
	volume   settings.Volume
	log      bytes.Buffer
	outcomes []blob.Outcome
	kept     int
	taken    int64
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, volume: settings.Volume{URL: "file://" + t.TempDir()}}
	s := &server{dir: newStateDir(t), log: slog.New(slog.NewTextHandler(&l.log, nil)),
		settings: settings.Settings{Volumes: map[string]settings.Volume{"v": l.volume}}}
	l.sweeper = newSweeper(t.Context(), s, new(events))
	l.sweeper.count = func(_ string, o blob.Outcome) { l.outcomes = append(l.outcomes, o) }
	l.sweeper.taken = func(_ string, n int64) { l.taken = n }
	l.sweeper.kept = func(_ string, n int) { l.kept = n }
	return l
}

// leave makes what a killed worker leaves: a staged file, closed by the
// application or not.
func (l *lab) leave(complete bool) (dir string) {
	l.t.Helper()
	data, release, err := l.sweeper.server.dir.use("v", "box", identity(l.volume))
	if err != nil {
		l.t.Fatal(err)
	}
	defer release()
	d, err := disk.Open(data, disk.Limits{StageBytes: 1 << 20, Changed: func(int64, int64) {}, Evicted: func() {}})
	if err != nil {
		l.t.Fatal(err)
	}
	defer d.Close()
	f, err := d.NewStaged()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := f.Mark(disk.Record{Key: "note", Complete: complete}); err != nil {
		l.t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("text"), 0); err != nil {
		l.t.Fatal(err)
	}
	f.Keep()
	return filepath.Dir(data)
}

func (l *lab) sweep() {
	l.t.Helper()
	if err := l.sweeper.wait(l.t.Context(), "v"); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) change(v settings.Volume) { l.sweeper.server.settings.Volumes["v"] = v }

func TestSweep(t *testing.T) {
	for name, tt := range map[string]struct {
		complete bool
		change   func(l *lab)
		stays    bool
		log      string
	}{
		"uploaded":   {true, func(*lab) {}, false, ""},
		"incomplete": {false, func(*lab) {}, true, "incomplete"},
		"another store": {true, func(l *lab) { l.change(settings.Volume{URL: "file://" + l.t.TempDir()}) },
			true, "the volume's settings have changed"},
		"another prefix": {true, func(l *lab) { l.change(settings.Volume{URL: l.volume.URL, Prefix: "p/"}) },
			true, "the volume's settings have changed"},
		"read-only now": {true, func(l *lab) { l.change(settings.Volume{URL: l.volume.URL, ReadOnly: true}) },
			true, "has become read-only"},
		"memory": {true, func(l *lab) { l.change(settings.Volume{URL: "mem://"}) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			dir := l.leave(tt.complete)
			tt.change(l)
			l.sweep()
			_, err := os.Stat(dir)
			if stays := !errors.Is(err, fs.ErrNotExist); stays != tt.stays || (l.kept > 0) != tt.stays {
				t.Errorf("stays: %v, %d kept; want %v\n%s", stays, l.kept, tt.stays, &l.log)
			}
			if !strings.Contains(l.log.String(), tt.log) {
				t.Errorf("log without %q:\n%s", tt.log, &l.log)
			}
			if exists := l.exists("note"); exists != (name == "uploaded") {
				t.Errorf("in the store: %v", exists)
			}
		})
	}
}

func (l *lab) exists(key string) bool {
	l.t.Helper()
	b, err := gocloud.OpenBucket(l.t.Context(), l.volume.URL)
	if err != nil {
		l.t.Fatal(err)
	}
	defer b.Close()
	ok, err := b.Exists(l.t.Context(), key)
	if err != nil {
		l.t.Fatal(err)
	}
	return ok
}

// What cannot be uploaded is not tried with every sweep.
func TestSweepAgain(t *testing.T) {
	l := newLab(t)
	l.leave(false)
	l.sweep()
	l.sweep()
	if len(l.outcomes) != 1 || l.kept != 1 {
		t.Errorf("outcomes %v, %d kept", l.outcomes, l.kept)
	}
}

// The directory of a volume that is open, or about to be, is left alone.
func TestSweepInUse(t *testing.T) {
	l := newLab(t)
	data, release, err := l.sweeper.server.dir.use("v", "box", identity(l.volume))
	if err != nil {
		t.Fatal(err)
	}
	stays := func(when string) {
		t.Helper()
		l.sweep()
		if _, err := os.Stat(filepath.Dir(data)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	stays("before it is open")
	store, err := openStore(t.Context(), l.volume)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Bucket.Close()
	v, err := blob.Open(t.Context(), config(l.volume, store, data, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	release()
	stays("while it is open")
	if err := v.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	l.sweep()
	if _, err := os.Stat(filepath.Dir(data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there after it was closed: %v", err)
	}
}

func TestUnknownVolume(t *testing.T) {
	l := newLab(t)
	dir := l.leave(true)
	l.sweeper.server.settings.Volumes = map[string]settings.Volume{"other": l.volume}
	l.sweeper.reportUnknown()
	if !strings.Contains(l.log.String(), "not in the settings") {
		t.Errorf("log:\n%s", &l.log)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
