package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/handoff"
)

// fresh gives the test a registry of its own.
func fresh(t *testing.T) {
	before := registered
	registered = registry{map[string]volume.Backend{}, map[string]handoff.Address{}}
	t.Cleanup(func() { registered = before })
}

func known(_ context.Context, r volume.Request) (volume.Source, error) {
	if r.Volume != "tree" {
		return volume.Source{}, fs.ErrNotExist
	}
	return volume.Source{
		ReadOnly: true, DonatesRoot: true,
		Open: func(context.Context, []*os.File) (volume.Volume, error) { return nil, errors.New("not to be opened") },
	}, nil
}

func TestRegister(t *testing.T) {
	fresh(t)
	Register(volume.Backend{Name: "zip", Resolve: known, Syscalls: []string{"statx"}})
	if err := Daemons.Set("blob=unix:/run/blob.sock,other=unix:/run/other.sock"); err != nil {
		t.Fatal(err)
	}
	if got, want := Daemons.String(), "blob=unix:/run/blob.sock,other=unix:/run/other.sock"; got != want {
		t.Errorf("the flag is %q, want %q", got, want)
	}
	for name, b := range map[string]volume.Backend{
		"no name":             {Resolve: known},
		"capitals":            {Name: "Zip", Resolve: known},
		"slash":               {Name: "a/b", Resolve: known},
		"no resolver":         {Name: "new"},
		"unknown system call": {Name: "new", Resolve: known, Syscalls: []string{"statxx"}},
		"registered already":  {Name: "zip", Resolve: known},
		"name of a daemon":    {Name: "blob", Resolve: known},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: registered", name)
				}
			}()
			Register(b)
		}()
	}
	for _, value := range []string{"", "blob", "new", "new=", "new=/run/x.sock", "new=unix:x.sock", "New=unix:/x", "zip=unix:/x", "blob=unix:/x", "a=unix:/x,a=unix:/y", "http://x=unix:/x"} {
		if err := Daemons.Set(value); err == nil {
			t.Errorf("--volume-daemon=%q was accepted", value)
		}
	}
	got := slices.Sorted(func(yield func(string) bool) {
		for name := range Gofers("", "") {
			if !yield(name) {
				return
			}
		}
	})
	if want := []string{"a", "blob", "other", "zip"}; !slices.Equal(got, want) {
		t.Errorf("hints can name %q, want %q", got, want)
	}
}

func TestAskBackend(t *testing.T) {
	fresh(t)
	var asked volume.Request
	Register(volume.Backend{Name: "zip", Resolve: func(ctx context.Context, r volume.Request) (volume.Source, error) {
		asked = r
		return known(ctx, r)
	}})
	ask := Gofers("c", "s")["zip"]
	q := ociconfig.GoferQuery{Name: directfspolicy.GoferName{Backend: "zip", Volume: "tree"}, Mounts: []string{"/v"}, ReadOnly: true}
	g, err := ask(q)
	if err != nil || !g.DonatesRoot || !g.ReadOnly || g.Outside {
		t.Errorf("%+v, %v", g, err)
	}
	if want := (volume.Request{Volume: "tree", Container: "c", Sandbox: "s", Mount: "/v", ReadOnly: true}); asked != want {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
	q.Name.Volume = "other"
	if _, err := ask(q); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown volume: %v", err)
	}
}

func TestCheck(t *testing.T) {
	fresh(t)
	Register(volume.Backend{Name: "zip", Resolve: known})
	plan := func(backend string, n int) directfspolicy.Plan {
		r := directfspolicy.Request{Backends: []string{backend}, Gofers: map[directfspolicy.GoferName]directfspolicy.Gofer{}}
		for i := range n {
			name := directfspolicy.GoferName{Backend: backend, Volume: fmt.Sprint("v", i)}
			r.Gofers[name] = directfspolicy.Gofer{Outside: backend == "blob"}
			r.Mounts = append(r.Mounts, directfspolicy.Mount{
				Destination: fmt.Sprint("/m", i), Backend: directfspolicy.StockGofer,
				Hints: []directfspolicy.Hint{{Knob: directfspolicy.GoferKnob, Key: "k", Setting: directfspolicy.Setting(name.String())}},
			})
		}
		p, err := directfspolicy.Resolve(r)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := errors.Join(Check(plan("blob", 253)), Check(plan("zip", 254))); err != nil {
		t.Error(err)
	}
	if err := Check(plan("blob", 254)); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
}

// A daemon's answer says that it is no part of the gofer.
func TestAskDaemon(t *testing.T) {
	fresh(t)
	socket := t.TempDir() + "/d"
	l, err := volume.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- volume.Serve(ctx, l, known, volume.ServeOptions{Logger: slog.New(slog.DiscardHandler)})
	}()
	defer func() { cancel(); <-ended }()
	if err := Daemons.Set("far=unix:" + socket); err != nil {
		t.Fatal(err)
	}
	q := ociconfig.GoferQuery{Name: directfspolicy.GoferName{Backend: "far", Volume: "tree"}, Mounts: []string{"/v"}, ReadOnly: true}
	g, err := Gofers("c", "s")["far"](q)
	if want := (directfspolicy.Gofer{DonatesRoot: true, ReadOnly: true, Outside: true}); g != want || err != nil {
		t.Errorf("%+v, %v, want %+v", g, err, want)
	}
}

// What a backend declares is for mounts that it serves in the gofer, over LisaFS.
func TestCalls(t *testing.T) {
	fresh(t)
	Register(volume.Backend{Name: "zip", Resolve: known, Syscalls: []string{"unlinkat", "fstat"}})
	name := directfspolicy.GoferName{Backend: "zip", Volume: "tree"}
	for what, tt := range map[string]struct {
		d    directfspolicy.Decision
		want []string
	}{
		"in the gofer":           {directfspolicy.Decision{Gofer: name}, []string{"unlinkat", "fstat"}},
		"outside":                {directfspolicy.Decision{Gofer: name, Outside: true}, nil},
		"directory":              {directfspolicy.Decision{Gofer: name, Access: directfspolicy.DirectFS}, nil},
		"stock gofer":            {directfspolicy.Decision{}, nil},
		"backend that was there": {directfspolicy.Decision{Gofer: directfspolicy.GoferName{Backend: "old", Volume: "v"}}, nil},
	} {
		if got := CallsFor(tt.d); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", what, got, tt.want)
		}
	}
}
