package engine_test

import (
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/enginetest"
	"gvisor.dev/gvisor/runsc/config"
)

// readBackCases are small specs, each with the one thing that makes its engine
// lowering differ from what the flags alone would give.
var readBackCases = []struct {
	name                         string
	spec                         string // annotations and mounts
	member                       bool   // of a pod without hints
	fileAccess, fileAccessMounts config.FileAccessType
	want                         string // caches, rootfs first
}{
	{
		name:       "caches are those of the flags",
		spec:       `"mounts":[{"destination":"/data","type":"bind","source":"/src/a"}]`,
		fileAccess: config.FileAccessExclusive, fileAccessMounts: config.FileAccessExclusive,
		want: "exclusive exclusive",
	},
	{
		name:       "an option that is nearly a hint",
		spec:       `"mounts":[{"destination":"/data","type":"bind","source":"/src","options":["source"]}],"annotations":{"dev.gvisor.spec.mount.data.source":"/src","directfs":""}`,
		fileAccess: config.FileAccessExclusive, fileAccessMounts: config.FileAccessExclusive,
		want: "exclusive exclusive",
	},
	{
		name:       "the rootfs is shared by its annotation",
		spec:       `"annotations":{"dev.gvisor.spec.rootfs.cache":"shared"}`,
		fileAccess: config.FileAccessExclusive, fileAccessMounts: config.FileAccessExclusive,
		want: "shared",
	},
	{
		name:       "a member's rootfs is exclusive by its annotation",
		spec:       `"annotations":{"dev.gvisor.spec.rootfs.cache":"exclusive",` + memberOfPod + `}`,
		member:     true,
		fileAccess: config.FileAccessShared, fileAccessMounts: config.FileAccessExclusive,
		want: "exclusive",
	},
	{
		name:       "a member's rootfs is shared by its annotation",
		spec:       `"annotations":{"dev.gvisor.spec.rootfs.cache":"shared",` + memberOfPod + `}`,
		member:     true,
		fileAccess: config.FileAccessExclusive, fileAccessMounts: config.FileAccessExclusive,
		want: "shared",
	},
	{
		name: "the last of a member's mounts is exclusive by its option, two have one destination",
		spec: `"mounts":[{"destination":"/data","type":"bind","source":"/src/a0"},{"destination":"/data/","type":"bind","source":"/src/a/1"},` +
			`{"destination":"/b/../c","type":"bind","source":"/src//b2"},{"destination":"/d","type":"bind","source":"/src/a3","options":["cache=exclusive"]}],` +
			`"annotations":{` + memberOfPod + `}`,
		member:     true,
		fileAccess: config.FileAccessExclusive, fileAccessMounts: config.FileAccessShared,
		want: "exclusive shared shared shared exclusive",
	},
}

const (
	specHead    = `{"ociVersion":"1.2.1","process":{"user":{"uid":0,"gid":0},"args":["true"],"cwd":"/"},"root":{"path":"rootfs"},`
	memberOfPod = `"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":"pod"`
	podSpec     = specHead + `"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":"pod"}}`
)

// What the engine does with each of them is what the Plan says, for every mount.
func TestReadBackCases(t *testing.T) {
	for _, c := range readBackCases {
		for _, directfs := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				ec := enginetest.Case{Raw: []byte(specHead + c.spec + "}"),
					Conf: config.Config{DirectFS: directfs, FileAccess: c.fileAccess, FileAccessMounts: c.fileAccessMounts}}
				if c.member {
					ec.Pod = []byte(podSpec)
				}
				plan, err := ec.Plan()
				if err != nil {
					t.Fatal(err)
				}
				if got := cachesOf(plan); got != c.want {
					t.Errorf("caches are %s, want %s", got, c.want)
				}
				if err := ec.ReadBack(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func cachesOf(p directfspolicy.Plan) string {
	var caches []string
	for _, d := range p.Decisions() {
		caches = append(caches, d.Cache.String())
	}
	return strings.Join(caches, " ")
}
