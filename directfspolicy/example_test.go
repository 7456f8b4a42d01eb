package directfspolicy_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"

	"github.com/directfs/runsc/directfspolicy"
)

// A container with directfs by default, one mount of which is kept with the
// gofer.
func Example() {
	hint, err := directfspolicy.ParseHint(directfspolicy.DirectFSKnob, "dev.gvisor.spec.mount.data.directfs", "off", "/data")
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true},
		Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
		Mounts: []directfspolicy.Mount{
			{Destination: "/data", Backend: directfspolicy.StockGofer, Hints: []directfspolicy.Hint{hint}},
			{Destination: "/cache", Backend: directfspolicy.VirtualGofer, BackendName: "blob"},
			{Destination: "/proc", Backend: directfspolicy.NoGofer},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(plan)
	// Output:
	// MOUNT   ACCESS    WRITES  DONATED  CACHE   WHY
	// /       directfs  yes     yes      shared  --directfs=true
	// /data   lisafs    yes     no       shared  hint dev.gvisor.spec.mount.data.directfs=off
	// /cache  lisafs    yes     no       shared  backend "blob" cannot donate a root FD
	// /proc   none      -       -        -       not a gofer mount
	//
	// sandbox  raised for /: CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID, umask 0, spec user namespace
	// sentry   seccomp sentry-base + sentry-host-filesystem
	// gofer    seccomp gofer-base + gofer-directfs-fallback + gofer-lisafs
}

// With --directfs=false one mount can still ask for directfs. The sandbox is
// raised for it, and the other mounts stay with the gofer.
func ExampleResolve() {
	plan, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: false},
		Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
		Mounts: []directfspolicy.Mount{{
			Destination: "/fast",
			Backend:     directfspolicy.StockGofer,
			Hints:       []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "directfs", Setting: directfspolicy.On}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range plan.Decisions() {
		fmt.Println(d.Mount, d.Access, d.Cache, d.WhyAccess)
	}
	fmt.Println("donated:", plan.Donations())
	fmt.Println("raised:", plan.Sandbox().Raised)
	// Output:
	// / lisafs shared --directfs=false
	// /fast directfs shared hint directfs=on
	// donated: [/fast]
	// raised: true
}

// An explicit wish that cannot be granted refuses the container.
func ExampleResolve_refused() {
	_, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true},
		Mounts: []directfspolicy.Mount{{
			Destination: "/cache",
			Backend:     directfspolicy.VirtualGofer,
			BackendName: "blob",
			Hints:       []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "dev.gvisor.spec.mount.cache.directfs", Setting: directfspolicy.On}},
		}},
	})
	fmt.Println(errors.Is(err, directfspolicy.ErrCannotDonate))
	fmt.Println(err)
	// Output:
	// true
	// dev.gvisor.spec.mount.cache.directfs="on" (mount "/cache"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: backend "blob" serves this mount over LisaFS only
}

// A sandbox that started without directfs takes in no container that needs it.
func ExamplePlan_Admit() {
	sandbox, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Scope: directfspolicy.PodSandbox},
		Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	member, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Scope: directfspolicy.PodMember},
		Rootfs:    directfspolicy.Mount{Backend: directfspolicy.StockGofer},
		Mounts: []directfspolicy.Mount{{
			Destination: "/db",
			Backend:     directfspolicy.StockGofer,
			Hints:       []directfspolicy.Hint{{Knob: directfspolicy.DirectFSKnob, Key: "dev.gvisor.spec.mount.db.directfs", Setting: directfspolicy.On}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = sandbox.Admit(member)
	var refused *directfspolicy.AdmitError
	if errors.As(err, &refused) {
		fmt.Println(refused.Mount, "is refused:", refused.Err)
		fmt.Println(refused.Why)
	}
	// Output:
	// /db is refused: sandbox was started without directfs privileges
	// hint dev.gvisor.spec.mount.db.directfs=on
}

// A Plan is stored as JSON. One that was changed in storage is refused.
func ExamplePlan_UnmarshalJSON() {
	var plan directfspolicy.Plan
	err := json.Unmarshal([]byte(`{"version":5,"hints":"all","scope":"standalone","flag":true}`), &plan)
	fmt.Println(err)
	fmt.Println(plan.Sandbox().Raised)
	// Output:
	// invalid plan: no decision for the rootfs; delete the container and create it again
	// false
}

// What the sandbox process may call beyond its base where it is raised
// for reading.
func ExampleCalls() {
	base := directfspolicy.Calls(directfspolicy.SentryBase)
	for _, call := range directfspolicy.Calls(directfspolicy.SentryBase, directfspolicy.SentryHostFilesystemRead) {
		if !slices.Contains(base, call) {
			fmt.Println(call)
		}
	}
	// Output:
	// fgetxattr
	// flistxattr
	// getdents64
	// newfstatat
	// openat
	// readlinkat
}

// A program takes the operator's ceiling as a flag of its own.
func ExampleCeiling() {
	var hints directfspolicy.Ceiling
	flags := flag.NewFlagSet("program", flag.ContinueOnError)
	flags.TextVar(&hints, "directfs-hints", directfspolicy.AllHints, "which hints may count")
	if err := flags.Parse([]string{"--directfs-hints=narrow"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hints)
	// Output:
	// narrow
}

func ExampleParseHint() {
	for _, value := range []string{"on", "false", "default", "Off"} {
		hint, err := directfspolicy.ParseHint(directfspolicy.DirectFSKnob, "directfs", value, "/data")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(hint)
	}
	// Output:
	// directfs=on
	// directfs=off
	// directfs=default
	// directfs="Off" (mount "/data"): invalid value; allowed: on, true, off, false, default; write one of the allowed values or remove the key
}

// The cache mode is decided beside the access. A promise that another mount of
// the container breaks is refused.
func ExampleResolve_cache() {
	exclusive, err := directfspolicy.ParseHint(directfspolicy.CacheKnob, "cache", "exclusive", "/data")
	if err != nil {
		fmt.Println(err)
		return
	}
	data := directfspolicy.Mount{
		Destination: "/data",
		Backend:     directfspolicy.StockGofer,
		Sources:     []directfspolicy.Source{{Path: "/srv/data"}},
		Hints:       []directfspolicy.Hint{exclusive},
	}
	part := directfspolicy.Mount{
		Destination: "/part",
		Backend:     directfspolicy.StockGofer,
		Sources:     []directfspolicy.Source{{Path: "/srv/data/part"}},
		ReadOnly:    true,
	}
	for range 2 {
		plan, err := directfspolicy.Resolve(directfspolicy.Request{Mounts: []directfspolicy.Mount{data, part}})
		if err != nil {
			fmt.Println(errors.Is(err, directfspolicy.ErrNotExclusive), err)
			continue
		}
		for _, d := range plan.Decisions()[1:] {
			fmt.Println(d.Mount, d.Access, d.Cache, d.WhyCache)
		}
		part.ReadOnly = false
	}
	// Output:
	// /data lisafs exclusive hint cache=exclusive
	// /part lisafs shared default
	// true cache="exclusive" (mount "/data"): another mount changes the same files; mount "/part" writes to them (/srv/data/part); allowed: shared, default; write one of these for mount "/data", or make mount "/part" read-only
}
