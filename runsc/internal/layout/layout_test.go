package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/layout"
	"golang.org/x/sys/unix"
)

func open(t *testing.T, path string) int {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func directory(t *testing.T, destination string, access directfspolicy.Access, path string) layout.Mount {
	return layout.Mount{Decision: directfspolicy.Decision{Mount: destination, Access: access}, Root: open(t, path), Directory: true}
}

// A layout that makes nothing finds the same places and leaves no trace.
func TestMakesNothing(t *testing.T) {
	rootfs, source := t.TempDir(), t.TempDir()
	for link, to := range map[string]string{"link": "not/there", "out": "../../.."} {
		if err := os.Symlink(to, filepath.Join(rootfs, link)); err != nil {
			t.Fatal(err)
		}
	}
	for destination, want := range map[string]string{
		"/a/b": "/a/b", "/link/x": "/not/there/x", "/link/../x": "/x", "/out/x": "/x", "/a/../b": "/b",
	} {
		l := layout.New(directory(t, "/", directfspolicy.LisaFS, rootfs), false)
		if got, _, err := l.Add(directory(t, destination, directfspolicy.LisaFS, source)); err != nil || got != want {
			t.Errorf("%s leads to %s, %v, want %s", destination, got, err, want)
		}
	}
	for _, dir := range []string{rootfs, source} {
		entries, err := os.ReadDir(dir)
		if err != nil || dir == source && len(entries) > 0 || dir == rootfs && len(entries) != 2 {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
}

func TestOnePlace(t *testing.T) {
	rootfs, source := t.TempDir(), t.TempDir()
	if err := os.Symlink("b", filepath.Join(rootfs, "a")); err != nil {
		t.Fatal(err)
	}
	l := layout.New(directory(t, "/", directfspolicy.LisaFS, rootfs), false)
	add := func(destination string, access directfspolicy.Access) ([]int, error) {
		t.Helper()
		_, same, err := l.Add(directory(t, destination, access, source))
		return same, err
	}
	if same, err := add("/x", directfspolicy.DirectFS); err != nil || len(same) > 0 {
		t.Errorf("first: %v, %v", same, err)
	}
	if same, err := add("/b", directfspolicy.LisaFS); err != nil || len(same) > 0 {
		t.Errorf("second: %v, %v", same, err)
	}
	if same, err := add("/a", directfspolicy.LisaFS); err != nil || !slices.Equal(same, []int{1}) {
		t.Errorf("by a link: %v, %v", same, err)
	}
	if _, err := add("/a", directfspolicy.DirectFS); !errors.Is(err, layout.ErrOnePlace) {
		t.Errorf("another decision by a link: %v", err)
	}
	if _, err := add("/", directfspolicy.LisaFS); !errors.Is(err, layout.ErrHidden) {
		t.Errorf("over all: %v", err)
	}
	// An image that the sandbox reads itself is no mount of the gofer's.
	l = layout.New(layout.Mount{Decision: directfspolicy.Decision{Access: directfspolicy.NoAccess}, Root: open(t, rootfs), Directory: true}, false)
	if _, err := add("/", directfspolicy.DirectFS); err != nil {
		t.Errorf("over an image: %v", err)
	}
}

// volume is a mount that a volume serves; nobody can walk it here.
func volume(t *testing.T, destination string) layout.Mount {
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Mounts: []directfspolicy.Mount{{Destination: destination, Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{
			{Knob: directfspolicy.GoferKnob, Key: "k", Setting: "blob/models"},
		}}},
		Backends: []string{"blob"}, Gofers: map[directfspolicy.GoferName]directfspolicy.Gofer{{Backend: "blob", Volume: "models"}: {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return layout.Mount{Decision: p.Decisions()[1], Root: layout.NoRoot, Directory: true}
}

// Names in a volume are taken as they are, whatever the directory below it has,
// and nothing is made there.
func TestVolumes(t *testing.T) {
	rootfs, source := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(rootfs, "v"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/elsewhere", filepath.Join(rootfs, "v", "link")); err != nil {
		t.Fatal(err)
	}
	l := layout.New(directory(t, "/", directfspolicy.LisaFS, rootfs), true)
	for _, m := range []struct {
		layout.Mount
		want string
	}{
		{volume(t, "/v"), "/v"},
		{directory(t, "/v/link/x", directfspolicy.LisaFS, source), "/v/link/x"},
		{directory(t, "/v/../w", directfspolicy.LisaFS, source), "/w"},
	} {
		if got, _, err := l.Add(m.Mount); err != nil || got != m.want {
			t.Errorf("%s leads to %q, %v", m.Decision.Mount, got, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(rootfs, "v")); err != nil || len(entries) != 1 {
		t.Errorf("the directory below the volume has %v, %v", entries, err)
	}
	// Of two mounts at one place, one by a volume, nobody could tell which it is.
	l = layout.New(directory(t, "/", directfspolicy.LisaFS, rootfs), false)
	if _, _, err := l.Add(directory(t, "/x", directfspolicy.LisaFS, source)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Add(volume(t, "/x")); !errors.Is(err, layout.ErrOnePlace) {
		t.Errorf("two at one place: %v", err)
	}
	// A rootfs may be a volume, too.
	l = layout.New(volume(t, "/"), true)
	if got, _, err := l.Add(directory(t, "/etc/hosts", directfspolicy.LisaFS, source)); err != nil || got != "/etc/hosts" {
		t.Errorf("%q, %v", got, err)
	}
}
