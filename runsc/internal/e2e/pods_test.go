package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// cri is how one CRI runtime marks the containers of a pod.
type cri struct {
	name    string
	sandbox func() harness.Option
	member  func(sandboxID string) harness.Option
}

var containerd = cri{"containerd", harness.PodSandbox, func(id string) harness.Option { return harness.PodMember(id, "app") }}

var crio = cri{"cri-o", harness.CRIOPodSandbox, harness.CRIOPodMember}

// podHint is a mount hint in the annotations of a sandbox, by the path that a
// member will mount.
func podHint(name, source, value string) harness.Option {
	return func(b *harness.Bundle) error {
		prefix := "dev.gvisor.spec.mount." + name
		b.Spec.Annotations[prefix+".source"] = source
		b.Spec.Annotations[prefix+".directfs"] = value
		return nil
	}
}

// volume is a path for a directory that containers of one pod share.
func volume(lab *harness.Lab, name string) string { return filepath.Join(lab.Dir, "b-"+name) }

// servePod starts a sandbox's first container and checks that it is raised, or
// not.
func servePod(t *testing.T, lab *harness.Lab, r *harness.Runtime, raised bool, opts ...harness.Option) *harness.Container {
	t.Helper()
	pause := lab.ServeWith(t, r, lab.Bundle(t, append(opts, harness.Args("serve"))...))
	readReport(t, pause)
	checkPrivileges(t, pause, raised)
	return pause
}

// checkPodHeld expects the sandbox to hold, and to be able to reach, exactly
// the roots of the mounts that use directfs, over all containers of a pod.
func checkPodHeld(t *testing.T, want map[*harness.Container]access) {
	t.Helper()
	strangers := map[int]int{}
	for c, a := range want {
		held, err := c.Bundle.Held(c.SandboxPID)
		if err != nil {
			t.Fatal(err)
		}
		if got := held.Mounts(); !slices.Equal(got, direct(a)) {
			t.Errorf("the sandbox holds directories of %s's mounts %q, want %q", c.ID, got, direct(a))
		}
		for _, s := range held.Strangers {
			if strangers[s.FD]++; strangers[s.FD] == len(want) {
				t.Errorf("the sandbox holds a directory outside the pod: %+v", s)
			}
		}
		checkReachable(t, c, direct(a))
	}
}

// A hint that only the sandbox's annotations have is for all members. Upstream
// has the sentry obey it and the gofer not know it: the gofer's filter then
// lacks the calls that the sentry asks for.
func TestPodLevelOffHint(t *testing.T) {
	for _, how := range []cri{containerd, crio} {
		t.Run(how.name, func(t *testing.T) {
			lab := newLab(t)
			logTo(t, lab)
			a := volume(lab, "a")
			pause := servePod(t, lab, lab.Runtime, true, how.sandbox(), podHint("a", a, "off"))
			first := lab.Serve(t, lab.Bundle(t, how.member(pause.ID), harness.Mount("/c"), harness.Args("serve", "/", "/c")))
			second := lab.Serve(t, lab.Bundle(t, how.member(pause.ID),
				harness.MountFrom(a, "/a"), harness.Mount("/b"), harness.Args("serve", "/", "/a", "/b")))
			want := map[*harness.Container]access{
				pause:  {"/": true},
				first:  {"/": true, "/c": true},
				second: {"/": true, "/a": false, "/b": true},
			}
			for _, c := range []*harness.Container{first, second} {
				r := readReport(t, c)
				checkOps(t, c.Bundle, r)
				checkMountOptions(t, want[c], r)
				checkFilters(t, c)
			}
			checkPodHeld(t, want)
			checkGoferSets(t, lab, first, false)
			checkGoferSets(t, lab, second, true)
			stop(t, lab, pause, first, second)
		})
	}
}

// checkGoferSets expects the gofer to allow the calls of LisaFS or not, by its
// own words. Its filter cannot be read back from outside.
func checkGoferSets(t *testing.T, lab *harness.Lab, c *harness.Container, lisafs bool) {
	t.Helper()
	line := goferSets(t, lab, c)
	if got := strings.Contains(line, "gofer-lisafs"); got != lisafs || !strings.Contains(line, "gofer-base") {
		t.Errorf("the gofer's seccomp sets are %q; want gofer-lisafs: %v", line, lisafs)
	}
}

// goferSets is what the gofer's log says about its sets.
func goferSets(t *testing.T, lab *harness.Lab, c *harness.Container) string {
	t.Helper()
	log, err := lab.Log(c.ID, "gofer")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(log, "Gofer seccomp sets: ")
	line, _, _ = strings.Cut(line, "\n")
	return line
}

