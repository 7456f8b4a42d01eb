package ociconfig_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
)

// What an error tells somebody to do can be done.
func TestAdviceCanBeFollowed(t *testing.T) {
	without := notes{mountKey + "v.directfs": "off"}
	const source = mountKey + `v.directfs="off": hint names no mount source; `
	const typed = source + `give the hint the name of one of the pod's volumes that a container mounts, or, for a claim, of its PersistentVolume, and the shim of this runtime fills in the source (gVisor's own needs ` + mountKey + `v.type=bind for that); or, for a hostPath volume, add ` + mountKey + `v.source with its path`
	const untyped = source + `add ` + mountKey + `v.source with the source of the mount that is meant`
	pod := ociconfig.Options{Pod: container(nil)}
	checkError(t, container(join(without, notes{criType: "sandbox"})), ociconfig.Options{}, ociconfig.ErrNoSource, typed)
	checkError(t, container(join(without, notes{criType: "container"})), pod, ociconfig.ErrNoSource, typed)
	checkError(t, container(without), ociconfig.Options{}, ociconfig.ErrNoSource, untyped)
	// The shim has looked for a volume of that name and found none.
	checkError(t, container(join(without, notes{mountKey + "v.type": "bind", criType: "sandbox"})), ociconfig.Options{}, ociconfig.ErrNoSource, untyped)

	// A mount that is read-only already is not told to become it.
	special := ociconfig.Options{SpecialFiles: true}
	checkError(t, container(nil, bind("/a", "/s", "cache=exclusive"), bind("/b", "/s", "ro")), special, directfspolicy.ErrNotExclusive,
		`mount option cache="exclusive" (mount "/a"): another mount changes the same files; mount "/b" writes to them (/s); allowed: shared, default; `+
			`write one of these for mount "/a", or do not let containers open the host's FIFOs and devices: apart from these, the other mount is read-only`)
	// One hint for two mounts cannot be given to one of them by changing it.
	checkError(t, container(cacheNote("v", "/s", "exclusive"), bind("/a", "/s"), bind("/b", "/s/sub")), ociconfig.Options{}, directfspolicy.ErrNotExclusive,
		mountKey+`v.cache="exclusive": another mount changes the same files: the hint is for mount "/a" and for mount "/b", which writes to them (/s/sub); allowed: shared, default; `+
			`write one of these, or give a hint to one of the mounts alone`)
}

// What a container has alone is given to the pod under a key that a pod can have.
func TestAdmitAdvice(t *testing.T) {
	pod := container(notes{criType: "sandbox"})
	running := mustPlan(t, pod, ociconfig.Options{})
	for want, spec := range map[string]func() (notes, string){
		"give the pod " + mountKey + "a.directfs=on before":                                                        func() (notes, string) { return hint("a", "/a", "on"), "" },
		"give the pod " + mountKey + "<NAME>.directfs=on, and " + mountKey + "<NAME>.source of this mount, before": func() (notes, string) { return nil, "directfs=on" },
	} {
		annotations, option := spec()
		m := bind("/m", "/a")
		if option != "" {
			m.Options = []string{option}
		}
		joining := mustPlan(t, container(join(annotations, notes{criType: "container"}), m), ociconfig.Options{Pod: pod})
		err := ociconfig.Admit(running, joining)
		message := `mount "/m" needs directfs (` + joining.Decisions()[1].WhyAccess.String() + `): sandbox was started without directfs privileges; ` + want + " its sandbox starts, or set the hint to off"
		if !errors.Is(err, directfspolicy.ErrSandboxNotRaised) || err.Error() != message {
			t.Errorf("got  %v\nwant %s", err, message)
		}
	}
}
