package ociconfig_test

import (
	"errors"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	"pgregory.net/rapid"
)

// checkGofer gives a mount a gofer by an option and by an annotation for some
// source, either of which may be absent ("none"), and compares what comes out
// with what is written.
func checkGofer(t rapid.TB, option, annotation, said, mounted string, readOnly bool) {
	a, options := notes{criType: "sandbox"}, []string{"rbind"}
	if option != "none" {
		options = append(options, "gofer="+option)
	}
	if annotation != "none" {
		a = join(a, named("m", said, annotation))
	}
	if readOnly {
		options = append(options, "ro")
	}
	var asked []ociconfig.GoferQuery
	o := ociconfig.Options{Flag: true, Gofers: backends(&asked), Sources: func(p string, _ bool) ([]directfspolicy.Source, error) {
		// The source that a hint gives is looked at for other mounts' sake.
		if p == mounted && option == "blob/v" && (annotation == "none" || p != said) {
			t.Fatalf("%q is only a name, and was looked at", p)
		}
		return []directfspolicy.Source{{Path: path.Clean(p)}}, nil
	}}
	p, err := ociconfig.Plan(container(a, bind("/d", mounted, options...)), o)
	for i, q := range asked {
		if i > 0 && asked[i-1].Name == q.Name || q.Name.Volume == "" || strings.Contains(q.Name.Volume, "/") {
			t.Fatalf("asked %+v", asked)
		}
	}
	if err != nil {
		if !reflect.DeepEqual(p, directfspolicy.Plan{}) {
			t.Fatalf("plan %v and error %v", p, err)
		}
		return
	}
	want := ""
	switch {
	case option != "none" && option != "default":
		want = option
	case option != "default" && annotation != "none" && annotation != "default" && said != "" && path.Clean(said) == path.Clean(mounted):
		want = annotation
	}
	d := p.Decisions()[1]
	if got := d.Gofer.String(); got != want {
		t.Fatalf("option %q, annotation %q for %q, mount of %q: served by %q, want %q", option, annotation, said, mounted, got, want)
	}
	backend, _, _ := strings.Cut(want, "/")
	if want != "" && (o.Gofers[backend] == nil || d.Access == directfspolicy.DirectFS && backend != "zip") {
		t.Fatalf("%+v", d)
	}
	for _, left := range ociconfig.StripOptions(options) {
		if strings.HasPrefix(left, "gofer=") {
			t.Fatalf("%q is left for the engine", left)
		}
	}
}

func propGofer(t *rapid.T) {
	value := rapid.SampledFrom([]string{"none", "none", "default", "blob/v", "zip/tree", "blob/reader", "gone/v", "nobody/v", "blob/..", "/run/x", "s3://x", ""})
	source := rapid.SampledFrom([]string{"/s", "/s/", "/s/a", "/t", "//s", "/"})
	checkGofer(t, value.Draw(t, "option"), value.Draw(t, "annotation"), source.Draw(t, "said of"), source.Draw(t, "mounted"), rapid.Bool().Draw(t, "ro"))
}

func TestGofer(t *testing.T) { rapid.Check(t, propGofer) }

func FuzzGofer(f *testing.F) {
	f.Add("blob/v", "none", "/s", "/s", true)
	f.Add("none", "zip/tree", "/s/", "/s", false)
	f.Add("default", "s3://x", "/s", "/s/a", false)
	f.Fuzz(func(t *testing.T, option, annotation, said, mounted string, readOnly bool) {
		if strings.Contains(mounted, "\x00") || mounted == "" {
			return
		}
		checkGofer(t, option, annotation, said, mounted, readOnly)
	})
}

// Each refusal comes up, and so do plans.
func TestGoferReach(t *testing.T) {
	seen := map[string]bool{}
	for _, opt := range []string{"blob/v", "zip/tree", "blob/reader", "gone/v", "nobody/v", "/run/x"} {
		_, err := ociconfig.Plan(container(nil, bind("/d", "/s", "gofer="+opt)), ociconfig.Options{Gofers: backends(nil)})
		for name, is := range map[string]error{"unknown": directfspolicy.ErrUnknownGofer, "read-only": directfspolicy.ErrReadOnlyVolume, "down": errNoDaemon, "value": directfspolicy.ErrInvalidValue} {
			seen[name] = seen[name] || errors.Is(err, is)
		}
		seen["plan"] = seen["plan"] || err == nil
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
	for name, ok := range seen {
		if !ok {
			t.Errorf("%s never comes up", name)
		}
	}
}
