package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"github.com/directfs/runsc/runsc/internal/e2e/layers"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// overlayDriver is who makes the union that a container sees.
type overlayDriver string

const (
	byHand       overlayDriver = "by hand" // the host's overlay, mounted before, and a bind mount of it
	hostDriver   overlayDriver = "host"    // the host's overlay, from config.json
	sentryDriver overlayDriver = "sentry"  // gVisor's overlay, from config.json
)

// mount is the mount of an overlay for config.json, and what to do when the
// container has ended.
func (d overlayDriver) mount(t *testing.T, lab *harness.Lab, destination string, o layers.Overlay) (specs.Mount, func()) {
	t.Helper()
	if d == byHand {
		target := scratch(t, lab)
		if err := o.Mount(target); err != nil {
			t.Fatal(err)
		}
		return specs.Mount{Destination: destination, Type: "bind", Source: target, Options: []string{bindOption(o)}}, func() {
			if err := unix.Unmount(target, 0); err != nil {
				t.Error(err)
			}
		}
	}
	options := o.Options()
	if d == sentryDriver {
		options = append(options, "gvisor.overlay=sentry")
	}
	return specs.Mount{Destination: destination, Type: "overlay", Source: "overlay", Options: options}, func() {}
}

// bindOption is how an overlay is bound: one without an upper layer is read-only,
// which a gofer's client has to know. Only the host's kernel would refuse to
// write, and gVisor's does not pass on each refusal.
func bindOption(o layers.Overlay) string {
	if o.Upper == "" {
		return "ro"
	}
	return "rw"
}

// scratch is a directory that is removed with the lab.
func scratch(t *testing.T, lab *harness.Lab) string {
	t.Helper()
	dir, err := os.MkdirTemp(lab.Dir, "b")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// inMemory is a directory in memory, where thousands of files are made in no
// time. A kernel whose tmpfs has no user.* attributes (before 6.6) gets one of
// the lab's file system.
func inMemory(t *testing.T, lab *harness.Lab) string {
	t.Helper()
	dir := scratch(t, lab)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	unmount := func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}
	if err := unix.Setxattr(dir, "user.probe", nil, 0); err != nil {
		unmount()
		return dir
	}
	t.Cleanup(unmount)
	return dir
}

// records are what jobs of the guest recorded, step by step, by job.
type records map[string][]report.Step

// unions are the overlays that the jobs are run on, by the name of the
// directory where they are mounted.
type unions map[string]layers.Overlay

// newUnions makes the layers of a writable overlay, of a read-only one, and of
// one with a hundred layers, for a user of the host.
func newUnions(t *testing.T, memory string, dialect layers.Dialect, owner int) unions {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	all, errs := unions{}, []error{err}
	add := func(name string, build func(dir string) (layers.Overlay, error)) {
		sub := filepath.Join(dir, name)
		errs = append(errs, os.Mkdir(sub, 0o755))
		o, err := build(sub)
		all[name], errs = o, append(errs, err)
	}
	add("ov", func(dir string) (layers.Overlay, error) { return layers.Build(dir, scenes(t), dialect) })
	add("deep", func(dir string) (layers.Overlay, error) { return layers.Deep(dir, 100, dialect) })
	add("ro", func(dir string) (layers.Overlay, error) {
		o, err := layers.Build(dir, []string{"create"}, dialect)
		return o.ReadOnly(), err
	})
	if owner != 0 {
		errs = append(errs, giveTo(owner, dir))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return all
}

// giveTo gives a directory and all below it to a user.
func giveTo(owner int, dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, unix.Lchown(path, owner, owner))
	})
}

// scenes are the names of the directories that the guest's cases need.
func scenes(t *testing.T) (names []string) {
	t.Helper()
	out, err := exec.CommandContext(harness.Context(t), harness.GuestBinary(t), "scenes").Output()
	if err == nil {
		err = json.Unmarshal(out, &names)
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// inside runs jobs in a container with the overlays, until it ends.
func (d overlayDriver) inside(t *testing.T, lab *harness.Lab, u unions, jobs []string, options ...harness.Option) records {
	t.Helper()
	for name, o := range u {
		m, release := d.mount(t, lab, "/"+name, o)
		defer release()
		options = append(options, harness.RawMount(m))
	}
	return runJobs(t, lab, jobs, options...)
}

// otherUsers lets the guest try operations as another user.
var otherUsers = harness.Edit(func(s *specs.Spec) {
	c := s.Process.Capabilities
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
		*set = append(slices.Clone(*set), "CAP_SETUID", "CAP_SETGID")
	}
})

// runJobs runs jobs in a container, until it ends.
func runJobs(t *testing.T, lab *harness.Lab, jobs []string, options ...harness.Option) records {
	t.Helper()
	args := []string{"overlay"}
	for _, job := range jobs {
		args = append(args, strings.Replace(job, ":", ":/", 1))
	}
	b := lab.Bundle(t, append(options, harness.Args(args...), otherUsers)...)
	res, err := lab.Run(harness.Context(t), lab.ID(), b)
	if err == nil {
		err = res.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	return parseRecords(t, []byte(res.Stdout))
}

// native runs jobs as processes of the host, on the host's overlays in a mount
// namespace of their own; with an owner who is not root, in that user's
// namespace.
func native(t *testing.T, lab *harness.Lab, u unions, owner int, jobs []string) records {
	t.Helper()
	dir := scratch(t, lab)
	mounts := unions{}
	for name, o := range u {
		mounts[filepath.Join(dir, name)] = o
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	encoded, err := json.Marshal(mounts)
	if err != nil {
		t.Fatal(err)
	}
	return runNative(t, dir, owner, jobs, "mounted", string(encoded))
}

// runNative runs jobs in directories below one of the host.
func runNative(t *testing.T, dir string, owner int, jobs []string, before ...string) records {
	t.Helper()
	args := append(before, "overlay")
	for _, job := range jobs {
		args = append(args, strings.Replace(job, ":", ":"+dir+"/", 1))
	}
	cmd := exec.CommandContext(harness.Context(t), harness.GuestBinary(t), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if owner != 0 {
		id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: owner, Size: 1}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: id, GidMappings: id,
			Credential: &syscall.Credential{NoSetGroups: true}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	return parseRecords(t, out)
}

func parseRecords(t *testing.T, out []byte) records {
	t.Helper()
	var r records
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return r
}
