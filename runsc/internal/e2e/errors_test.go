package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	allowed  = "; allowed: on, true, off, false, default; write one of the allowed values or remove the key"
	mountKey = "dev.gvisor.spec.mount.a.directfs"
	rootKey  = "dev.gvisor.spec.rootfs.directfs"
)

// refusal is a bundle that no container must be made of. In the message, DIR
// stands for the bundle's directory.
type refusal struct {
	name    string
	opts    []harness.Option
	message string
}

func mountA(options ...string) harness.Option { return harness.Mount("/a", options...) }

// refusals is every error that policy.md lists, but for those that need a
// running pod or a custom gofer.
func refusals() []refusal {
	var rs []refusal
	for _, v := range []string{"Off", "of", "1", ""} {
		rs = append(rs,
			refusal{"mount annotation " + v, []harness.Option{mountA(), harness.MountHint("a", "/a", "on"), harness.Annotation(mountKey, v)},
				fmt.Sprintf(`%s=%q (mount "DIR/src/a"): invalid value`, mountKey, v) + allowed},
			refusal{"rootfs annotation " + v, []harness.Option{harness.Annotation(rootKey, v)},
				fmt.Sprintf(`%s=%q (mount "/"): invalid value`, rootKey, v) + allowed},
			refusal{"mount option " + v, []harness.Option{mountA("rw", "directfs="+v)},
				fmt.Sprintf(`mount option directfs=%q (mount "/a"): invalid value`, v) + allowed},
		)
	}
	tmpfs := specs.Mount{Destination: "/t", Type: "tmpfs", Source: "tmpfs", Options: []string{"directfs=on"}}
	rs = append(rs, cacheRefusals()...)
	return append(rs,
		refusal{"no source", []harness.Option{mountA(), harness.Annotation(mountKey, "off")},
			mountKey + `="off": hint names no mount source; add dev.gvisor.spec.mount.a.source with the source of the mount that is meant`},
		refusal{"no mount", []harness.Option{mountA(), podHint("a", "/none", "off")},
			mountKey + `="off": hint matches no mount of this container; make its source the source of a mount or a directory above that, or remove the hint`},
		refusal{"option against annotation", []harness.Option{mountA("rw", "directfs=on"), harness.MountHint("a", "/a", "off")},
			`mount option directfs="on" (mount "/a"): contradicts another hint for the same mount; allowed: off; make it agree with ` + mountKey + `=off, or remove one of the two`},
		refusal{"two names", []harness.Option{mountA(), harness.MountHint("a", "/a", "off"), harness.MountHint("b", "/a", "on")},
			`dev.gvisor.spec.mount.b.directfs="on" (mount "/a"): contradicts another hint for the same mount; allowed: off; make it agree with ` + mountKey + `=off, or remove one of the two`},
		refusal{"on for a tmpfs", []harness.Option{harness.RawMount(tmpfs)},
			`mount option directfs="on" (mount "/t"): not a gofer mount; allowed: off, false, default; remove the hint: the mount lives in the sandbox and has no host directory`},
		// The image is not looked at: it does not exist.
		refusal{"on for an EROFS rootfs", []harness.Option{harness.Annotation("dev.gvisor.spec.rootfs.type", "erofs"),
			harness.Annotation("dev.gvisor.spec.rootfs.source", "/none.erofs"), harness.RootfsHint("on")},
			rootKey + `="on" (mount "/"): not a gofer mount; allowed: off, false, default; remove the hint: the mount lives in the sandbox and has no host directory`},
		refusal{"forged plan", []harness.Option{harness.Annotation("dev.gvisor.internal.directfs-plan", `{"version":1}`)},
			"annotation dev.gvisor.internal.directfs-plan: only the runtime may set this annotation; remove it from the bundle"},
		refusal{"forged mark", []harness.Option{harness.Annotation("dev.gvisor.internal.directfs-lowered", "true")},
			"annotation dev.gvisor.internal.directfs-lowered: only the runtime may set this annotation; remove it from the bundle"},
		refusal{"forged hints", []harness.Option{harness.Annotation("dev.gvisor.internal.directfs-hints", "{}")},
			"annotation dev.gvisor.internal.directfs-hints: only the runtime may set this annotation; remove it from the bundle"},
		refusal{"comma", []harness.Option{mountA("rw", "dcache=-1,directfs")},
			`mount option="dcache=-1,directfs" (mount "/a"): mount option not allowed; give each option an entry of its own; an option has no comma`},
		refusal{"bare option", []harness.Option{mountA("rw", "directfs")},
			`mount option="directfs" (mount "/a"): mount option not allowed; write one of directfs=on, directfs=true, directfs=off, directfs=false, directfs=default`},
		refusal{"dot in a name", []harness.Option{mountA(), harness.Annotation("dev.gvisor.spec.mount.a.b.directfs", "off")},
			`dev.gvisor.spec.mount.a.b.directfs="off": invalid key; allowed: dev.gvisor.spec.mount.<NAME>.<FIELD>; write a key of that form; a name has no dot`},
		refusal{"source of the runtime's own", []harness.Option{harness.RawMount(specs.Mount{Destination: "/s", Type: "bind", Source: "/.directfs-policy/directfs/shared"})},
			`mount "/s": sources under /.directfs-policy/ are the runtime's own`},
		refusal{"member of an unknown sandbox", []harness.Option{harness.PodMember("nobody", "app")},
			`sandbox "nobody", which this container wants to join: file does not exist`},
	)
}

