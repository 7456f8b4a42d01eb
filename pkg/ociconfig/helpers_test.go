package ociconfig_test

import (
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	mountKey   = "dev.gvisor.spec.mount."
	rootfsKey  = "dev.gvisor.spec.rootfs."
	flagKey    = "dev.gvisor.flag.directfs"
	criType    = "io.kubernetes.cri.container-type"
	crioType   = "io.kubernetes.cri-o.ContainerType"
	allowed    = "allowed: on, true, off, false, default"
	removeHint = "write one of the allowed values or remove the key"
)

// notes are annotations.
type notes = map[string]string

// hint is a name with a source and a directfs value, and no more.
func hint(name, source, value string) notes {
	return notes{mountKey + name + ".source": source, mountKey + name + ".directfs": value}
}

// full is a name with all the keys that the engine asks for.
func full(name, source, typ, share string) notes {
	return notes{mountKey + name + ".source": source, mountKey + name + ".type": typ, mountKey + name + ".share": share}
}

func join(all ...notes) notes {
	out := notes{}
	for _, a := range all {
		for k, v := range a {
			out[k] = v
		}
	}
	return out
}

func bind(dest, source string, options ...string) specs.Mount {
	return specs.Mount{Destination: dest, Type: "bind", Source: source, Options: options}
}

// container has a rootfs, the annotations and the mounts.
func container(a notes, mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{Root: &specs.Root{Path: "/rootfs"}, Annotations: a, Mounts: mounts}
}

// accessOf is the access that the mount gets.
func accessOf(t testing.TB, spec *specs.Spec, o ociconfig.Options, dest string) directfspolicy.Access {
	t.Helper()
	p, err := ociconfig.Plan(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range p.Decisions() {
		if d.Mount == dest {
			return d.Access
		}
	}
	t.Fatalf("no mount %q in %v", dest, p)
	return 0
}

// checkError compares the error of Plan with the exact message and the
// sentinel. What Plan refuses gives the zero Plan.
func checkError(t *testing.T, spec *specs.Spec, o ociconfig.Options, sentinel error, message string) {
	t.Helper()
	p, err := ociconfig.Plan(spec, o)
	if err == nil {
		t.Fatalf("accepted:\n%v", p)
	}
	if err.Error() != message {
		t.Errorf("\n got: %v\nwant: %s", err, message)
	}
	if !isErr(err, sentinel) {
		t.Errorf("%v does not wrap %v", err, sentinel)
	}
	if p.Sandbox().Raised || len(p.Decisions()) > 0 {
		t.Errorf("an error comes with the plan %v", p)
	}
}

// keyOf is the key of the hint that decided, or "".
func keyOf(w directfspolicy.Why) string {
	h, _ := w.Hint()
	return h.Key
}
