package directfspolicy

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// sandboxPlan plans the first container of a pod.
func sandboxPlan(t rapid.TB, raised bool) Plan {
	t.Helper()
	p := mustResolve(t, Request{Container: Container{Scope: PodSandbox, Flag: raised}, Rootfs: Mount{Backend: StockGofer}})
	if p.Sandbox().Raised != raised {
		t.Fatalf("sandbox raised for %v", p.Sandbox().RaisedFor)
	}
	return p
}

func TestAdmitScopes(t *testing.T) {
	for _, flag := range allFlags {
		for _, s := range allScopes {
			for _, c := range allScopes {
				sandbox := mustResolve(t, Request{Container: Container{Scope: s, Flag: flag}, Rootfs: Mount{Backend: StockGofer}})
				err := sandbox.Admit(mustResolve(t, Request{Container: Container{Scope: c, Flag: flag}, Rootfs: Mount{Backend: StockGofer}}))
				if s == PodSandbox && c == PodMember {
					if err != nil {
						t.Errorf("%v into %v: %v", c, s, err)
					}
					continue
				}
				if e, ok := errors.AsType[*AdmitError](err); !ok || *e != (AdmitError{Sandbox: s, Container: c, Err: errNotAPod}) || !errors.Is(err, errNotAPod) {
					t.Errorf("%v into %v: %v", c, s, err)
				}
				want := fmt.Sprintf("sandbox does not admit other containers: only a pod-member can join, and only a pod-sandbox can be joined; here a %v would join a %v", c, s)
				if err == nil || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		}
	}
}

// Nobody but Resolve and the decoder makes a Plan that admits or is admitted.
func TestZeroPlanIsNotAdmitted(t *testing.T) {
	for _, p := range []Plan{{}, sandboxPlan(t, true)} {
		if err := p.Admit(Plan{}); !errors.Is(err, errNotAPod) {
			t.Errorf("the zero plan is admitted: %v", err)
		}
		if err := (Plan{}).Admit(p); !errors.Is(err, errNotAPod) {
			t.Errorf("the zero plan admits: %v", err)
		}
	}
	if s := (Plan{}).Sandbox(); s.Raised || s.WritesHost || len(s.Capabilities) > 0 || s.SpecUserNamespace || s.UmaskZero {
		t.Errorf("the zero plan grants %+v", s)
	}
}

func TestAdmitReasons(t *testing.T) {
	const annotation = "dev.gvisor.spec.mount.db.directfs"
	for _, tt := range []struct {
		name   string
		member Request
		want   string
	}{
		{
			"nothing needs directfs",
			Request{Container: Container{Flag: true}, Rootfs: hinted("/", StockGofer, Off), Mounts: []Mount{{Destination: "/blob", Backend: VirtualGofer}, {Destination: "/tmp"}}},
			"",
		},
		{
			"flag",
			Request{Container: Container{Flag: true}, Rootfs: Mount{Backend: StockGofer}},
			`mount "/" needs directfs (--directfs=true): sandbox was started without directfs privileges; create the pod's sandbox with --directfs=true as well, or set the mount's hint to off`,
		},
		{
			"annotation",
			Request{Rootfs: Mount{Backend: StockGofer}, Mounts: []Mount{{Destination: "/db", Backend: StockGofer, Hints: []Hint{hint(annotation, On)}}}},
			`mount "/db" needs directfs (hint dev.gvisor.spec.mount.db.directfs=on): sandbox was started without directfs privileges; give the pod dev.gvisor.spec.mount.db.directfs=on before its sandbox starts, or set the hint to off`,
		},
		{
			"mount option",
			Request{Mounts: []Mount{{Destination: "/db", Backend: DonatingGofer, Hints: []Hint{hint("directfs", On)}}}},
			`mount "/db" needs directfs (hint directfs=on): sandbox was started without directfs privileges; give the pod as a whole a hint for this mount before its sandbox starts, or set the hint to off`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.member.Scope = PodMember
			member := mustResolve(t, tt.member)
			if err := sandboxPlan(t, true).Admit(member); err != nil {
				t.Errorf("into a raised sandbox: %v", err)
			}
			err := sandboxPlan(t, false).Admit(member)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*AdmitError](err)
			if !ok || !errors.Is(err, ErrSandboxNotRaised) || errors.Is(err, errNotAPod) || e.Mount == "" || e.Why == (Why{}) && !tt.member.Flag {
				t.Fatalf("error %#v", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

// A sandbox that was raised for reading takes in readers alone. Only a hint
// that is not pod-wide, such as a mount option, leaves it at that.
func TestAdmitIntoReadOnlySandbox(t *testing.T) {
	reader := Mount{Destination: "/db", Backend: StockGofer, Hints: []Hint{hint("mount option directfs", On)}, ReadOnly: true}
	writer := reader
	writer.ReadOnly = false
	sandbox := mustResolve(t, Request{Container: Container{Scope: PodSandbox}, Mounts: []Mount{reader}})
	if !sandbox.Sandbox().Raised || sandbox.Sandbox().WritesHost {
		t.Fatalf("sandbox %+v", sandbox.Sandbox())
	}
	if err := sandbox.Admit(mustResolve(t, Request{Container: Container{Scope: PodMember}, Mounts: []Mount{reader}})); err != nil {
		t.Error(err)
	}
	err := sandbox.Admit(mustResolve(t, Request{Container: Container{Scope: PodMember}, Mounts: []Mount{reader, {Destination: "/w", Backend: StockGofer, Hints: writer.Hints}}}))
	const want = `mount "/w" needs directfs (hint mount option directfs=on): sandbox was started without directfs privileges for writing; give the pod as a whole a hint for this mount before its sandbox starts, or set the hint to off`
	if !errors.Is(err, ErrSandboxNotRaised) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// An annotation is pod-wide: where the first container only reads its mount,
// another may write it.
func TestAdmitWriterOfAnnouncedMount(t *testing.T) {
	reader := Mount{Destination: "/db", Backend: StockGofer, Hints: []Hint{hint(keyOf("/db"), On)}, ReadOnly: true}
	writer := reader
	writer.ReadOnly = false
	sandbox := mustResolve(t, Request{Container: Container{Scope: PodSandbox}, Mounts: []Mount{reader}})
	if !sandbox.Sandbox().WritesHost {
		t.Errorf("sandbox %+v", sandbox.Sandbox())
	}
	if err := sandbox.Admit(mustResolve(t, Request{Container: Container{Scope: PodMember}, Mounts: []Mount{writer}})); err != nil {
		t.Error(err)
	}
}

// A container is admitted exactly where its sandbox has what it needs.
func propAdmit(t *rapid.T) {
	first, second := drawRequest(t), drawRequest(t)
	if rapid.Bool().Draw(t, "a pod") {
		first.Scope, second.Scope = PodSandbox, PodMember
		first.SourceHints = drawUnmatched(t, PodSandbox)
	}
	p, c := mustResolve(t, first), mustResolve(t, second)
	err := p.Admit(c)
	switch {
	case p.Container().Scope != PodSandbox || c.Container().Scope != PodMember:
		if !errors.Is(err, errNotAPod) {
			t.Fatalf("%v into %v: %v", c.Container().Scope, p.Container().Scope, err)
		}
	case len(c.Donations()) > 0 && !p.Sandbox().Raised, c.Sandbox().WritesHost && !p.Sandbox().WritesHost:
		if !errors.Is(err, ErrSandboxNotRaised) || errors.Is(err, errNotRaisedToWrite) != p.Sandbox().Raised {
			t.Fatalf("a container that needs %+v in a sandbox with %+v: %v", c.Sandbox(), p.Sandbox(), err)
		}
		for _, f := range Findings(err) {
			e, _ := errors.AsType[*AdmitError](f)
			if d, ok := decisionAt(c, e.Mount); !ok || d.Access != DirectFS || d.WhyAccess != e.Why || d.ReadOnly && p.Sandbox().Raised {
				t.Fatalf("%v blames %+v", err, d)
			}
		}
	case err != nil:
		t.Fatalf("a container that needs %+v in a sandbox with %+v: %v", c.Sandbox(), p.Sandbox(), err)
	}
}

// What a pod's annotations ask for is kept: a container that asks for no more
// than its sandbox was told of, under the same flag, is always admitted.
func propPodHintsAreKept(t *rapid.T) {
	r := drawRequest(t)
	r.Scope, r.SourceHints = PodMember, nil
	sandbox := Request{Container: Container{Scope: PodSandbox, Flag: r.Flag, HostNetwork: r.HostNetwork}, Rootfs: hinted("/", StockGofer, Off)}
	for _, m := range append([]Mount{r.Rootfs}, r.Mounts...) {
		sandbox.SourceHints = append(sandbox.SourceHints, elsewhere(about(m.Hints, DirectFSKnob)...)...)
	}
	p, c := mustResolve(t, sandbox), mustResolve(t, r)
	if err := p.Admit(c); err != nil {
		t.Fatalf("%+v was announced: %v", r, err)
	}
	if !p.Container().Flag && len(c.Donations()) == 0 && p.Sandbox().Raised {
		t.Fatalf("a sandbox is raised for %v, and nobody asks for directfs", p.Sandbox().RaisedFor)
	}
}
