package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// bindOnHost mounts a directory of the host at another place, as the kubelet
// does for a subPath.
func bindOnHost(t *testing.T, source, target string) {
	t.Helper()
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// A pod's off hint for a volume covers the same files by every road: the
// volume, a directory of it, a symbolic link, and a subPath, which is a bind
// mount of a directory inside it.
func TestOffHintCoversEveryRoad(t *testing.T) {
	lab := newLab(t)
	v := volume(lab, "v")
	if err := os.MkdirAll(filepath.Join(v, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	link, subPath := volume(lab, "link"), volume(lab, "subpath")
	if err := os.Symlink(v, link); err != nil {
		t.Fatal(err)
	}
	bindOnHost(t, filepath.Join(v, "sub"), subPath)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("v", v, "off"))
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"),
		harness.MountFrom(v, "/v"), harness.MountFrom(filepath.Join(v, "sub"), "/sub"), harness.MountFrom(link, "/link"),
		harness.MountFrom(subPath, "/subpath"), harness.Mount("/other"), harness.Args("serve", "/v", "/sub", "/link", "/subpath", "/other")))
	want := access{"/": true, "/v": false, "/sub": false, "/link": false, "/subpath": false, "/other": true}
	r := readReport(t, c)
	checkMountOptions(t, want, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
	stop(t, lab, pause, c)
}

// An exclusive cache is refused beside a writer that comes by a subPath.
func TestExclusiveBesideSubPath(t *testing.T) {
	lab := newLab(t)
	v, subPath := volume(lab, "v"), volume(lab, "subpath")
	if err := os.MkdirAll(filepath.Join(v, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	bindOnHost(t, filepath.Join(v, "sub"), subPath)
	b := lab.Bundle(t, harness.MountFrom(v, "/v", "rw", "cache=exclusive"), harness.MountFrom(subPath, "/sub"))
	checkRefusedBy(t, lab, lab.Runtime, `mount option cache="exclusive" (mount "/v"): another mount changes the same files; mount "/sub" writes to them (`+subPath+
		`); allowed: shared, default; write one of these for mount "/v", or make mount "/sub" read-only`, "create", "--bundle="+b.Dir)
}
