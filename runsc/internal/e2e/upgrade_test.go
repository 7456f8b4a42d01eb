package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// Plans as version 2 stored them. Nothing here is asked of today's code.
const (
	plan2     = `{"version":2,"flag":false,"scope":%q,"hostNetwork":false,"decisions":[%s],"unmatched":[%s],"unmatchedCache":[],%s,"donations":[%s],"diagnostics":[]}`
	decision2 = `{"mount":%q,"access":%q,"reason":%q,%s"cache":%q,"cacheReason":"default",%s"readOnly":false,"donated":%t,"options":[%s]}`
	raised2   = `"sandbox":{"raised":true,"raisedFor":[%q],"writesHost":true,"capabilities":["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_FSETID"],` +
		`"userNamespace":"spec","umaskZero":true},"sentry":["sentry-base","sentry-host-filesystem"],"gofer":[%s]`
)

func lisafs2(mount, cache, source string) string {
	return fmt.Sprintf(decision2, mount, "lisafs", "flag-off", "", cache, fmt.Sprintf(`"source":%q,`, source), false, `"cache=`+cache+`"`)
}

func directfs2(mount, key, source string) string {
	return fmt.Sprintf(decision2, mount, "directfs", "hint-on", fmt.Sprintf(`"detail":%q,`, key), "shared", fmt.Sprintf(`"source":%q,`, source), true, `"directfs","cache=shared"`)
}

// own2 are the mounts that have no gofer in the harness's bundles.
func own2() []string {
	var all []string
	for _, m := range []string{"/proc", "/dev", "/sys", "/tmp"} {
		all = append(all, fmt.Sprintf(decision2, m, "none", "not-gofer", "", "shared", "", false, ""))
	}
	return all
}

func decisions2(root string, mounts ...string) string {
	return strings.Join(append(append([]string{lisafs2("/", "exclusive", root)}, own2()...), mounts...), ",")
}

const fallback2 = `"gofer-base","gofer-directfs-fallback","gofer-lisafs"`

// asVersion2 changes what is stored of a container to what the version before
// stored: the plan and the hints in annotations of its own, in the engine's file.
func asVersion2(t *testing.T, r *harness.Runtime, id, plan string) {
	t.Helper()
	if err := os.Remove(planPath(t, r, id)); err != nil {
		t.Fatal(err)
	}
	hints := readStored(t, r, id).Spec.Annotations
	annotations := map[string]string{
		"dev.gvisor.internal.directfs-plan":  plan,
		"dev.gvisor.internal.directfs-hints": string(mustJSON(t, hints)),
	}
	for key, value := range hints {
		if strings.HasPrefix(key, "io.kubernetes.") {
			annotations[key] = value // the engine's own
		}
	}
	tamperState(t, r, id, `"annotations":`+string(mustJSON(t, hints)), `"annotations":`+string(mustJSON(t, annotations)))
}

// createAsVersion2 creates a container that the version before created.
func createAsVersion2(t *testing.T, lab *harness.Lab, b *harness.Bundle, plan string) *harness.Container {
	t.Helper()
	c, err := lab.Create(harness.Context(t), lab.ID(), b)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	asVersion2(t, lab.Runtime, c.ID, plan)
	return c
}

// A container that the version before created is started by the plan that it
// stored.
func TestStartAfterUpgrade(t *testing.T) {
	lab := newLab(t, flag(false))
	b := lab.Bundle(t, mountA(), harness.MountHint("a", "/a", "on"), harness.Mount("/b"), harness.Args("serve", "/", "/a", "/b"))
	c := createAsVersion2(t, lab, b, fmt.Sprintf(plan2, "standalone",
		decisions2(b.Rootfs(), directfs2("/a", "dev.gvisor.spec.mount.a.directfs", b.Source("/a")), lisafs2("/b", "shared", b.Source("/b"))),
		"", fmt.Sprintf(raised2, "/a", fallback2), `"/a"`))
	if err := c.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	want := access{"/": false, "/a": true, "/b": false}
	r := readReport(t, c)
	checkOps(t, b, r)
	checkMountOptions(t, want, r)
	checkHeld(t, c, direct(want))
	checkVerified(t, lab.Runtime, c.ID)
	stop(t, lab, c)
}

// So are those of a pod, whose first container has a hint for all of them.
func TestPodAfterUpgrade(t *testing.T) {
	const key = "dev.gvisor.spec.mount.db.directfs"
	lab := newLab(t, flag(false))
	dir := volume(lab, "db")
	first := lab.Bundle(t, harness.PodSandbox(), podHint("db", dir, "on"), harness.Args("serve"))
	pause := createAsVersion2(t, lab, first, fmt.Sprintf(plan2, "pod-sandbox", decisions2(first.Rootfs()), fmt.Sprintf(`{"key":%q,"setting":"on"}`, key),
		fmt.Sprintf(raised2, "containers that may join ("+key+"=on)", `"gofer-base","gofer-lisafs"`), ""))
	if err := pause.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	readReport(t, pause)
	checkPrivileges(t, pause, true)
	joining := lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.MountFrom(dir, "/db"), harness.Args("serve", "/", "/db"))
	member := createAsVersion2(t, lab, joining, fmt.Sprintf(plan2, "pod-member", decisions2(joining.Rootfs(), directfs2("/db", key, dir)), "",
		fmt.Sprintf(raised2, "/db", fallback2), `"/db"`))
	if err := member.Start(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	r := readReport(t, member)
	checkOps(t, joining, r)
	checkMountOptions(t, access{"/": false, "/db": true}, r)
	checkPodHeld(t, map[*harness.Container]access{pause: {"/": false}, member: {"/": false, "/db": true}})
	stop(t, lab, pause, member)
}
