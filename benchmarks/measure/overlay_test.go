package measure

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/workload"
	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestOverlayConfigs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range OverlayConfigs {
		if seen[c.Name] || c.About == "" {
			t.Errorf("%q is there twice or says nothing about itself", c.Name)
		}
		seen[c.Name] = true
		if c.Kind == Upstream && c.Union == InSpec {
			t.Errorf("%s: upstream ignores mounts of type overlay", c.Name)
		}
		if c.Union == Plain && (c.OnOverlay || c.Type != "" || c.OneCPU) {
			t.Errorf("%s: one directory is not to be an overlay", c.Name)
		}
		if c.Union != Plain && !c.OnOverlay && c.Type != overlayType {
			t.Errorf("%s: nothing checks that an overlay is measured", c.Name)
		}
	}
	for _, name := range []string{UpstreamBind, UpstreamByHand, OursBind, OursByHand, OursHost, OursSentry} {
		list, err := SelectOverlays([]string{name})
		if err != nil || len(list) != 1 || !list[0].Quick {
			t.Errorf("%s, which goals and tables are about: %+v, %v", name, list, err)
		}
	}
	for _, name := range []string{UpstreamByHand, OursByHand, OursHost} {
		if list, err := SelectOverlays([]string{name}); err != nil || !list[0].OneCPU {
			t.Errorf("%s is not compared on one CPU", name)
		}
	}
	if _, err := SelectOverlays([]string{"nothing"}); err == nil {
		t.Error("no error for an unknown name")
	}
}

// A runtime that does not mount the overlay must not be measured.
func TestCheckOverlay(t *testing.T) {
	const shared, stale = "rw,cache=remote_revalidating,directfs", "rw,cache=remote_revalidating,overlayfs_stale_read,directfs"
	host, sentry := Config{Kind: Ours, DirectFS: true, OnOverlay: true}, Config{Kind: Ours, DirectFS: true, Type: overlayType}
	tests := []struct {
		config Config
		mount  string
		ok     bool
	}{
		{host, "none /data 9p " + stale + " 0 0", true},
		{host, "none /data 9p " + shared + " 0 0", false},
		{host, "none /data overlay " + stale + " 0 0", false},
		{sentry, "none /data overlay " + shared + " 0 0", true},
		{sentry, "none /data 9p " + shared + " 0 0", false},
		{sentry, "none /data overlay rw,cache=remote_revalidating 0 0", false},
		{Config{Kind: Runc, Type: overlayType}, "overlay /data overlay rw 0 0", true},
		{Config{Kind: Runc, Type: overlayType}, "/dev/vda /data ext4 rw 0 0", false},
		{Config{Kind: Native, Type: overlayType}, "", false},
	}
	for _, test := range tests {
		if err := test.config.check(test.mount); (err == nil) != test.ok {
			t.Errorf("%+v with %q: %v", test.config, test.mount, err)
		}
	}
}

// The measured mount is what the configuration says, and nothing else is.
func TestMeasured(t *testing.T) {
	dir := t.TempDir()
	l := &place{Config: Config{Options: []string{optionSentry}}, dir: dir}
	lowers := []string{"/l/0", "/l/1"}
	for _, test := range []struct {
		union  Union
		kind   string
		source string
		option string
	}{
		{Plain, "bind", filepath.Join(dir, "plain"), "rw"},
		{ByHand, "bind", filepath.Join(dir, "o", "m"), "rw"},
		{InSpec, overlayType, overlayType, "lowerdir=/l/0:/l/1"},
	} {
		union, err := newLayers(test.union, filepath.Join(dir, "o"), lowers)
		if err != nil {
			t.Fatal(err)
		}
		b := &harness.Bundle{Spec: &specs.Spec{}}
		if err := l.measured(union.source(filepath.Join(dir, "plain")), union)(b); err != nil {
			t.Fatal(err)
		}
		m := b.Spec.Mounts[0]
		if m.Destination != dataDir || m.Type != test.kind || m.Source != test.source || !slices.Contains(m.Options, test.option) || !slices.Contains(m.Options, optionSentry) {
			t.Errorf("%d: %+v", test.union, m)
		}
	}
}

// Overlays are mounted by hand as long as something is measured, on upper layers
// that are new every time, and gone afterwards whatever happens.
func TestMounted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	lowers, err := directories(filepath.Join(dir, "l"), 2)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(workload.WrittenDir, "file")
	if err := os.Mkdir(filepath.Join(lowers[1], workload.WrittenDir), 0o755); err != nil {
		t.Fatal(err)
	}
	union, err := newLayers(ByHand, filepath.Join(dir, "o"), lowers)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	for range 2 {
		err := mounted([]*layers{union}, func() error {
			if err := union.checkWritten(); err == nil {
				t.Error("the upper layer is not new")
			}
			if err := os.WriteFile(filepath.Join(union.point(), file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := union.checkWritten(); err != nil {
				t.Error(err)
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("error is %v", err)
		}
		if _, err := os.Stat(filepath.Join(union.point(), file)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the overlay is still mounted: %v", err)
		}
	}
	union.lowers = []string{"/nonexistent"}
	if err := mounted([]*layers{union}, func() error { t.Error("measured without the mount"); return nil }); err == nil {
		t.Error("no error for a layer that is not there")
	}
}

// A mount that stays is said to be left, so that nothing below it is removed.
func TestUnmountSaysWhatIsLeft(t *testing.T) {
	union, err := newLayers(ByHand, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := union.unmount(); !errors.Is(err, ErrLeft) || !errors.Is(err, unix.EINVAL) {
		t.Errorf("error is %v", err)
	}
}

// Without layers nothing is copied up, so there is nothing to measure.
func TestAble(t *testing.T) {
	plain, over := &guest{place: &place{}}, &guest{place: &place{union: &layers{}}}
	for _, w := range workload.Overlays {
		list := able([]*guest{plain, over}, w)
		if want := map[bool]int{true: 1, false: 2}[w.Name == workload.CopyUp]; len(list) != want || !slices.Contains(list, over) {
			t.Errorf("%s: %d guests", w.Name, len(list))
		}
	}
}

// A hundred layers fit into the page of options that mount(2) takes.
func TestOptionsOfAHundredLayers(t *testing.T) {
	dir := filepath.Join(os.TempDir(), "rb1234567890")
	var lowers []string
	for i := range 100 {
		lowers = append(lowers, filepath.Join(dir, "s", string(rune('0'+i/10))+string(rune('0'+i%10))))
	}
	union := &layers{lowers: lowers, dir: filepath.Join(dir, "c12", "s100")}
	if n := len(strings.Join(union.options(), ",")); n >= os.Getpagesize() {
		t.Errorf("%d bytes of options", n)
	}
}

// Starts have names of their own, and say what they are.
func TestLowersWorkload(t *testing.T) {
	for n, name := range map[int]string{1: "start-lowers-1", 100: "start-lowers-100"} {
		if w := lowersWorkload(n); w.Name != name || w.Kind != results.Start || w.About == "" {
			t.Errorf("%+v", w)
		}
	}
}
