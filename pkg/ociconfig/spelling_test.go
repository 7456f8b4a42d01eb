package ociconfig_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// refusals is for what a spec is refused.
func refusals(spec *specs.Spec) error {
	_, err := ociconfig.Plan(spec, ociconfig.Options{Flag: true})
	return err
}

// Annotations that say nothing of ours, as they are found: the engine's (all
// that its source has), its shim's, with names of containers and volumes that
// are like hints, and those of clients.
func TestAnnotationsOfOthers(t *testing.T) {
	for _, key := range []string{
		"dev.gvisor.bundle.experimental-high-performance",
		"dev.gvisor.container-name-remap.1", "dev.gvisor.container-name-remap.cache",
		"dev.gvisor.empty-dir.cache", "dev.gvisor.empty-dir.directfs",
		"dev.gvisor.flag.debug", "dev.gvisor.flag.dcache", "dev.gvisor.flag.host-uds", "dev.gvisor.flag.directfs",
		"dev.gvisor.internal.checkpoint.cache", "dev.gvisor.internal.cpufeatures", "dev.gvisor.internal.fscheckpoint.path",
		"dev.gvisor.internal.nvproxy", "dev.gvisor.internal.seccomp.cache", "dev.gvisor.internal.seccomp.directfs", "dev.gvisor.internal.tpuproxy",
		"dev.gvisor.spec.cgroup-parent", "dev.gvisor.tar.rootfs.upper",
		mountKey + "cache.type", mountKey + "cache.share", mountKey + "cache.source", mountKey + "cache.options", mountKey + "directfs.type",
		mountKey + "gofer.type", mountKey + "gofer.source", "dev.gvisor.empty-dir.gofer", "dev.gvisor.internal.gofer", "dev.gvisor.flag.gofer-network", "example.com/gofer", "gofer",
		rootfsKey + "type", rootfsKey + "source", rootfsKey + "overlay", rootfsKey + "options",
		"io.container.manager", "io.containerd.image.config.stop-signal",
		"io.katacontainers.config.hypervisor.default_cache", "io.katacontainers.fs-opt.block_device",
		"io.kubernetes.container.hash", "io.kubernetes.cri-o.Annotations", "io.kubernetes.cri-o.Cache", "io.kubernetes.cri-o.ContainerID",
		"io.kubernetes.cri-o.MountPoint", "io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri-o.ShmPath", "io.kubernetes.cri-o.Volumes", "io.kubernetes.cri-o.TTY",
		"io.kubernetes.cri.container-name", "io.kubernetes.cri.image-name", "io.kubernetes.cri.podsandbox.image-name", "io.kubernetes.cri.sandbox-id",
		"io.kubernetes.cri.sandbox-log-directory", "io.kubernetes.cri.sandbox-uid",
		"io.kubernetes.pod.terminationGracePeriod", "io.podman.annotations.autoremove", "io.podman.annotations.volumes-from",
		"org.opencontainers.image.source", "org.systemd.property.TimeoutStopUSec", "run.oci.keep_original_groups", "run.oci.mount_context_type",
		"com.docker.compose.project", "kubectl.kubernetes.io/last-applied-configuration", "kubernetes.io/config.source",
		"example.com/cache", "example.com/directfs", "cache", "directfs", "dev.example.directfs", "my.cache", "", ".", "...",
	} {
		if err := refusals(container(notes{key: "x"}, bind("/data", "/a"))); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Options that clients and people give to mounts are taken on any type of mount
// where they say nothing of ours.
func TestOptionsOfOthers(t *testing.T) {
	const anywhere = `
		bind rbind private rprivate slave rslave shared rshared unbindable runbindable ro rw rro rrw
		nosuid suid nodev dev noexec exec rnosuid rnodev rnoexec sync async dirsync rdirsync remount mand nomand
		atime noatime relatime norelatime strictatime nostrictatime lazytime nolazytime diratime nodiratime rnoatime rstrictatime
		silent loud iversion noiversion acl noacl nosymfollow symfollow nosymlinkfollow
		idmap ridmap idmap=uids=0-1-10;gids=0-100-10 ridmap=uids=0-1-10 tmpcopyup copy nocopy copy-symlink
		z Z U O cached delegated consistent consistency=cached volume-nocopy volume-opt=type=nfs volume-opt=o=addr=10.0.0.1 volume-driver=local bind-propagation=rslave
		mode=1777 size=65536k uid=0 gid=5 newinstance ptmxmode=0666 nr_inodes=100 huge=within_size mpol=local
		context="system_u:object_r:container_file_t:s0" fscontext=x defcontext=x rootcontext=x seclabel
		defaults auto noauto user nouser users owner group _netdev nofail x-systemd.automount x-mount.mkdir comment=cache
		direct_io direct direct_io=1 kernel_cache auto_cache noauto_cache ac_attr_timeout=1 allow_other default_permissions fsname=cache subtype=directfs
		dax dax=always discard nodiscard barrier data=ordered dioread_nolock directio nodirectio forcedirectio
		dcache=100 overlayfs_stale_read disable_file_handle_sharing force_page_cache fscache fsc nofsc
		cachetag=x readcache=1 writecache=2 caches acdirmax=60 actimeo=3 lookupcache=none lookupcache=all local_lock=none noac
		trans=virtio version=9p2000.L msize=512000 access=any cachedir=/x aname=/
		lowerdir=/l:/m upperdir=/u workdir=/w redirect_dir=on index=off metacopy=on userxattr volatile case=lower lower over=1 defer offer`
	mounts := map[string]specs.Mount{
		"bind": bind("/data", "/a"), "none": {Type: "none", Source: "/a", Options: []string{"bind"}}, "rbind": {Source: "/a", Options: []string{"rbind", "rprivate"}},
		"tmpfs": {Type: "tmpfs", Source: "tmpfs"}, "proc": {Type: "proc", Source: "proc"}, "cgroup": {Type: "cgroup", Source: "cgroup"}, "overlay": {Type: "overlay", Source: "overlay"},
		"9p": {Type: "9p", Source: "share"}, "fuse": {Type: "fuse", Source: "x"}, "nfs": {Type: "nfs", Source: "host:/x"}, "cifs": {Type: "cifs", Source: "//h/x"},
	}
	check := func(typ, opt string) {
		t.Helper()
		m := mounts[typ]
		m.Destination, m.Options = "/data", append(m.Options[:len(m.Options):len(m.Options)], opt)
		err := refusals(container(nil, m))
		var hint *directfspolicy.HintError
		if typ == "overlay" && !errors.As(err, &hint) {
			return // what its file system takes is tested in package overlaymount
		}
		if err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
	for typ := range mounts {
		for _, opt := range strings.Fields(anywhere) {
			check(typ, opt)
		}
	}
	// That of other file systems has other values, and theirs are none on a bind
	// mount.
	for _, value := range []string{"none", "mmap", "loose", "fscache", "readahead", "strict", "0x1"} {
		for _, typ := range []string{"9p", "cifs", "fuse", "nfs", "tmpfs"} {
			check(typ, "cache="+value)
		}
	}
	check("tmpfs", `context="system_u:object_r:container_file_t:s0:c1,c2"`)
}

// What can only be meant for a hint, and is none, is not taken for nothing.
func TestHintsThatAreMissed(t *testing.T) {
	for _, key := range []string{
		"dev.gvisor.directfs", "dev.gvisor.spec.directfs", "dev.gvisor.spec.mounts.data.directfs", "dev.gvisor.spec.volume.data.directfs",
		"dev.gvisor.mount.data.directfs", "dev.gvisor.spec.root.directfs", "dev.gvisor.spec.rootFS.directfs", "dev.gvisor.rootfs.directfs",
		"Dev.gVisor.spec.rootfs.directfs", "dev.gvisior.spec.rootfs.directfs", " dev.gvisor.spec.rootfs.directfs", "dev.gvisor/spec.rootfs.directfs",
		"dev.gvisor.spec.rootfs/directfs", "dev.gvisor.flags.directfs", "dev.gvisor.spec.mounts.data.cache", "dev.gvisor.spec.root.cache",
		rootfsKey + "no-directfs", rootfsKey + "directfs-enabled", rootfsKey + "dirеctfs" /* a Cyrillic letter */, rootfsKey + "dіrеctfs",
		mountKey + "data.no-directfs", mountKey + "data.directfs ", mountKey + "data.DirectFS", mountKey + "data.directf", mountKey + "data.cach",
		"dev.gvisor.spec.mounts.data.gofer", "dev.gvisor.gofer", mountKey + "data.gopher", mountKey + "data.Gofer", mountKey + "data.gofers", mountKey + "data.custom-gofer", rootfsKey + "gofer_", rootfsKey + "go-fer",
		mountKey + "data.directfs/", mountKey + "data/directfs",
	} {
		if err := refusals(container(notes{key: "off"}, bind("/data", "/a"))); !errors.Is(err, ociconfig.ErrInvalidKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
	for _, options := range []string{"directfs=off", "rw,directfs=on", "directfs", "DirectFS=off", "cache=exclusive", "ro,cahce=shared", "gofer=blob/v", "ro,gofer=/x", "gopher=blob/v"} {
		if err := refusals(container(notes{mountKey + "data.options": options}, bind("/data", "/a"))); !errors.Is(err, directfspolicy.ErrInvalidValue) {
			t.Errorf("options %q: %v", options, err)
		}
	}
	for _, opt := range []string{
		"nodirectfs", "no-directfs", "direct-fs", "directsf", "directfs:off", "directfs off", "x-directfs=off", "dev.gvisor.spec.mount.directfs=off",
		"gopher=blob/v", "gofers=blob/v", "Gofer=blob/v", "GOFER", "gofer =blob/v", " gofer=blob/v", "x-gofer=blob/v", "gofr=/x", "custom-gofer=blob/v",
		"dirctfs=off", "DIRECTFS=off", "Cache=exclusive", "cahce=exclusive", "cache =shared", "caches=Shared", "cache_=default",
	} {
		if err := refusals(container(nil, bind("/data", "/a", opt))); !errors.Is(err, ociconfig.ErrMountOption) {
			t.Errorf("option %q: %v", opt, err)
		}
	}
}
