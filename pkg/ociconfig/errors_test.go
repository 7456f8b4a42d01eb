package ociconfig_test

import (
	"errors"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func isErr(err, sentinel error) bool { return errors.Is(err, sentinel) }

// Every value that is none of the five words, at every key that takes them.
func TestInvalidValues(t *testing.T) {
	for _, v := range []string{"Off", "ON", "of", "1", "", " off", "off ", "yes", "no", "TRUE", "unset", "directfs", "off,on"} {
		bad := `: invalid value; ` + allowed + `; ` + removeHint
		checkError(t, container(hint("data", "/a", v), bind("/data", "/a")), ociconfig.Options{Flag: true}, directfspolicy.ErrInvalidValue,
			mountKey+`data.directfs="`+v+`" (mount "/a")`+bad)
		checkError(t, container(notes{rootfsKey + "directfs": v}), ociconfig.Options{Flag: true}, directfspolicy.ErrInvalidValue,
			rootfsKey+`directfs="`+v+`" (mount "/")`+bad)
		if v == "off,on" {
			continue // an option with a comma is refused as such
		}
		checkError(t, container(nil, bind("/data", "/a", "directfs="+v)), ociconfig.Options{Flag: true}, directfspolicy.ErrInvalidValue,
			`mount option directfs="`+v+`" (mount "/data")`+bad)
	}
}

// Each refusal, with the words that tell the user where it is and what to do.
func TestErrors(t *testing.T) {
	const (
		form      = `allowed: ` + mountKey + `<NAME>.<FIELD>; write a key of that form; a name has no dot`
		noComma   = `(mount "/data"): mount option not allowed; give each option an entry of its own; an option has no comma`
		writeForm = `(mount "/data"): mount option not allowed; write one of directfs=on, directfs=true, directfs=off, directfs=false, directfs=default`
		conflict  = `contradicts another hint for the same mount`
	)
	data := func(options ...string) *specs.Spec { return container(nil, bind("/data", "/a", options...)) }
	for name, tt := range map[string]struct {
		spec *specs.Spec
		err  error
		text string
	}{
		"no source":      {container(notes{mountKey + "data.directfs": "off"}, bind("/data", "/a")), ociconfig.ErrNoSource, mountKey + `data.directfs="off": hint names no mount source; add ` + mountKey + `data.source with the source of the mount that is meant`},
		"empty source":   {container(hint("data", "", "on"), bind("/data", "/a")), ociconfig.ErrNoSource, mountKey + `data.directfs="on": hint names no mount source; add ` + mountKey + `data.source with the source of the mount that is meant`},
		"no such mount":  {container(hint("data", "/b", "default"), bind("/data", "/a")), directfspolicy.ErrNoMount, mountKey + `data.directfs="default": hint matches no mount of this container; make its source the source of a mount or a directory above that, or remove the hint`},
		"dotted name":    {container(notes{mountKey + "a.b.directfs": "off"}), ociconfig.ErrInvalidKey, mountKey + `a.b.directfs="off": invalid key; ` + form},
		"no name":        {container(notes{mountKey + ".directfs": "off"}), ociconfig.ErrInvalidKey, mountKey + `.directfs="off": invalid key; ` + form},
		"no field":       {container(notes{mountKey + "directfs": "off"}), ociconfig.ErrInvalidKey, mountKey + `directfs="off": invalid key; ` + form},
		"bare option":    {data("directfs"), ociconfig.ErrMountOption, `mount option="directfs" ` + writeForm},
		"other case":     {data("DirectFS=off"), ociconfig.ErrMountOption, `mount option="DirectFS=off" ` + writeForm},
		"separator":      {data("direct-fs=off"), ociconfig.ErrMountOption, `mount option="direct-fs=off" ` + writeForm},
		"typo":           {data("directsf=off"), ociconfig.ErrMountOption, `mount option="directsf=off" ` + writeForm},
		"spaces":         {data(" directfs =on"), ociconfig.ErrMountOption, `mount option=" directfs =on" ` + writeForm},
		"comma":          {data("dcache=-1,directfs"), ociconfig.ErrMountOption, `mount option="dcache=-1,directfs" ` + noComma},
		"comma, hint":    {data("directfs=on,ro"), ociconfig.ErrMountOption, `mount option="directfs=on,ro" ` + noComma},
		"twice, differs": {data("directfs=on", "directfs=off"), directfspolicy.ErrConflict, `mount option directfs="off" (mount "/data"): ` + conflict + `; allowed: on; make it agree with mount option directfs=on, or remove one of the two`},
		"option, annotation": {container(hint("data", "/a", "off"), bind("/data", "/a", "directfs=true")), directfspolicy.ErrConflict,
			`mount option directfs="on" (mount "/data"): ` + conflict + `; allowed: off; make it agree with ` + mountKey + `data.directfs=off, or remove one of the two`},
		"two names": {container(join(hint("a", "/a", "off"), hint("b", "/a/", "default")), bind("/data", "/a")), directfspolicy.ErrConflict,
			mountKey + `b.directfs="default" (mount "/data"): ` + conflict + `; allowed: off; make it agree with ` + mountKey + `a.directfs=off, or remove one of the two`},
		"two complete names": {container(join(full("a", "/a", "bind", "pod"), full("b", "/a", "bind", "pod")), bind("/data", "/a")), directfspolicy.ErrConflict,
			mountKey + `b.source="/a": ` + conflict + `; ` + mountKey + `a has the same source; merge the two names into one`},
		"tmpfs by bind": {container(join(full("a", "/a", "tmpfs", "pod"), notes{mountKey + "a.options": "ro,rbind"}), bind("/data", "/a")), directfspolicy.ErrConflict,
			mountKey + `a.options="ro,rbind": ` + conflict + `; the name has type=tmpfs: remove bind and rbind from its options, or write type=bind`},
		"on for proc": {container(nil, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"directfs=on"}}), directfspolicy.ErrNotGoferMount,
			`mount option directfs="on" (mount "/proc"): not a gofer mount; allowed: off, false, default; remove the hint: the mount lives in the sandbox and has no host directory`},
		"on for erofs rootfs": {container(notes{rootfsKey + "type": "erofs", rootfsKey + "source": "/img", rootfsKey + "directfs": "true"}), directfspolicy.ErrNotGoferMount,
			rootfsKey + `directfs="on" (mount "/"): not a gofer mount; allowed: off, false, default; remove the hint: the mount lives in the sandbox and has no host directory`},
		"relative destination": {container(nil, bind("data", "/a")), directfspolicy.ErrInvalidRequest, `invalid request: mount destination "data" is not absolute`},
		"twins":                {container(hint("a", "/a", "off"), bind("/data", "/a"), bind("/data/", "/b")), directfspolicy.ErrInvalidRequest, twins},
		"containerd type": {container(notes{criType: "Sandbox"}), directfspolicy.ErrInvalidValue,
			criType + `="Sandbox": invalid value; allowed: sandbox, container; write one of the allowed values or remove the annotation`},
		"CRI-O type": {container(notes{crioType: ""}), directfspolicy.ErrInvalidValue,
			crioType + `="": invalid value; allowed: sandbox, container; write one of the allowed values or remove the annotation`},
		"member without pod": {container(notes{criType: "container"}), directfspolicy.ErrInvalidRequest,
			`invalid request: a container that joins a sandbox needs the spec of the pod's first container`},
	} {
		t.Run(name, func(t *testing.T) { checkError(t, tt.spec, ociconfig.Options{Flag: true}, tt.err, tt.text) })
	}
}

