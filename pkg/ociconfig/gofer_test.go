package ociconfig_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

var errNoDaemon = errors.New("dial unix /run/blob.sock: connect: no such file or directory")

// backends are blob, which cannot donate and has a read-only volume; zip, which
// can donate; and gone, which does not answer. asked collects the questions.
func backends(asked *[]ociconfig.GoferQuery) map[string]ociconfig.GoferFunc {
	answer := func(g directfspolicy.Gofer, err error) ociconfig.GoferFunc {
		return func(q ociconfig.GoferQuery) (directfspolicy.Gofer, error) {
			if asked != nil {
				*asked = append(*asked, q)
			}
			g.ReadOnly = q.Name.Volume == "reader"
			return g, err
		}
	}
	return map[string]ociconfig.GoferFunc{
		"blob": answer(directfspolicy.Gofer{}, nil),
		"zip":  answer(directfspolicy.Gofer{DonatesRoot: true}, nil),
		"gone": answer(directfspolicy.Gofer{}, errNoDaemon),
	}
}

func named(name, source, value string) notes {
	return notes{mountKey + name + ".source": source, mountKey + name + ".gofer": value}
}

// The three places of the hint, and what each mount gets.
func TestGoferHints(t *testing.T) {
	var asked []ociconfig.GoferQuery
	spec := container(join(named("m", "/only/a/name/", "blob/reader"), notes{rootfsKey + "gofer": "zip/tree", mountKey + "m.directfs": "off"}),
		bind("/data", "/srv/data"), bind("/models", "/only/a/name", "ro"), bind("/tree", "relative/name", "gofer=zip/tree"), bind("/plain", "/srv/plain", "gofer=default"))
	o := ociconfig.Options{Flag: true, Bundle: "/bundle", Gofers: backends(&asked), Sources: func(path string, _ bool) ([]directfspolicy.Source, error) {
		if strings.Contains(path, "relative") || path == "/rootfs" {
			t.Errorf("%s was looked at", path)
		}
		return []directfspolicy.Source{{Path: path}}, nil
	}}
	p, err := ociconfig.Plan(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range p.Decisions() {
		got = append(got, fmt.Sprintf("%s %v %v %s", d.Mount, d.Access, d.Gofer, keyOf(d.WhyGofer)))
	}
	want := []string{
		"/ directfs zip/tree " + rootfsKey + "gofer", "/data directfs  ", "/models lisafs blob/reader " + mountKey + "m.gofer",
		"/tree directfs zip/tree mount option gofer", "/plain directfs  ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	tree, reader := directfspolicy.GoferName{Backend: "zip", Volume: "tree"}, directfspolicy.GoferName{Backend: "blob", Volume: "reader"}
	if want := []ociconfig.GoferQuery{{Name: tree, Mounts: []string{"/", "/tree"}}, {Name: reader, Mounts: []string{"/models"}, ReadOnly: true}}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
}

func TestGoferRefusals(t *testing.T) {
	const names = "allowed: blob/<VOLUME>, gone/<VOLUME>, zip/<VOLUME>, default; register the backend with the runtime, by --volume-daemon=NAME=unix:PATH, or remove the hint"
	const form = "invalid value; allowed: <BACKEND>/<VOLUME>, default; name a backend that is registered with the runtime and a volume of it, such as blob/models, and no path or URL; or remove the key"
	models := bind("/models", "/m")
	for want, spec := range map[string]*specs.Spec{
		`mount option gofer="nobody/v" (mount "/models"): unknown gofer; ` + names:                                               container(nil, bind("/models", "/m", "gofer=nobody/v")),
		mountKey + `m.gofer="nobody/v" (mount "/models"): unknown gofer; ` + names:                                               container(named("m", "/m", "nobody/v"), models),
		mountKey + `m.gofer="s3://bucket" (mount "/m"): ` + form:                                                                 container(named("m", "/m", "s3://bucket"), models),
		rootfsKey + `gofer="/run/x.sock" (mount "/"): ` + form:                                                                   container(notes{rootfsKey + "gofer": "/run/x.sock"}),
		`mount option gofer="" (mount "/models"): ` + form:                                                                       container(nil, bind("/models", "/m", "gofer=")),
		`mount option="gofer" (mount "/models"): mount option not allowed; write one of gofer=<BACKEND>/<VOLUME>, gofer=default`: container(nil, bind("/models", "/m", "gofer")),
		`mount option gofer="gone/v" (mount "/models"): backend "gone" does not serve volume "v": ` + errNoDaemon.Error() + `; make the backend serve it, name another volume, or remove the hint`:                                                     container(nil, bind("/models", "/m", "gofer=gone/v")),
		`mount option gofer="blob/reader" (mount "/models"): the volume is read-only, and the mount is not; add ro to the options of the mount, or name a volume that can be written`:                                                                  container(nil, bind("/models", "/m", "gofer=blob/reader")),
		`mount option directfs="on" (mount "/models"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: backend "blob/v" serves this mount over LisaFS only`:                                                            container(nil, bind("/models", "/m", "gofer=blob/v", "directfs=on")),
		`mount option gofer="blob/v" (mount "/tmp"): not a gofer mount; allowed: default; remove the hint, or make it a bind mount: the mount lives in the sandbox, and nothing else serves it`:                                                        container(nil, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"gofer=blob/v"}}),
		mountKey + `m.gofer="blob/v" (mount "/part"): the mount has files of the source of this hint, but another source; a gofer serves a whole volume: give the mount the source that the hint has, word for word, or another one that is not in it`: container(named("m", "/m", "blob/v"), models, bind("/part", "/m/part")),
		mountKey + `m.gofer="blob/v": hint names no mount source; add ` + mountKey + `m.source with the source of the mount that is meant`:                                                                                                             container(notes{mountKey + "m.gofer": "blob/v"}, models),
		mountKey + `m.gofer="nobody/v": unknown gofer; ` + names: container(named("m", "/elsewhere", "nobody/v"), models),
		`mount option gofer="zip/v" (mount "/models"): contradicts another hint for the same mount; allowed: blob/v; make it agree with ` + mountKey + `m.gofer=blob/v, or remove one of the two`: container(named("m", "/m", "blob/v"), bind("/models", "/m", "gofer=zip/v")),
	} {
		p, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true, Gofers: backends(nil)})
		if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), want) || !reflect.DeepEqual(p, directfspolicy.Plan{}) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	// An unknown gofer hides no other finding, and makes none up.
	_, err := ociconfig.Plan(container(join(named("m", "/m", "nobody/v"), hint("n", "/m", "off")), models), ociconfig.Options{Gofers: backends(nil)})
	if len(directfspolicy.Findings(err)) != 1 {
		t.Error(err)
	}
	// The reason can be matched.
	if _, err := ociconfig.Plan(container(nil, bind("/m", "/m", "gofer=gone/v")), ociconfig.Options{Gofers: backends(nil)}); !errors.Is(err, errNoDaemon) {
		t.Error(err)
	}
	// Where nothing is registered, every name is unknown.
	if _, err := ociconfig.Plan(container(nil, bind("/m", "/m", "gofer=blob/v")), ociconfig.Options{}); !errors.Is(err, directfspolicy.ErrUnknownGofer) {
		t.Error(err)
	}
}

