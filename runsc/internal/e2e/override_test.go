package e2e

import (
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Where it is allowed, an annotation replaces the flag, for each process that
// reads the spec. None of them may take it for the decision.
func TestFlagOverride(t *testing.T) {
	for name, c := range map[string]struct {
		flag       bool
		annotation string
		opts       []harness.Option
		want       access
		raised     bool
	}{
		"false, hint on": {true, "false", []harness.Option{harness.MountHint("a", "/a", "on")}, access{"/": false, "/a": true}, true},
		"false":          {true, "false", nil, access{"/": false, "/a": false}, false},
		"true, hint off": {false, "true", []harness.Option{harness.MountHint("a", "/a", "off")}, access{"/": true, "/a": false}, true},
		"true, all off": {false, "true", []harness.Option{harness.MountHint("a", "/a", "off"), harness.RootfsHint("off")},
			access{"/": false, "/a": false}, false},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, flag(c.flag), "--allow-flag-override")
			opts := append([]harness.Option{harness.Mount("/a"), harness.Annotation("dev.gvisor.flag.directfs", c.annotation),
				harness.Args("serve", "/", "/a")}, c.opts...)
			ctr := lab.Serve(t, lab.Bundle(t, opts...))
			r := readReport(t, ctr)
			checkOps(t, ctr.Bundle, r)
			checkMountOptions(t, c.want, r)
			checkPrivileges(t, ctr, c.raised)
			checkHeld(t, ctr, direct(c.want))
			stop(t, lab, ctr)
		})
	}
}

// The same for a member, whose start reads the annotation once more.
func TestFlagOverrideInPod(t *testing.T) {
	lab := newLab(t, flag(true), "--allow-flag-override")
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Annotation("dev.gvisor.flag.directfs", "false"),
		harness.RootfsHint("on"), harness.Mount("/a"), harness.Mount("/b", "rw", "directfs=on"), harness.Args("serve", "/", "/a", "/b")))
	want := access{"/": true, "/a": false, "/b": true}
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": true}, c: want})
	stop(t, lab, pause, c)
}

// Without leave, the annotation is refused and nothing is started.
func TestFlagOverrideNotAllowed(t *testing.T) {
	lab := newLab(t, flag(true))
	b := lab.Bundle(t, harness.Annotation("dev.gvisor.flag.directfs", "false"))
	id := lab.ID()
	_, err := lab.Create(harness.Context(t), id, b)
	checkRefused(t, err, `Failed to apply OCI spec annotations to runsc config: error setting flag directfs="false": `+
		"flag override disabled, use --allow-flag-override to enable it")
	lab.CheckGone(t, id)
}
