package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
)

// situations are the containers by which whatFollows explains.
var situations = []struct {
	name    string
	request func(*directfspolicy.Request)
}{
	{"every mount off", func(r *directfspolicy.Request) { r.Rootfs.Hints = off; r.Mounts[0].Hints = off }},
	{"rootfs off, one mount on", func(r *directfspolicy.Request) { r.Rootfs.Hints = off }},
	{"every mount on", func(r *directfspolicy.Request) {}},
	{"every mount on, none writes to the host", func(r *directfspolicy.Request) { r.Rootfs.ReadOnly = true; r.Mounts[0].ReadOnly = true }},
	{"every mount off, host network", func(r *directfspolicy.Request) { r.Rootfs.Hints = off; r.Mounts[0].Hints = off; r.HostNetwork = true }},
	{"first container of a pod, every mount off", func(r *directfspolicy.Request) {
		r.Rootfs.Hints = off
		r.Mounts[0].Hints = off
		r.Scope = directfspolicy.PodSandbox
	}},
	{"the same, --directfs=false", func(r *directfspolicy.Request) {
		r.Rootfs.Hints = off
		r.Mounts[0].Hints = off
		r.Scope = directfspolicy.PodSandbox
		r.Flag = false
	}},
}

var off = []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "key", Setting: directfspolicy.Off}}

func whatFollows(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| container (--directfs=true) | capabilities for files | umask | user namespace | sentry's sets | gofer's sets |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range situations {
		r := directfspolicy.Request{
			Container: directfspolicy.Container{Flag: true},
			Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
			Mounts:    []directfspolicy.Mount{{Destination: "/data", Backend: directfspolicy.StockGofer}},
		}
		s.request(&r)
		p, err := directfspolicy.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		umask, caps, ns := "unchanged", "none", "new"
		if p.Sandbox().SpecUserNamespace {
			ns = "spec"
		}
		if p.Sandbox().UmaskZero {
			umask = "0"
		}
		if len(p.Sandbox().Capabilities) > 0 {
			caps = strings.ReplaceAll(strings.Join(p.Sandbox().Capabilities, " "), "CAP_", "")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %v | %s | %s |\n", s.name, caps, umask, ns, sets(p.Sentry()), sets(p.Gofer()))
	}
	return b.String()
}

func sets(names []directfspolicy.SetName) string {
	var s []string
	for _, n := range names {
		s = append(s, "`"+string(n)+"`")
	}
	return strings.Join(s, " ")
}