// A mount whose source is only a name has no files of the host, so that hints
// for these are not for it, but those with its own source are.
func TestHintsForANameOnly(t *testing.T) {
	sources := func(path string, _ bool) ([]directfspolicy.Source, error) {
		return []directfspolicy.Source{{Path: "/real" + path, Filesystem: "8:1", Within: "/one/place", Device: 1, Inode: 1}}, nil
	}
	o := ociconfig.Options{Flag: true, Gofers: backends(nil), Sources: sources}
	volume := bind("/v", "/name", "gofer=zip/tree")
	for name, tt := range map[string]struct {
		hint   notes
		access directfspolicy.Access
	}{
		"its own source":        {hint("h", "/name", "off"), directfspolicy.LisaFS},
		"its source, not clean": {hint("h", "//name/.", "off"), directfspolicy.LisaFS},
		"the same place":        {hint("h", "/other", "off"), directfspolicy.DirectFS},
		"the directory above":   {hint("h", "/", "off"), directfspolicy.DirectFS},
	} {
		// Another container of the pod may have the mount that the hint is for.
		spec := container(join(tt.hint, notes{criType: "sandbox"}), volume)
		if got := accessOf(t, spec, o, "/v"); got != tt.access {
			t.Errorf("%s: %v", name, got)
		}
	}
	// The other mount of the place has its hint, and is not refused for it.
	spec := container(hint("h", "/other", "off"), volume, bind("/o", "/other"))
	if got := accessOf(t, spec, o, "/o"); got != directfspolicy.LisaFS {
		t.Errorf("the host's mount: %v", got)
	}
	// A subPath of a volume for which a hint names a gofer is in it by identity.
	if _, err := ociconfig.Plan(container(named("m", "/name", "zip/tree"), bind("/v", "/name"), bind("/o", "/subpath")), o); !errors.Is(err, directfspolicy.ErrPartOfVolume) {
		t.Errorf("a subPath: %v", err)
	}
	// What is at a name may not even be possible to look at.
	o.Sources = func(path string, _ bool) ([]directfspolicy.Source, error) {
		if path == "/name" {
			return nil, errors.New("permission denied")
		}
		return []directfspolicy.Source{{Path: path}}, nil
	}
	if got := accessOf(t, container(named("m", "/name", "blob/v"), bind("/v", "/name")), o, "/v"); got != directfspolicy.LisaFS {
		t.Errorf("%v", got)
	}
}

