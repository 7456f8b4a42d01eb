package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// A container with mounts of both kinds: what the guest says, what the sandbox
// process holds, and what verify says.
func mixed(t *testing.T, r *Road) {
	a, b, c := r.Mkdir("a"), r.Mkdir("b"), r.Mkdir("c")
	mount := func(src, dst, options string) []string {
		return []string{"--mount", "type=bind,src=" + src + ",dst=" + dst + ",options=" + options}
	}
	args := append(mount(a, "/a", "rbind:rw"), mount(b, "/b", "rbind:rw:directfs=off")...)
	args = append(args, mount(c, "/c", "rbind:rw:directfs=on:cache=shared")...)
	args = append(args, "--annotation", "dev.gvisor.spec.mount.a.source="+a, "--annotation", "dev.gvisor.spec.mount.a.directfs=off")
	id := r.Start(t, append(args, "IMAGE", "sleep", "1000")...)
	mounts := r.Exec(id, "cat", "/proc/mounts").Stdout
	for mount, want := range map[string]bool{"/a": false, "/b": false, "/c": true} {
		if line := mountLine(mounts, mount); strings.Contains(line, ",directfs") != want || !strings.Contains(line, " 9p ") {
			t.Errorf("%s: %q, want directfs: %v", mount, line, want)
		}
	}
	is(t, r.Exec(id, "sh", "-c", "for m in a b c; do echo $m >/$m/f; done"), 0, "")
	suite.HoldsOnly(t, r.Sandbox(t, id), c, a)
	suite.HoldsOnly(t, r.Sandbox(t, id), c, b)
	got := r.Try("runsc", "policy", "verify", id)
	for _, want := range []string{"verdict: ok", "ok       /a access: lisafs", "ok       /b access: lisafs", "ok       /c access: directfs"} {
		if got.Code != 0 || !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in %+v", want, got)
		}
	}
}

// mountLine is the line of a mount in /proc/mounts, the last one at the place.
func mountLine(mounts, place string) string {
	found := ""
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == place {
			found = line
		}
	}
	return found
}

// What ctr takes for the mounts of a container, and what the runtime says of it.
func options(t *testing.T, r *Road) {
	dir := r.Mkdir("o")
	for option, want := range map[string]string{
		"directfs=onn":  `create: mount option directfs="onn" (mount "/o"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		"direct-fs=off": `create: mount option="direct-fs=off" (mount "/o"): mount option not allowed; write one of directfs=on, directfs=true, directfs=off, directfs=false, directfs=default`,
		"gofer=s3/x":    `create: mount option gofer="s3/x" (mount "/o"): unknown gofer; `,
		"cache=none":    `create: mount option cache="none" (mount "/o"): invalid value; allowed: shared, exclusive, default; `,
	} {
		got := r.Run("--mount", "type=bind,src="+dir+",dst=/o,options=rbind:rw:"+option, "IMAGE", "true")
		if got.Code == 0 || !strings.Contains(got.Stderr, want) {
			t.Errorf("%s: %+v\nwant %s", option, got, want)
		}
	}
}

// All that is wrong is in the client's error, and nothing is left.
func refused(t *testing.T, r *Road) {
	dir := r.Mkdir("r")
	id := r.ID()
	got := r.Ctr(r.runArgs(id, []string{"-d", "--null-io",
		"--annotation", "dev.gvisor.spec.rootfs.directfs=Off",
		"--annotation", "dev.gvisor.spec.mount.none.directfs=off",
		"--mount", "type=bind,src=" + dir + ",dst=/r,options=rbind:rw:cache=never", "IMAGE", "sleep", "1000"})...)
	for _, want := range []string{
		`dev.gvisor.spec.rootfs.directfs="Off" (mount "/"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key`,
		`dev.gvisor.spec.mount.none.directfs="off": hint names no mount source; add dev.gvisor.spec.mount.none.source with the source of the mount that is meant`,
		`mount option cache="never" (mount "/r"): invalid value; allowed: shared, exclusive, default; write one of the allowed values or remove the key`,
	} {
		if got.Code == 0 || !strings.Contains(got.Stderr, want) {
			t.Errorf("no %q in %+v", want, got)
		}
	}
	if state := r.State(t, id); state != "" {
		t.Errorf("the refused container has a task that is %s", state)
	}
	r.Do(t, "container", "rm", id)
}

// ctr takes a mount of type overlay: its driver's options have no colons.
func ctrOverlay(t *testing.T, r *Road) {
	dir := r.Mkdir("overlay" + r.ID())
	for _, d := range []string{"lower", "upper", "work"} {
		r.Mkdir(filepath.Base(dir), d)
	}
	r.Write("below\n", filepath.Base(dir), "lower/f")
	is(t, r.Run("--mount", "type=overlay,src=overlay,dst=/o,options=lowerdir="+dir+"/lower:upperdir="+dir+"/upper:workdir="+dir+"/work", "IMAGE",
		"sh", "-c", "cat /o/f; echo above >/o/g"), 0, "below\n")
	if text, err := os.ReadFile(dir + "/upper/g"); err != nil || string(text) != "above\n" {
		t.Errorf("in the upper layer: %q, %v", text, err)
	}
}
