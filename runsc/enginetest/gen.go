package enginetest

import (
	"encoding/json"
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/config"
	"pgregory.net/rapid"
)

// Case is a container to be created: its spec, the spec of the first container
// if it joins a pod, and the runtime's flags.
type Case struct {
	Pod  []byte // nil for a sandbox's first container
	Raw  []byte
	Conf config.Config
}

// The words that specs are made of. Sources come in several spellings; among
// options, types and values are some that nobody should write.
var (
	dests     = []string{"/data", "/data/", "/b/../c", "/d", "/e f", "/ü"}
	sources   = []string{"/src/a", "/src/a/", "/src//b", "/src/b", "rel/c", "/bundle/rel/c", "tmpfs", ""}
	types     = []string{"bind", "bind", "bind", "", "none", "tmpfs", "proc", "erofs", "BIND"}
	options   = []string{"rbind", "bind", "ro", "rw", "noatime", "dcache=10", "disable_file_handle_sharing", "RBIND", "bind=1", "mode=755"}
	settings  = []string{"on", "off", "default", "true", "false"}
	caches    = []string{"shared", "exclusive", "exclusive", "default"}
	gofers    = []string{"blob/models", "blob/models", "zip/tree", "default"}
	badWords  = []string{"Off", "ON", "", "1", "of", "off ", "off,on"}
	badOpts   = []string{"directfs", "dcache=-1,directfs", "DirectFS=off", "directfs=Off", " directfs=on", "a=b=c", "cache=none", "cache", " cache=shared", "gofer=nobody/models", "gofer=/run/blob.sock"}
	hintTypes = []string{"bind", "tmpfs", "ext4", ""}
	shares    = []string{"container", "pod", "shared", "private"}
)

var oddFields = []struct {
	name  string
	words []string
}{
	{"type", hintTypes}, {"share", shares}, {"options", []string{"ro", "ro,bind", "rw"}},
	{"directfs", badWords}, {"cache", badWords}, {"source", []string{"", "/src/b"}},
	{"direct-fs", settings}, {"cached", caches},
}

const (
	typeAnnotation    = "io.kubernetes.cri.container-type"
	sandboxAnnotation = "io.kubernetes.cri.sandbox-id"
	mountKey          = "dev.gvisor.spec.mount."
	rootfsKey         = "dev.gvisor.spec.rootfs."
)

// DrawCase draws a container. Most specs are such that the runtime takes them,
// some have one thing in them for which it must refuse them.
func DrawCase(t *rapid.T) Case {
	c := Case{Conf: drawConf(t)}
	scope := rapid.SampledFrom([]string{"", "sandbox", "container", "container"}).Draw(t, "scope")
	wild := rapid.SampledFrom([]bool{false, false, true}).Draw(t, "wild")
	if scope == "container" {
		pod := drawSpec(t, "sandbox", wild)
		c.Pod = encode(pod)
		spec := drawSpec(t, scope, wild)
		if rapid.Bool().Draw(t, "pod's annotations") {
			inherit(spec, pod)
		}
		c.Raw = encode(spec)
		return c
	}
	c.Raw = encode(drawSpec(t, scope, wild))
	return c
}

func drawConf(t *rapid.T) config.Config {
	modes := []config.FileAccessType{config.FileAccessExclusive, config.FileAccessShared}
	conf := config.Config{
		DirectFS:         rapid.Bool().Draw(t, "flag"),
		FileAccess:       rapid.SampledFrom(modes).Draw(t, "file-access"),
		FileAccessMounts: rapid.SampledFrom(modes).Draw(t, "file-access-mounts"),
		Network:          rapid.SampledFrom([]config.NetworkType{config.NetworkSandbox, config.NetworkSandbox, config.NetworkHost}).Draw(t, "network"),
	}
	// An overlay in the mount itself would need the mount to exist.
	overlay := rapid.SampledFrom([]string{"none", "root:memory", "all:memory"}).Draw(t, "overlay2")
	if err := conf.Overlay2.Set(overlay); err != nil {
		t.Fatal(err)
	}
	return conf
}

// inherit gives a container the pod's mount hints in place of its own, as
// containerd does.
func inherit(spec, pod *specs.Spec) {
	own := spec.Annotations
	spec.Annotations = map[string]string{}
	for k, v := range pod.Annotations {
		if strings.HasPrefix(k, mountKey) {
			spec.Annotations[k] = v
		}
	}
	for k, v := range own {
		if !strings.HasPrefix(k, mountKey) {
			spec.Annotations[k] = v
		}
	}
}

func drawSpec(t *rapid.T, scope string, wild bool) *specs.Spec {
	spec := &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{Args: []string{"true"}, Cwd: "/"},
		Root:    &specs.Root{Path: "rootfs"},
	}
	spec.Root.Readonly = sometimes(t, "read-only rootfs")
	a := map[string]string{}
	if scope != "" {
		a[typeAnnotation] = scope
		a[sandboxAnnotation] = "pod"
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "mounts") {
		spec.Mounts = append(spec.Mounts, drawMount(t, i, wild))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "names") {
		drawHint(t, a, fmt.Sprintf("n%d", i), spec.Mounts, wild)
	}
	drawRootfs(t, a, wild)
	if len(a) > 0 {
		spec.Annotations = a
	}
	return spec
}

