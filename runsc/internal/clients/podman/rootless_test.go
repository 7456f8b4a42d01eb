package podman

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// rootless is podman of a user who is not root. The runtime needs
// --ignore-cgroups where systemd does not delegate any to the user.
func rootless(t *testing.T, flags ...string) *suite.Engine {
	t.Helper()
	root := engine(t) // for the image, and so that crun is not needed below
	run := func(name string, args ...string) string { return strings.TrimSpace(root.Lab.Run(t, name, args...)) }
	if root.Try("id", "-u", "guest").Code != 0 {
		run("useradd", "-m", "guest")
	}
	runtimeDir := "/run/user/" + run("id", "-u", "guest")
	run("install", "-d", "-m", "700", "-o", "guest", runtimeDir)
	run("install", "-m", "755", root.Runsc, "/usr/local/bin/runsc")
	run("install", "-m", "644", root.Path("image.tar"), "/home/guest/image.tar")
	client := []string{"runuser", "-u", "guest", "--", "env", "-i", "-C", "/home/guest", "HOME=/home/guest", "XDG_RUNTIME_DIR=" + runtimeDir,
		"PATH=/usr/local/bin:/usr/bin:/bin", "podman", "--runtime", "/usr/local/bin/runsc"}
	for _, f := range flags {
		client = append(client, "--runtime-flag", f)
	}
	e := &suite.Engine{Lab: root.Lab, Client: client, StateRoot: runtimeDir + "/runsc", Keeper: "conmon", Remove: []string{"rm", "-f", "-t", "0"}, NoSuchCommand: 126, Annotations: true, Forgets: true}
	e.Do(t, "load", "-q", "-i", "image.tar")
	// podman keeps a process for the user's namespaces.
	t.Cleanup(func() { e.Do(t, "system", "migrate") })
	return e
}

func TestRootless(t *testing.T) {
	e := rootless(t, "ignore-cgroups")
	if r := e.Run("sh", "-c", "id -u; exit 3"); r.Code != 3 || r.Stdout != "0\n" {
		t.Fatalf("%+v", r)
	}
	lab.Leaks(t, e.Own, e.StateRoot)
	const dir = "/home/guest/a"
	e.Lab.Run(t, "install", "-d", "-o", "guest", dir)
	id := e.Start(t, append(hint("a", dir, "off"), "-v", dir+":/a", "IMAGE", "sh", "-c", "echo a >/a/f; exec sleep 1000")...)
	lab.Eventually(t, "the file", func() error { _, err := os.Stat(dir + "/f"); return err })
	if owner := e.Lab.Run(t, "stat", "-c", "%U", dir+"/f"); owner != "guest\n" {
		t.Errorf("the file belongs to %s", owner)
	}
	if line := e.Do(t, "exec", id, "grep", " /a 9p ", "/proc/mounts"); strings.Contains(line, "directfs") {
		t.Error(line)
	}
	// The user's podman has a mount namespace, in which the plan's paths lead
	// elsewhere than outside. Root is told so, and how to get there.
	verify := []string{"runsc", "--root", e.StateRoot, "policy", "verify", id}
	gofer, err := harness.ReadStatus(suite.Process(t, "runsc-gofer", id))
	if err != nil {
		t.Fatal(err)
	}
	enter := []string{"nsenter", "--mount", "--target", fmt.Sprint(gofer.PPid)}
	r := e.Try(verify[0], verify[1:]...)
	if words := strings.Join(strings.Fields(r.Stdout), " "); r.Code != 1 || !strings.Contains(words, strings.Join(enter, " ")) {
		t.Errorf("%+v", r)
	}
	r = e.Try(enter[0], append(enter[1:], verify...)...)
	if r.Code != 0 || !strings.Contains(r.Stdout, "ok       /a access: lisafs") {
		t.Errorf("%+v", r)
	}
}

// Without the flag, the reason names the cgroup that the user may not make.
func TestRootlessCgroups(t *testing.T) {
	e := rootless(t)
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skip("with cgroups of version 2, podman asks systemd")
	}
	r := e.Run("true")
	if r.Code != 126 || !strings.Contains(r.Stderr, "creating container: cannot set up cgroup for root: configuring cgroup: mkdir /sys/fs/cgroup/") {
		t.Errorf("%+v", r)
	}
}
