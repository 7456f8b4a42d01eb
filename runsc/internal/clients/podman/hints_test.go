package podman

import (
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// hint is the arguments for one hint on a volume, called by its letter.
func hint(name, source, value string) []string {
	key := "dev.gvisor.spec.mount." + name + "."
	return []string{"--annotation", key + "source=" + source, "--annotation", key + "directfs=" + value}
}

// A container with rootfs and /b on, and /a off, under --directfs=false.
func TestMixed(t *testing.T) {
	e := engine(t, "directfs=false")
	lab.Leaks(t, e.Own, e.StateRoot)
	a, b := e.Mkdir("a"), e.Mkdir("b")
	args := []string{"-v", a + ":/a", "-v", b + ":/b", "--annotation", "dev.gvisor.spec.rootfs.directfs=on"}
	args = append(args, hint("a", a, "off")...)
	args = append(args, hint("b", b, "on")...)
	id := e.Start(t, append(args, "IMAGE", "sleep", "1000")...)

	for mount, want := range map[string]bool{"/a": false, "/b": true} {
		line := e.Do(t, "exec", id, "sh", "-c", "grep ' "+mount+" ' /proc/mounts || cat /proc/mounts")
		if got := strings.Contains(line, ",directfs"); !strings.HasPrefix(line, "none "+mount+" 9p ") || got != want {
			t.Errorf("%s: %s, want directfs: %v", mount, line, want)
		}
	}
	e.Do(t, "exec", id, "sh", "-c", "echo a >/a/f; echo b >/b/f")
	suite.HoldsOnly(t, suite.Process(t, "runsc-sandbox", id), b, a)
	r := e.Try("runsc", "policy", "verify", id)
	if r.Code != 0 || !strings.Contains(r.Stdout, "ok       /a access: lisafs") || !strings.Contains(r.Stdout, "ok       /b access: directfs") {
		t.Errorf("%+v", r)
	}
}

// Neither -v nor --mount takes an option that podman does not know.
func TestMountOptionsAreRejected(t *testing.T) {
	e := engine(t)
	dir := e.Mkdir("a")
	for option, want := range map[string]string{
		"-v=" + dir + ":/a:directfs=off":                              `invalid option type "directfs=off"`,
		"--mount=type=bind,source=" + dir + ",target=/a,directfs=off": "directfs: invalid mount option",
	} {
		if r := e.Run(option, "IMAGE", "true"); r.Code != 125 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: %+v, want %q", option, r, want)
		}
	}
}

// podman's own overlay volume, which it mounts itself: the runtime binds it.
func TestOverlayVolume(t *testing.T) {
	e := engine(t)
	lab.Leaks(t, e.Own, e.StateRoot)
	lower := e.Mkdir("lower")
	e.Write("below", "lower", "f")
	r := e.Run("-v", lower+":/o:O", "IMAGE", "sh", "-c", "cat /o/f; echo x >/o/g; ls /o; grep -c ' /o 9p .*,directfs' /proc/mounts")
	if r.Code != 0 || r.Stdout != "belowf\ng\n1\n" {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(lower + "/g"); err == nil {
		t.Error("it was written to the lower layer")
	}
}

// A volume that volumed serves, by annotations: podman's -v gives the mount, and
// its source is a name for the hint. podman wants it to be there; nothing of it
// is served.
func TestGofer(t *testing.T) {
	l := lab.New(t)
	socket := l.Path("vd.sock")
	l.Write("from the store", "store", "f")
	daemon := l.Command(t.Context(), "volumed", "serve", "--socket", socket, "--volume", "photos=file://"+l.Path("store"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Signal(os.Interrupt); _ = daemon.Wait() })
	lab.Eventually(t, "volumed's socket", func() error { _, err := os.Stat(socket); return err })

	e := engine(t, "volume-daemon=blob=unix:"+socket)
	lab.Leaks(t, e.Own, e.StateRoot)
	name, b := e.Mkdir("name"), e.Mkdir("b")
	e.Write("of the host", "name", "hidden")
	args := append(hint("b", b, "on"), "-v", name+":/photos", "-v", b+":/b",
		"--annotation", "dev.gvisor.spec.mount.photos.source="+name, "--annotation", "dev.gvisor.spec.mount.photos.gofer=blob/photos")
	id := e.Start(t, append(args, "IMAGE", "sleep", "1000")...)
	if out := e.Do(t, "exec", id, "sh", "-c", "ls /photos; cat /photos/f; echo new >/photos/g"); out != "f\nfrom the store" {
		t.Errorf("%q", out)
	}
	if text, err := os.ReadFile(l.Path("store", "g")); err != nil || string(text) != "new\n" {
		t.Errorf("in the store: %q, %v", text, err)
	}
	suite.HoldsOnly(t, suite.Process(t, "runsc-sandbox", id), b, name)
	if r := e.Try("runsc", "policy", "verify", id); r.Code != 0 {
		t.Errorf("%+v", r)
	}
}
