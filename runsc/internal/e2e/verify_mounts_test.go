package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/directfs/runsc/runsc/internal/verify"
	"golang.org/x/sys/unix"
)

// inode identifies what is at the path.
func inodeAt(t *testing.T, path string) [2]uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatalf("stat %s: %v", path, err)
	}
	return [2]uint64{uint64(st.Dev), st.Ino}
}

// linkTo returns the magic link by which the process holds what is at the path,
// or else a file whose link starts like this.
func linkTo(t *testing.T, pid int, what [2]uint64, start string) string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && (start != "" && strings.HasPrefix(target, start) || start == "" && inodeAt(t, link) == what) {
			return link
		}
	}
	t.Fatalf("process %d holds no %v%s", pid, what, start)
	return ""
}

// setAttributes changes a mount of the container's, from inside of the mount
// namespace that it is served from, and returns a function that changes it
// back. number is the mount's in the gofer's root if it is there, or else -1.
func setAttributes(t *testing.T, c *harness.Container, source string, number int, change, back unix.MountAttr) (undo func()) {
	t.Helper()
	link, ns := fmt.Sprintf("/proc/%d/root/%d", c.GoferPID, number), fmt.Sprintf("/proc/%d/ns/mnt", c.GoferPID)
	if number < 0 {
		link = linkTo(t, c.SandboxPID, inodeAt(t, source), "")
		ns = linkTo(t, c.GoferPID, [2]uint64{}, "mnt:[")
	}
	set := func(attr unix.MountAttr) {
		t.Helper()
		inNamespace(t, ns, link, func(fd int) error { return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr) })
	}
	set(change)
	return func() { set(back) }
}

// inNamespace calls f in the mount namespace with an FD of what is at the path
// in this one.
func inNamespace(t *testing.T, ns, path string, f func(fd int) error) {
	t.Helper()
	err := isolation.OnOwnThread(func() error {
		space, err := unix.Open(ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(space)
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(space, unix.CLONE_NEWNS); err != nil {
			return err
		}
		return f(fd)
	})
	if err != nil {
		t.Fatalf("%s in %s: %v", path, ns, err)
	}
}

// shareOnHost makes the source of a mount a shared mount.
func shareOnHost(t *testing.T, source string) {
	t.Helper()
	for _, flags := range []uintptr{unix.MS_BIND, unix.MS_SHARED} {
		if err := unix.Mount(source, source, "", flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(source, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// Whatever opens a served mount wider than planned is noticed, for that mount
// alone, wherever it is served from.
func TestVerifyNoticesAttributes(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/ro", "ro"), harness.Mount("/off", "ro", "directfs=off"), harness.FileMount("/file", "text", "ro"),
		harness.Mount("/follow", "rbind", "rslave"), harness.Mount("/noexec", "noexec"), harness.Args("serve"))
	shareOnHost(t, b.Source("/follow"))
	c := lab.Serve(t, b)
	readReport(t, c)
	checkVerified(t, lab.Runtime, c.ID)
	private := uint64(unix.MS_PRIVATE)
	for _, m := range []struct {
		destination string
		number      int
		flags       uint64
	}{
		{"/ro", -1, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID},
		{"/off", 2, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID},
		{"/file", 3, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID},
		{"/noexec", -1, unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC},
		{"/follow", -1, unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID},
	} {
		for flag := uint64(1); flag <= m.flags; flag <<= 1 {
			if m.flags&flag == 0 {
				continue
			}
			undo := setAttributes(t, c, b.Source(m.destination), m.number, unix.MountAttr{Attr_clr: flag}, unix.MountAttr{Attr_set: flag})
			checkOnly(t, lab.Runtime, c.ID, m.destination+" attributes")
			undo()
		}
		// Whoever copies a shared mount hears of its events, and makes some. A
		// private one is no longer what was asked for where the host is followed,
		// and there is no way back.
		change := unix.MountAttr{Propagation: unix.MS_SHARED}
		if m.destination == "/follow" {
			change.Propagation = private
		}
		undo := setAttributes(t, c, b.Source(m.destination), m.number, change, unix.MountAttr{Propagation: private})
		checkOnly(t, lab.Runtime, c.ID, m.destination+" attributes")
		undo()
	}
	stop(t, lab, c)
}

// checkOnly expects a difference at the item, and nowhere else.
func checkOnly(t *testing.T, r *harness.Runtime, id, item string) {
	t.Helper()
	report, code, said := runVerify(t, r, id)
	if code != 1 || report.Verdict != verify.Differs {
		t.Errorf("exit status %d, %v, %s", code, report.Verdict, said)
	}
	noticed := false
	for _, row := range report.Rows {
		if row.Verdict == verify.Differs {
			noticed = noticed || row.Item == item
			if row.Item != item {
				t.Errorf("%+v", row)
			}
		}
	}
	if !noticed {
		t.Errorf("no difference at %s", item)
	}
}

// A mount in a bind's source is part of the bind: it is looked at too. What
// the host mounts in a source that is followed has the host's attributes.
func TestVerifySubmounts(t *testing.T) {
	for _, how := range []string{"on", "off"} {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t)
			b := lab.Bundle(t, harness.Mount("/a", "ro", "rbind", "directfs="+how), harness.Mount("/follow", "ro", "rbind", "rslave", "directfs="+how), harness.Args("serve"))
			shareOnHost(t, b.Source("/follow"))
			sub := filepath.Join(b.Source("/a"), "sub")
			mountOnHost(t, sub, "of-sub")
			c := lab.Serve(t, b)
			readReport(t, c)
			checkVerified(t, lab.Runtime, c.ID)
			path, ns := fmt.Sprintf("/proc/%d/root/1/sub", c.GoferPID), fmt.Sprintf("/proc/%d/ns/mnt", c.GoferPID)
			if how == "on" {
				path = filepath.Join(linkTo(t, c.SandboxPID, inodeAt(t, b.Source("/a")), ""), "sub")
				ns = linkTo(t, c.GoferPID, [2]uint64{}, "mnt:[")
			}
			set := func(attr unix.MountAttr) {
				inNamespace(t, ns, path, func(fd int) error { return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr) })
			}
			set(unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
			checkOnly(t, lab.Runtime, c.ID, "/a attributes")
			set(unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})

			mountOnHost(t, filepath.Join(b.Source("/follow"), "later"), "of-later")
			report, code, _ := runVerify(t, lab.Runtime, c.ID)
			if code != 0 || report.Verdict != verify.OK {
				t.Errorf("with a later mount of the host: exit status %d, %v", code, report.Verdict)
			}
			for _, row := range report.Rows {
				if (row.Verdict == verify.Note) != (row.Item == "/follow attributes") || row.Verdict == verify.Differs {
					t.Errorf("%+v", row)
				}
			}
			stop(t, lab, c)
		})
	}
}

// Of two mounts of the same files at one place the later one is served for both,
// with its attributes.
func TestVerifyHiddenMount(t *testing.T) {
	for _, how := range both {
		for name, first := range map[string]string{"destination": "//a", "link": "/link"} {
			t.Run(how+" by "+name, func(t *testing.T) {
				lab := newLab(t)
				source := volume(lab, "a")
				b := lab.Bundle(t, harness.MountFrom(source, first, "ro", "directfs="+how), harness.MountFrom(source, "/a", "rw", "directfs="+how), harness.Args("serve"))
				if name == "link" {
					linkInImage(t, b, "link", "/a")
				}
				c := lab.Serve(t, b)
				readReport(t, c)
				checkVerified(t, lab.Runtime, c.ID)
				stop(t, lab, c)
			})
		}
	}
}
