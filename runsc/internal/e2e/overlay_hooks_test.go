package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hookKinds are the hooks that the engine runs.
var hookKinds = []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"}

// everyHook runs a script as each of the hooks. In it, $HOOK is the hook's name.
func everyHook(script string) harness.Option {
	hook := func(name string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: append(os.Environ(), "HOOK="+name)}}
	}
	return harness.Hooks(specs.Hooks{
		//lint:ignore SA1019 docker still sends prestart hooks
		Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
		Poststart: hook("poststart"), Poststop: hook("poststop"),
	})
}

// A hook sees an overlay where it sees a bind mount: createContainer has it in the
// rootfs, the others have the empty mount point. None has a directory open, or is
// told the layers.
func TestOverlayHooks(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		for _, pod := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,pod=%v", flag(directfs), pod), func(t *testing.T) {
				lab := newLab(t, flag(directfs))
				s := newStack(t, lab, "s", 2)
				out := sub(t, volume(lab, "out"))
				b := lab.Bundle(t)
				script := "cd " + out + "; R=" + b.Rootfs() + "; cat > state.$HOOK; (cd $R/ov && echo *) > ov.$HOOK; (cd $R/a && echo *) > a.$HOOK; env > env.$HOOK; " +
					"for fd in $(seq 0 60); do [ -d /proc/self/fd/$fd ] && readlink /proc/self/fd/$fd; done > fds.$HOOK; true"
				opts := []harness.Option{harness.RootfsFrom(b.Rootfs()), s.at("/ov"), harness.Mount("/a"), mark, everyHook(script), harness.Args("serve", "/ov")}
				var pause *harness.Container
				if pod {
					pause = servePod(t, lab, lab.Runtime, directfs, harness.PodSandbox())
					opts = append(opts, harness.PodMember(pause.ID, "app"))
				}
				c := lab.Serve(t, lab.Bundle(t, opts...))
				checkOpsInside(t, readReport(t, c))
				stop(t, lab, c)
				if pod {
					stop(t, lab, pause)
				}
				for _, hook := range hookKinds {
					ov, a := "*\n", "*\n"
					if hook == "createContainer" {
						ov, a = "file in-lower0 in-lower1\n", "of-a\n"
					}
					seen := func(what string) string { return readFile(t, filepath.Join(out, what+"."+hook)) }
					if got := seen("ov"); got != ov {
						t.Errorf("%s sees in the overlay %q, want %q", hook, got, ov)
					}
					if got := seen("a"); got != a {
						t.Errorf("%s sees in the bind mount %q, want %q", hook, got, a)
					}
					if got := seen("state") + seen("env"); strings.Contains(got, s.upper) || strings.Contains(got, "lowerdir") {
						t.Errorf("%s is told the layers: %s", hook, got)
					}
					if got := seen("fds"); got != "" {
						t.Errorf("%s has directories open: %s", hook, got)
					}
				}
				s.checkUnlocked(t)
			})
		}
	}
}

// What is shown of a container has nothing of its layers, and nothing of the plan.
func TestOverlayCommands(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs), "--network=host")
			s := newStack(t, lab, "s", 2)
			b := lab.Bundle(t, s.at("/ov"), harness.Annotation("some.key", "value"), harness.Args("serve", "/ov"))
			c := lab.Serve(t, b)
			checkOpsInside(t, readReport(t, c))
			for _, args := range [][]string{{"state", c.ID}, {"list", "--format=json"}, {"list"}, {"ps", c.ID}} {
				if got := command(t, lab.Runtime, args...); strings.Contains(got, s.upper) || strings.Contains(got, "lowerdir") || !strings.Contains(got, "guest") && !strings.Contains(got, c.ID) {
					t.Errorf("%q prints %s", args, got)
				}
			}
			checkAnnotations(t, "state", []byte(command(t, lab.Runtime, "state", c.ID)), b.Spec.Annotations)
			command(t, lab.Runtime, "pause", c.ID)
			command(t, lab.Runtime, "resume", c.ID)
			execGuest(t, c, "write", "/ov/new", "text")
			if got := readFile(t, s.upper+"/new"); got != "text\n" {
				t.Errorf("the upper layer has %q", got)
			}
			command(t, lab.Runtime, "delete", "--force", c.ID)
			lab.CheckGone(t, c.ID)
			s.checkFree(t, lab)
		})
	}
}

// The path of the bundle may be relative, and that of a source then is no layer's.
func TestOverlayOfRelativeBundle(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	b := lab.Bundle(t, s.at("/ov"), harness.Args("ops", "/ov"))
	cmd := clientOf(lab, "run", "--bundle="+filepath.Base(b.Dir), lab.ID())
	cmd.Dir = filepath.Dir(b.Dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := readFile(t, s.upper+"/kept"); got != "kept by guest\n" {
		t.Errorf("the upper layer has %q", got)
	}
	s.checkUnlocked(t)
}

// With a user namespace in the spec, as with docker's userns-remap, the files
// belong to its users, and the overlay is the host's.
func TestOverlayInUserNamespaceOfSpec(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s := newStack(t, lab, "s", 2)
			sub(t, s.lowers[1], "dir/in")
			s.give(t, 100000)
			c := lab.Serve(t, lab.Bundle(t, harness.UserNS(100000, 65536), s.at("/ov"),
				harness.Args("script", "remove /ov/in-lower1", "remove /ov/dir/in", "remove /ov/dir", "mkdir /ov/dir", "rename /ov/file /ov/moved", "list /ov")))
			expectLine(t, c, "ready")
			for range 5 {
				count(t, c, "ok")
			}
			execGuest(t, c, "ops", "/ov")
			execGuest(t, c, "own", "/ov/moved", "7", "8")
			checkMapped(t, c.GoferPID, harness.IDMap{Inside: 0, Outside: 100000, Size: 65536})
			checkOverlays(t, c, access{"/": directfs, "/ov": directfs}, map[string]stack{"/ov": s})
			remove(t, lab, c)
			const want = `["dir","in-lower0","kept","moved"]`
			if got := listing(t, s.onHost(t)); got != want {
				t.Errorf("the host sees %s, want %s", got, want)
			}
			if uid, gid := ownerOf(t, s.upper+"/moved"); uid != 100007 || gid != 100008 {
				t.Errorf("the file belongs to %d:%d", uid, gid)
			}
		})
	}
}

func ownerOf(t *testing.T, name string) (uid, gid uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		t.Error(err)
	}
	return st.Uid, st.Gid
}