const twins = `invalid request: two mounts at "/data" have different decisions (lisafs cache=shared and directfs cache=shared); give them the same hint or remove one`

// A pod's hints and a container's own are one set; neither wins.
func TestPodConflicts(t *testing.T) {
	const fix = `contradicts another hint for the same mount; allowed: %s; give the pod and the container the same value, or remove one of the two`
	for name, tt := range map[string]struct {
		pod, own notes
		text     string
	}{
		"value":  {hint("data", "/a", "on"), hint("data", "/a", "off"), mountKey + `data.directfs="off": ` + sprintf(fix, "on")},
		"source": {hint("data", "/a", "on"), hint("data", "/b", "on"), mountKey + `data.source="/b": ` + sprintf(fix, "/a")},
		"spelling": {hint("data", "/a", "off"), hint("data", "/a", "false"),
			mountKey + `data.directfs="false": ` + sprintf(fix, "off")},
	} {
		t.Run(name, func(t *testing.T) {
			o := ociconfig.Options{Flag: true, Pod: container(tt.pod)}
			own := join(tt.own, notes{criType: "container"})
			checkError(t, container(own, bind("/data", "/a")), o, directfspolicy.ErrConflict, tt.text)
		})
	}
}

// The engine's own keys are the pod's business: a container that disagrees
// about them is taken, as the engine takes it. So is one that disagrees about
// the source of a name without a directfs hint.
func TestPodDisagreements(t *testing.T) {
	pod := container(join(full("a", "/a", "bind", "container"), hint("a", "/a", "off"), full("b", "/b", "bind", "pod")))
	own := join(full("a", "/a", "tmpfs", "shared"), full("b", "/c", "bind", "pod"), notes{criType: "container"})
	p, err := ociconfig.Plan(container(own, bind("/data", "/a")), ociconfig.Options{Flag: true, Pod: pod})
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Decisions()[1]; d.Access != directfspolicy.LisaFS || d.Cache != directfspolicy.CacheExclusive {
		t.Errorf("%+v", d)
	}
}

// An error of Request comes with the zero Request.
func TestRequestErrorIsZero(t *testing.T) {
	r, err := ociconfig.Request(container(nil, bind("/a", "/a"), bind("/b", "/b", "directfs")), ociconfig.Options{Flag: true})
	if err == nil || r.Flag || r.Mounts != nil || r.Rootfs.Destination != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestVirtualBackendRefusesOn(t *testing.T) {
	o := ociconfig.Options{Backend: func(_ *specs.Spec, m specs.Mount) (directfspolicy.Backend, string) {
		return directfspolicy.VirtualGofer, "blob"
	}}
	checkError(t, container(nil, bind("/data", "/a", "directfs=on")), o, directfspolicy.ErrCannotDonate,
		`mount option directfs="on" (mount "/data"): backend cannot donate a root FD; allowed: off, false, default; remove the hint: backend "blob" serves this mount over LisaFS only`)
}
