package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"github.com/directfs/runsc/runsc/internal/firstprocess"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// fillLayers puts what the guest's command merged expects into the layers of
// [oneOverlay].
func fillLayers(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"l0/append": "first\n", "l1/append": "hidden\n", "l1/remove": "x", "l1/rename": "renamed\n", "l0/replace/a": "", "l1/replace/b": "", "l1/low": "low\n",
	} {
		writeFile(t, filepath.Join(dir, "ov", name), text)
	}
}

// The sandbox's overlay merges its layers, and leaves in the upper one what the
// host's overlayfs understands.
func TestFirstProcessOverlay(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(fmt.Sprint("directfs ", directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			// The overlay is root's, whoever the container's process is.
			few := []string{"CAP_DAC_OVERRIDE", "CAP_FOWNER"}
			b := lab.Bundle(t, harness.Args("merged", "/ov"), harness.Edit(func(s *specs.Spec) {
				s.Process.User = specs.User{UID: 1000, GID: 1000}
				s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: few, Effective: few, Permitted: few, Inheritable: few, Ambient: few}
			}))
			dir := staged(t, b, oneOverlay)
			fillLayers(t, dir)
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil || res.Err() != nil {
				t.Fatal(err, res.Err())
			}
			got := map[string]string{}
			if err := json.Unmarshal([]byte(res.Stdout), &got); err != nil {
				t.Fatal(err)
			}
			if want := map[string]string{"/ov/append": "first\nmore\n", "/ov/renamed": "renamed\n", "/ov/new": "new\n", "/ov/low": "low\n"}; !maps.Equal(got, want) {
				t.Errorf("the container sees %v, want %v", got, want)
			}
			checkUpper(t, filepath.Join(dir, "ov", firstprocess.UpperName), 0, 1000)
			checkReport(t, dir, nil)
		})
	}
}

// checkUpper expects what the guest's command merged leaves: what was there
// before is root's, as are whiteouts, and what is new is the user's.
func checkUpper(t *testing.T, upper string, root, user uint32) {
	t.Helper()
	for name, want := range map[string]uint32{"append": root, "remove": root, "replace": user, "new": user} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(upper, name), &st); err != nil || st.Uid != want || st.Gid != want {
			t.Errorf("upper layer has %s of %d:%d, want %d: %v", name, st.Uid, st.Gid, want, err)
		}
	}
	for name, want := range map[string]string{
		"append": "file first\nmore\n", "remove": "whiteout", "rename": "whiteout", "renamed": "file renamed\n", "new": "file new\n", "replace": "opaque",
	} {
		if got := inUpper(t, filepath.Join(upper, name)); got != want {
			t.Errorf("upper layer has at %s %q, want %q", name, got, want)
		}
	}
	entries, err := os.ReadDir(upper)
	if err != nil || len(entries) != 6 {
		t.Errorf("upper layer has %v, %v", entries, err)
	}
}

// inUpper says what the host's overlayfs makes of an entry.
func inUpper(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err.Error()
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		if st.Rdev == 0 {
			return "whiteout"
		}
	case unix.S_IFDIR:
		value := make([]byte, 10)
		if n, err := unix.Lgetxattr(path, "user.overlay.opaque", value); err == nil && string(value[:n]) == "y" {
			return "opaque"
		}
		return "directory"
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return "file " + string(text)
}

func checkReport(t *testing.T, dir string, want error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	if got := firstprocess.ReadReport(data); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("report %q says %v, want %v", data, got, want)
	}
}

// With every privilege a container gets to nothing that was staged.
func TestFirstProcessHidesLayers(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(fmt.Sprint("directfs ", directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			b := lab.Bundle(t, harness.Args("uncover", "/ov"), harness.Edit(func(s *specs.Spec) { s.Process.Capabilities = allCapabilities }))
			dir := staged(t, b, oneOverlay)
			fillLayers(t, dir)
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil || res.Err() != nil {
				t.Fatal(err, res.Err())
			}
			var got []string
			if err := json.Unmarshal([]byte(res.Stdout), &got); err != nil {
				t.Fatal(err)
			}
			// The mount points of the rootfs, which the gofer makes, have nothing
			// behind them: it mounts nothing there.
			want := []string{"[append low remove rename replace] <nil>", "[] <nil>", "[l0 l1 report runsc-first-process u] <nil>",
				"/ov/report0 <nil>", "/ov/runsc-first-process0 <nil>"}
			if !slices.Equal(got, want) {
				t.Errorf("under the overlay there is %q, want %q", got, want)
			}
		})
	}
}

// checkNested expects each mount once, the staging directory, and nothing else
// of what was staged.
func checkNested(t *testing.T, table string, readOnly bool) {
	t.Helper()
	var mounts []report.Mount
	if err := json.Unmarshal([]byte(table), &mounts); err != nil {
		t.Fatal(err)
	}
	access := map[bool]string{true: "ro", false: "rw"}[readOnly]
	got := []string{}
	for _, m := range mounts {
		if strings.HasPrefix(m.Mount, "/ov") {
			options := slices.DeleteFunc(m.Options, func(o string) bool { return !slices.Contains([]string{"ro", "rw", "nosuid", "nodev", "noexec"}, o) })
			got = append(got, fmt.Sprintln(m.Mount, m.Type, options))
		}
	}
	want := []string{"/ov tmpfs [rw]\n", "/ov overlay [" + access + " nosuid nodev]\n", "/ov/data 9p [ro]\n", "/ov/made/here tmpfs [rw noexec]\n", "/ov/file 9p [rw]\n"}
	if !slices.Equal(got, want) {
		t.Errorf("mounts are\n%swant\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
}

// Mounts of several kinds below an overlay are put into their places.
func TestFirstProcessNested(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		t.Run(fmt.Sprint("read-only ", readOnly), func(t *testing.T) {
			lab := newLab(t)
			flags := firstprocess.MountFlags{ReadOnly: readOnly, NoSUID: true, NoDev: true}
			c := firstprocess.Config{Overlays: []firstprocess.Overlay{{
				Target: "/ov", Lowers: 2, Writable: true, Flags: flags,
				Nested: []string{"/ov/data", "/ov/made/here", "/ov/file"},
			}}}
			b := lab.Bundle(t, harness.Args("mounts"), harness.Mount("/ov/m0", "ro"), harness.FileMount("/ov/m2", "of a file"),
				harness.RawMount(specs.Mount{Destination: "/ov/m1", Type: "tmpfs", Source: "tmpfs", Options: []string{"noexec"}}))
			mounts := b.Spec.Mounts
			b.Spec.Mounts = slices.DeleteFunc(slices.Clone(mounts), func(m specs.Mount) bool { return strings.HasPrefix(m.Destination, "/ov/m") })
			nested := slices.DeleteFunc(slices.Clone(mounts), func(m specs.Mount) bool { return !strings.HasPrefix(m.Destination, "/ov/m") })
			dir := staged(t, b, c)
			b.Spec.Mounts = append(b.Spec.Mounts, nested...)
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			fillLayers(t, dir)
			res, err := lab.Run(harness.Context(t), lab.ID(), b)
			if err != nil || res.Err() != nil {
				t.Fatal(err, res.Err())
			}
			checkNested(t, res.Stdout, readOnly)
			for name, want := range map[string]string{"data": "opaque", "made": "opaque", "made/here": "directory", "file": "file "} {
				if got := inUpper(t, filepath.Join(dir, "ov/u", name)); got != want {
					t.Errorf("mount point %s in the upper layer is %q, want %q", name, got, want)
				}
			}
		})
	}
}