// A pod's hint is for all its containers, and a volume of one is not asked for
// on behalf of another.
func TestGofersInAPod(t *testing.T) {
	pod := container(join(named("m", "/m", "gone/v"), notes{criType: "sandbox"}))
	var asked []ociconfig.GoferQuery
	o := ociconfig.Options{Flag: true, Gofers: backends(&asked)}
	running, err := ociconfig.Plan(pod, o)
	if err != nil || len(asked) > 0 {
		t.Fatalf("asked %v, %v", asked, err)
	}
	o.Pod = pod
	if _, err := ociconfig.Plan(container(notes{criType: "container"}, bind("/x", "/x")), o); err != nil || len(asked) > 0 {
		t.Errorf("another container: asked %v, %v", asked, err)
	}
	member := container(notes{criType: "container"}, bind("/m", "/m"))
	if _, err := ociconfig.Plan(member, o); !errors.Is(err, errNoDaemon) {
		t.Errorf("the container: %v", err)
	}
	pod.Annotations[mountKey+"m.gofer"] = "blob/v"
	p, err := ociconfig.Plan(member, o)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := p.Decisions()[1].WhyGofer.Hint()
	if !h.PodWide || len(running.Unmatched()) != 1 {
		t.Errorf("%+v, %v", h, running.Unmatched())
	}
	if err := ociconfig.Admit(running, p); err != nil {
		t.Error(err)
	}
}

// Nobody is asked for the sake of a hint that does not count.
func TestNoHintAsksNobody(t *testing.T) {
	var asked []ociconfig.GoferQuery
	o := ociconfig.Options{Ceiling: directfspolicy.NoHints, Gofers: backends(&asked)}
	if _, err := ociconfig.Plan(container(nil, bind("/m", "/m", "gofer=blob/v")), o); !errors.Is(err, directfspolicy.ErrCeiling) || len(directfspolicy.Findings(err)) != 1 || len(asked) > 0 {
		t.Errorf("asked %v, %v", asked, err)
	}
}

func TestGoferHintsAreStripped(t *testing.T) {
	options := []string{"rbind", "gofer=blob/v2", "ro", "gofer=default", "Gofer=x", " gofer =/x", "gofer", "cache=none"}
	if got := ociconfig.StripOptions(options); !slices.Equal(got, []string{"rbind", "ro", "cache=none"}) {
		t.Errorf("%q", got)
	}
	a := join(named("m", "/m", "blob/v"), full("f", "/f", "bind", "pod"), notes{mountKey + "f.gofer": "blob/f", rootfsKey + "gofer": "zip/t", "other": "x"})
	if got, want := ociconfig.StripAnnotations(a), join(full("f", "/f", "bind", "pod"), notes{"other": "x"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestWhatIfGofer(t *testing.T) {
	o := ociconfig.Options{Flag: true, Gofers: backends(nil)}
	spec := container(named("m", "/m/", "blob/v"), bind("/m", "/m"), bind("/d", "/d"))
	for _, tt := range []struct{ name, value, mount, want string }{
		{"/d", "zip/tree", "/d", "zip/tree"},
		{"/m", "zip/tree", "/m", "zip/tree"},
		{"/m", "default", "/m", ""},
		{"m", "zip/tree", "/m", "zip/tree"},
		{"rootfs", "zip/tree", "/", "zip/tree"},
	} {
		s, o, err := ociconfig.WhatIf(spec, o, ociconfig.Change{Name: tt.name, Knob: directfspolicy.GoferKnob, Value: tt.value})
		if err != nil {
			t.Fatal(err)
		}
		p, err := ociconfig.Plan(s, o)
		if err != nil {
			t.Errorf("%s=%s: %v", tt.name, tt.value, err)
			continue
		}
		for _, d := range p.Decisions() {
			if d.Mount == tt.mount && d.Gofer.String() != tt.want || d.Mount != tt.mount && d.Mount != "/m" && d.ServedByVolume() {
				t.Errorf("%s=%s: %s is served by %q", tt.name, tt.value, d.Mount, d.Gofer)
			}
		}
	}
}