func drawMount(t *rapid.T, i int, wild bool) specs.Mount {
	m := specs.Mount{
		Destination: dests[i],
		Type:        rapid.SampledFrom(types).Draw(t, "type"),
		Source:      rapid.SampledFrom(sources).Draw(t, "source"),
	}
	if !wild {
		m.Source = fmt.Sprintf("%s%d", sources[i%3], i)
	}
	for range rapid.IntRange(0, 2).Draw(t, "options") {
		m.Options = append(m.Options, rapid.SampledFrom(options).Draw(t, "option"))
	}
	if sometimes(t, "option hint") {
		m.Options = append(m.Options, "directfs="+rapid.SampledFrom(settings).Draw(t, "value"))
	}
	if sometimes(t, "option cache hint") {
		m.Options = append(m.Options, "cache="+rapid.SampledFrom(caches).Draw(t, "cache"))
	}
	if m.Type == "bind" && seldom(t, "option gofer hint") {
		m.Options = append(m.Options, "gofer="+rapid.SampledFrom(gofers).Draw(t, "gofer"))
	}
	if wild && sometimes(t, "bad option") {
		m.Options = append(m.Options, rapid.SampledFrom(badOpts).Draw(t, "bad option"))
	}
	if wild && sometimes(t, "twin") {
		m.Destination = dests[0]
	}
	return m
}

// drawHint draws the annotations of one name, complete for the engine or not.
func drawHint(t *rapid.T, a map[string]string, name string, mounts []specs.Mount, wild bool) {
	set := func(field, value string) { a[mountKey+name+"."+field] = value }
	source := rapid.SampledFrom(sources).Draw(t, "hint source")
	if len(mounts) > 0 && !(wild && sometimes(t, "no such mount")) {
		source = rapid.SampledFrom(mounts).Draw(t, "hinted").Source
		if sometimes(t, "other spelling") {
			source += "/"
		}
	}
	set("source", source)
	if rapid.Bool().Draw(t, "complete") {
		set("type", rapid.SampledFrom(hintTypes[:2]).Draw(t, "hint type"))
		set("share", rapid.SampledFrom(shares[:3]).Draw(t, "share"))
	}
	if rapid.Bool().Draw(t, "hinted") {
		set("directfs", rapid.SampledFrom(settings).Draw(t, "value"))
	}
	if sometimes(t, "cache hinted") {
		set("cache", rapid.SampledFrom(caches).Draw(t, "cache"))
	}
	if seldom(t, "gofer hinted") {
		set("gofer", rapid.SampledFrom(gofers).Draw(t, "gofer"))
	}
	if !wild {
		return
	}
	if seldom(t, "bad gofer") {
		set("gofer", rapid.SampledFrom([]string{"nobody/models", "s3://models", ""}).Draw(t, "bad gofer"))
	}
	for _, odd := range oddFields {
		if sometimes(t, "odd "+odd.name) {
			set(odd.name, rapid.SampledFrom(odd.words).Draw(t, "odd "+odd.name))
		}
	}
}

func drawRootfs(t *rapid.T, a map[string]string, wild bool) {
	set := func(field, value string) { a[rootfsKey+field] = value }
	if rapid.Bool().Draw(t, "rootfs hinted") {
		set("directfs", rapid.SampledFrom(settings).Draw(t, "value"))
	}
	if sometimes(t, "rootfs cache hinted") {
		set("cache", rapid.SampledFrom(caches).Draw(t, "cache"))
	}
	if seldom(t, "rootfs gofer hinted") {
		set("gofer", rapid.SampledFrom(gofers).Draw(t, "gofer"))
	}
	if sometimes(t, "rootfs fields") {
		set("type", rapid.SampledFrom([]string{"bind", "erofs"}).Draw(t, "rootfs type"))
		set("source", "/img")
		if rapid.Bool().Draw(t, "rootfs overlay") {
			set("overlay", "memory")
		}
	}
	if wild && sometimes(t, "bad rootfs value") {
		set("directfs", rapid.SampledFrom(badWords).Draw(t, "bad rootfs value"))
	}
}

func sometimes(t *rapid.T, label string) bool { return rapid.IntRange(0, 5).Draw(t, label) == 5 }

// seldom is for what makes many other things impossible.
func seldom(t *rapid.T, label string) bool { return rapid.IntRange(0, 29).Draw(t, label) == 29 }

func encode(spec *specs.Spec) []byte {
	b, err := json.Marshal(spec)
	if err != nil {
		panic(err) // a specs.Spec of strings always encodes
	}
	return b
}
