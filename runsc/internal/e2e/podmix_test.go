package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A member whose rootfs and mount differ is where the engine's one switch per
// container is not enough. With a self-backed overlay the engine keeps a file
// in each mount's source, and looks for it there when the container is deleted.
func TestPodMemberMixes(t *testing.T) {
	for _, overlay := range []string{"none", "all:self"} {
		for _, rootfs := range []string{"on", "off"} {
			t.Run(fmt.Sprintf("overlay=%s,rootfs=%s", overlay, rootfs), func(t *testing.T) {
				lab := newLab(t, "--overlay2="+overlay)
				mount := map[string]string{"on": "off", "off": "on"}[rootfs]
				pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
				c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"),
					harness.RootfsHint(rootfs), harness.Mount("/a", "rw", "directfs="+mount),
					harness.Mount("/b", "rw", "directfs=on", "cache=exclusive"), harness.Args("serve", "/", "/a", "/b")))
				want := access{"/": rootfs == "on", "/a": mount == "on", "/b": true}
				r := readReport(t, c)
				checkOpsInside(t, r)
				if overlay == "none" {
					checkOps(t, c.Bundle, r)
					checkMountOptions(t, want, r)
					checkCaches(t, r, map[string]string{"/": "exclusive", "/a": "shared", "/b": "exclusive"})
				}
				checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
				checkStoredSources(t, lab, c)
				checkFilestores(t, overlay == "all:self", c.Bundle)
				stop(t, lab, pause, c)
				checkFilestores(t, false, c.Bundle, pause.Bundle)
			})
		}
	}
}

// storedContainer is what runsc keeps of a container in its state directory.
type storedContainer struct {
	path string
	Spec specs.Spec `json:"spec"`
}

func readStored(t *testing.T, r *harness.Runtime, id string) storedContainer {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.Root, id+"_sandbox:*.state"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("state files of %s: %q, %v", id, paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	s := storedContainer{path: paths[0]}
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// checkStoredSources expects the state directory to have the mounts with the
// sources and options that the user gave them, but for the hints.
func checkStoredSources(t *testing.T, lab *harness.Lab, c *harness.Container) {
	t.Helper()
	stored := readStored(t, lab.Runtime, c.ID).Spec.Mounts
	for _, m := range stored {
		if m.Type != "bind" {
			continue
		}
		if want := c.Bundle.Source(m.Destination); m.Source != want {
			t.Errorf("stored source of %s is %q, want %q", m.Destination, m.Source, want)
		}
		if fmt.Sprint(m.Options) != "[rw]" {
			t.Errorf("stored options of %s are %q, want rw alone", m.Destination, m.Options)
		}
	}
}

// checkFilestores expects the engine's file for a self-backed overlay in every
// mount's source, or in none.
func checkFilestores(t *testing.T, want bool, bundles ...*harness.Bundle) {
	t.Helper()
	for _, b := range bundles {
		for _, d := range b.Binds() {
			found, err := filepath.Glob(filepath.Join(b.Source(d), ".gvisor.filestore.*"))
			if err != nil || len(found) > 0 != want {
				t.Errorf("files of overlays in the source of %s: %q, %v; want one: %v", d, found, err, want)
			}
		}
	}
}

// "run" for a member is create and start, each with the engine's switch as the
// member needs it.
func TestRunPodMember(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	member := func(name string, args ...string) *harness.Bundle {
		return lab.Bundle(t, harness.PodMember(pause.ID, name), harness.RootfsHint("off"),
			harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=off"), harness.Args(args...))
	}
	want := access{"/": false, "/a": true, "/b": false}

	detached, err := lab.RunDetached(harness.Context(t), lab.ID(), member("detached", "serve", "/", "/a", "/b"))
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, detached)
	r := readReport(t, detached)
	checkOps(t, detached.Bundle, r)
	checkMountOptions(t, want, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, detached: want})
	stop(t, lab, detached)

	attached := member("attached", "report", "/", "/a", "/b")
	id := lab.ID()
	res, err := lab.Run(harness.Context(t), id, attached)
	if err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	if err := json.Unmarshal([]byte(res.Stdout), &r); err != nil {
		t.Fatal(err)
	}
	checkOps(t, attached, r)
	checkMountOptions(t, want, r)
	lab.CheckGone(t, id)

	id = lab.ID()
	if res, err = lab.Run(harness.Context(t), id, member("failing", "exit", "9")); err != nil || res.ExitCode != 9 {
		t.Errorf("run returned %+v, %v, want exit code 9", res, err)
	}
	lab.CheckGone(t, id)
	stop(t, lab, pause)
}