func cacheRefusals() []refusal {
	const (
		key     = "dev.gvisor.spec.mount.a.cache"
		allowed = "allowed: shared, exclusive, default; write one of the allowed values or remove the key"
	)
	mountA := func(options ...string) harness.Option { return harness.Mount("/a", options...) }
	local := harness.Edit(func(s *specs.Spec) {
		for field, value := range map[string]string{"source": "/tmp", "type": "bind", "share": "container"} {
			s.Annotations["dev.gvisor.spec.mount.a."+field] = value
		}
	})
	return []refusal{
		{"cache annotation", []harness.Option{mountA(), cacheHint("a", "/none", "Shared")}, key + `="Shared" (mount "/none"): invalid value; ` + allowed},
		{"cache option", []harness.Option{mountA("rw", "cache=none")}, `mount option cache="none" (mount "/a"): invalid value; ` + allowed},
		{"bare cache option", []harness.Option{mountA("rw", "cache")}, `mount option="cache" (mount "/a"): mount option not allowed; write one of cache=shared, cache=exclusive, cache=default`},
		{"cache of the rootfs", []harness.Option{harness.Annotation("dev.gvisor.spec.rootfs.cache", "")}, `dev.gvisor.spec.rootfs.cache="" (mount "/"): invalid value; ` + allowed},
		{"cache without a mount", []harness.Option{mountA(), cacheHint("a", "/none", "shared")},
			key + `="shared": hint matches no mount of this container; make its source the source of a mount or a directory above that, or remove the hint`},
		{"cache without a source", []harness.Option{mountA(), harness.Annotation(key, "shared")},
			key + `="shared": hint names no mount source; add dev.gvisor.spec.mount.a.source with the source of the mount that is meant`},
		{"cache of a tmpfs", []harness.Option{harness.RawMount(specs.Mount{Destination: "/t", Type: "tmpfs", Source: "tmpfs", Options: []string{"cache=exclusive"}})},
			`mount option cache="exclusive" (mount "/t"): not a gofer mount; allowed: default; remove the hint: the mount lives in the sandbox, which alone has its files`},
		{"shared under an overlay", []harness.Option{harness.MountFrom("/tmp", "/a", "rw", "cache=shared"), local},
			`mount option cache="shared" (mount "/a"): an overlay over the mount does not look for changes below it; allowed: exclusive, default; remove the hint, or the overlay`},
		{"exclusive and another writer", []harness.Option{harness.MountFrom("/usr", "/a", "rw", "cache=exclusive"), harness.MountFrom("/usr/share", "/b")},
			`mount option cache="exclusive" (mount "/a"): another mount changes the same files; mount "/b" writes to them (/usr/share); allowed: shared, default; write one of these for mount "/a", or make mount "/b" read-only`},
	}
}

// TestRefusals expects each refusal from every command that makes a container,
// in the same words, before anything was started.
func TestRefusals(t *testing.T) {
	lab := newLab(t)
	image := volume(lab, "image")
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) {
			b := lab.Bundle(t, r.opts...)
			message := strings.ReplaceAll(r.message, "DIR", b.Dir)
			checkRefusedBy(t, lab, lab.Runtime, message, "create", "--bundle="+b.Dir)
			checkRefusedBy(t, lab, lab.Runtime, message, "run", "--bundle="+b.Dir)
			checkRefusedBy(t, lab, lab.Runtime, message, "restore", "--bundle="+b.Dir, "--image-path="+image)
		})
	}
}

// checkRefusedBy runs a command for a fresh id, expects the refusal and nothing
// left.
func checkRefusedBy(t *testing.T, lab *harness.Lab, r *harness.Runtime, message string, args ...string) {
	t.Helper()
	before, err := (harness.Scope{Dir: lab.Dir, IDPrefix: filepath.Base(lab.Dir) + "-"}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Command(harness.Context(t), append(args, lab.ID())...)
	if err != nil {
		t.Fatal(err)
	}
	checkMessage(t, res, args[0]+": "+message)
	if res.Stdout != "" {
		t.Errorf("refused, but printed %q", res.Stdout)
	}
	leaks, err := before.Diff(harness.Context(t))
	if err != nil || len(leaks) > 0 {
		t.Errorf("left by a refused %s: %q, %v", args[0], leaks, err)
	}
}

func TestSpecThatDoesNotParse(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t)
	if err := os.WriteFile(filepath.Join(b.Dir, "config.json"), []byte(`{"annotations": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	id := lab.ID()
	_, err := lab.Create(harness.Context(t), id, b)
	checkRefused(t, err, "FetchSpec failed: reading spec: error unmarshaling spec from file "+strconv.Quote(filepath.Join(b.Dir, "config.json"))+
		": json: cannot unmarshal number into Go struct field Spec.annotations of type map[string]string\n "+`{"annotations": 1}`)
	lab.CheckGone(t, id)
}

// In a pod, a hint may be meant for another container.
func TestHintWithoutMountInPodIsAWarning(t *testing.T) {
	lab := newLab(t)
	logTo(t, lab)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox(), podHint("a", "/none", "off"))
	log, err := lab.Log(pause.ID, "create")
	const warning = "directfs plan: hint dev.gvisor.spec.mount.a.directfs=off matches no mount of this container"
	if err != nil || !strings.Contains(log, warning) {
		t.Errorf("%q is not in the log: %v", warning, err)
	}
	stop(t, lab, pause)
}