// A hint on the pod raises a sandbox that is not directfs's by its flag, and
// the flag goes on to decide all other mounts.
func TestPodLevelOnHint(t *testing.T) {
	lab := newLab(t, flag(false))
	a := volume(lab, "a")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("a", a, "on"))
	member := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"),
		harness.MountFrom(a, "/a"), harness.Mount("/b"), harness.Args("serve", "/", "/a", "/b")))
	want := access{"/": false, "/a": true, "/b": false}
	r := readReport(t, member)
	checkOps(t, member.Bundle, r)
	checkMountOptions(t, want, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": false}, member: want})
	stop(t, lab, pause, member)
}

func TestPodThatUsesNoDirectFS(t *testing.T) {
	lab := newLab(t, flag(false))
	pause := servePod(t, lab, lab.Runtime, false, harness.PodSandbox())
	member := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"),
		harness.Mount("/a"), harness.MountHint("a", "/a", "off"), harness.Args("serve", "/", "/a")))
	want := access{"/": false, "/a": false}
	r := readReport(t, member)
	checkOps(t, member.Bundle, r)
	checkMountOptions(t, want, r)
	checkPrivileges(t, member, false)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": false}, member: want})
	stop(t, lab, pause, member)
}

// A sandbox cannot be raised after it started.
func TestPodCeiling(t *testing.T) {
	lab := newLab(t, flag(false))
	a := volume(lab, "a")
	pause := servePod(t, lab, lab.Runtime, false, harness.PodSandbox())
	member := func(pause *harness.Container, opts ...harness.Option) *harness.Bundle {
		return lab.Bundle(t, append([]harness.Option{harness.PodMember(pause.ID, "app"),
			harness.MountFrom(a, "/a"), harness.MountHint("a", "/a", "on"), harness.Args("serve", "/", "/a")}, opts...)...)
	}
	refused := func(command string, r *harness.Runtime, b *harness.Bundle, message string) {
		t.Helper()
		id := lab.ID()
		res, err := r.Command(harness.Context(t), command, "--bundle="+b.Dir, id)
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, res, command+": "+message)
		lab.CheckGone(t, id)
	}
	const hinted = `mount "/a" needs directfs (hint dev.gvisor.spec.mount.a.directfs=on): sandbox was started without directfs privileges; ` +
		`give the pod dev.gvisor.spec.mount.a.directfs=on before its sandbox starts, or set the hint to off`
	refused("create", lab.Runtime, member(pause), hinted)
	refused("run", lab.Runtime, member(pause), hinted)
	refused("create", lab.With(flag(true)), member(pause, harness.MountHint("a", "/a", "off")),
		`mount "/" needs directfs (--directfs=true): sandbox was started without directfs privileges; `+
			`create the pod's sandbox with --directfs=true as well, or set the mount's hint to off`)
	option := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Mount("/b", "rw", "directfs=on"))
	refused("create", lab.Runtime, option,
		`mount "/b" needs directfs (hint mount option directfs=on): sandbox was started without directfs privileges; `+
			`give the pod dev.gvisor.spec.mount.<NAME>.directfs=on, and dev.gvisor.spec.mount.<NAME>.source of this mount, before its sandbox starts, or set the hint to off`)
	stop(t, lab, pause)

	// What the first message says helps.
	pause = servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("a", a, "on"))
	c := lab.Serve(t, member(pause))
	want := access{"/": false, "/a": true}
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	stop(t, lab, pause, c)
}

func TestExecInPod(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	for _, value := range []string{"on", "off"} {
		c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app-"+value),
			harness.Mount("/a"), harness.MountHint("a"+value, "/a", value), harness.Args("serve", "/a")))
		readReport(t, c)
		execGuest(t, c, "ops", "/", "/a")
		execGuest(t, c, "write", "/a/new", "text")
		if got := execGuest(t, c, "cat", "/a/new"); got != "text\n" {
			t.Errorf("exec read %q", got)
		}
		if demo := execGuest(t, c, "demo"); strings.Contains(lineOf(demo, "/a "), "directfs") != (value == "on") {
			t.Errorf("with the hint %s, the guest's mounts are\n%s", value, demo)
		}
		stop(t, lab, c)
	}
	execGuest(t, pause, "ops", "/")
	stop(t, lab, pause)
}

// lineOf returns the line that starts with the words.
func lineOf(text, start string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start) {
			return line
		}
	}
	return ""
}
