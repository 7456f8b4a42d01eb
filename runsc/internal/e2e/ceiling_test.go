package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// The operator's ceiling holds for annotations and mount options alike, in
// standalone containers and pods, before anything is started.
func TestCeiling(t *testing.T) {
	const narrow = `="on" (mount "/a"): not permitted by --directfs-hints; allowed: off, false, default; ` +
		`--directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator`
	const none = `: not permitted by --directfs-hints; --directfs-hints=none refuses every hint: remove it, or ask the operator`
	option := mountA("rw", "directfs=on")
	annotations := []harness.Option{mountA(), harness.MountHint("a", "/a", "on")}
	for name, c := range map[string]struct {
		flags   []string
		opts    []harness.Option
		message string
	}{
		"narrow, mount option": {[]string{flag(false), "--directfs-hints=narrow"}, []harness.Option{option}, `mount option directfs` + narrow},
		"narrow, annotation": {[]string{flag(false), "--directfs-hints=narrow"}, annotations,
			mountKey + `="on": not permitted by --directfs-hints; allowed: off, false, default; --directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator`},
		"none, off":         {[]string{"--directfs-hints=none"}, []harness.Option{mountA("rw", "directfs=off")}, `mount option directfs="off" (mount "/a")` + none},
		"none, cache":       {[]string{"--directfs-hints=none"}, []harness.Option{mountA("rw", "cache=shared")}, `mount option cache="shared" (mount "/a")` + none},
		"none, rootfs":      {[]string{"--directfs-hints=none"}, []harness.Option{harness.RootfsHint("default")}, rootKey + `="default" (mount "/")` + none},
		"none, for the pod": {[]string{"--directfs-hints=none"}, []harness.Option{harness.PodSandbox(), podHint("a", "/none", "on")}, mountKey + `="on"` + none},
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, c.flags...)
			checkRefusedBy(t, lab, lab.Runtime, c.message, "create", "--bundle="+lab.Bundle(t, c.opts...).Dir)
		})
	}
}

// What a hint takes away, it may take away.
func TestCeilingLetsNarrow(t *testing.T) {
	lab := newLab(t, "--directfs-hints=narrow")
	c := lab.Serve(t, lab.Bundle(t, mountA(), harness.MountHint("a", "/a", "off"), harness.RootfsHint("off"),
		harness.Mount("/b", "rw", "cache=exclusive", "directfs=off"), harness.Args("serve", "/", "/a", "/b")))
	want := access{"/": false, "/a": false, "/b": false}
	r := readReport(t, c)
	checkOps(t, c.Bundle, r)
	checkMountOptions(t, want, r)
	checkPrivileges(t, c, false)
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}

// Nobody but who calls the runtime sets the ceiling: no annotation does, where
// annotations may set flags and where they may not.
func TestCeilingIsNotOverridden(t *testing.T) {
	for name, flags := range map[string][]string{"not allowed": nil, "allowed": {"--allow-flag-override"}} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t, append(flags, "--directfs-hints=none")...)
			b := lab.Bundle(t, mountA("rw", "directfs=off"), harness.Annotation("dev.gvisor.flag.directfs-hints", "all"))
			id := lab.ID()
			_, err := lab.Create(harness.Context(t), id, b)
			checkRefused(t, err, `Failed to apply OCI spec annotations to runsc config: flag "directfs-hints" not found. Cannot set it to "all"`)
			lab.CheckGone(t, id)
		})
	}
}

// The configuration that docs/operators.md recommends where tenants do not trust
// each other.
func TestRecommendedForTenants(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "<!-- tested: tenants -->")
	block, _, _ = strings.Cut(block, "\n\n")
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) = "([a-z]+)"$`).FindAllStringSubmatch(block, -1) {
		flags = append(flags, "--"+m[1]+"="+m[2])
	}
	if len(flags) != 3 {
		t.Fatalf("flags of the document: %q", flags)
	}
	lab := newLab(t, flags...)
	checkRefusedBy(t, lab, lab.Runtime, `mount option directfs="on" (mount "/a"): not permitted by --directfs-hints; allowed: off, false, default; `+
		`--directfs-hints=narrow lets a hint only take directfs away, and --directfs=false does not grant it: remove the hint, or ask the operator`, "create",
		"--bundle="+lab.Bundle(t, mountA("rw", "directfs=on")).Dir)
	c := lab.Serve(t, lab.Bundle(t, mountA("rw", "cache=exclusive"), harness.Args("serve", "/", "/a")))
	checkPrivileges(t, c, false)
	checkHeld(t, c, nil)
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}
