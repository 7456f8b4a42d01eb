package overlayfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/harness/filesystems"
	"golang.org/x/sys/unix"
)

// layers opens directories of one file system: n lower ones, data-only ones,
// upper and work.
func layers(t *testing.T, n, data int) []Layer {
	t.Helper()
	dir := filesystems.New(t, filesystems.Ext4, filesystems.Options{})
	var all []Layer
	add := func(r overlaymount.Role, name string) {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(name, 0o755), os.WriteFile(name+"/"+filepath.Base(name), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		all = append(all, Layer{r, fd})
	}
	for i := range n {
		add(overlaymount.Lower, fmt.Sprintf("lower%d", i))
	}
	for i := range data {
		add(overlaymount.Data, fmt.Sprintf("data%d", i))
	}
	add(overlaymount.Upper, "upper")
	add(overlaymount.Work, "work")
	return all
}

// Each way of handing the layers over gives the same overlay.
func TestWays(t *testing.T) {
	for _, data := range []int{0, 2} {
		for name, set := range map[string]func(c *context, all []Layer) error{
			"by FD":   func(c *context, all []Layer) error { return each(c, all, byFD) },
			"by name": func(c *context, all []Layer) error { return each(c, all, byName) },
			"joined":  (*context).setJoined,
		} {
			t.Run(fmt.Sprintf("%s, %d data", name, data), func(t *testing.T) {
				all := layers(t, 3, data)
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				defer c.close()
				if err := set(c, all); err != nil {
					t.Fatal(err)
				}
				if data > 0 {
					if err := c.set("metacopy", "on"); err != nil {
						t.Fatal(err)
					}
				}
				if err := unix.FsconfigCreate(c.fd); err != nil {
					t.Fatal(c.error("create", err))
				}
				fd, err := unix.Fsmount(c.fd, unix.FSMOUNT_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				shows(t, fd, "lower0", "lower1", "lower2", "upper")
				if err := unix.Fstatat(fd, "data0", &unix.Stat_t{}, 0); err != unix.ENOENT {
					t.Errorf("a file of a data-only layer: %v", err)
				}
			})
		}
	}
}

func each(c *context, all []Layer, w way) error {
	known, err := c.setEach(all, w)
	if !known {
		return errors.New("the kernel does not know this way")
	}
	return err
}

func shows(t *testing.T, fd int, names ...string) {
	t.Helper()
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What an older kernel says of a way, and what any says of a layer.
func TestIsUnknown(t *testing.T) {
	for _, c := range []struct {
		way  way
		err  error
		log  string
		want bool
	}{
		{byFD, unix.EINVAL, "", true},
		{byFD, unix.EBADF, "", true},
		{byFD, unix.EINVAL, "overlay: Unknown parameter 'lowerdir+'", true},
		{byFD, unix.EINVAL, "overlay: Bad value for 'lowerdir+'", true},
		{byFD, unix.EINVAL, "overlay: /a is not a directory", false},
		{byFD, unix.ENOMEM, "", false},
		{byName, unix.EINVAL, "overlay: Unknown parameter 'lowerdir+'", true},
		{byName, unix.EINVAL, "", false},
		{byName, unix.EBADF, "", false},
	} {
		e := &Error{Err: c.err}
		if c.log != "" {
			e.Log = []string{c.log}
		}
		if isUnknown(e, c.way) != c.want {
			t.Errorf("way %d, %v: want %v", c.way, e, c.want)
		}
	}
}

func TestJoinedLimit(t *testing.T) {
	c := &context{-1}
	var all []Layer
	for range 40 {
		all = append(all, Layer{overlaymount.Lower, 3})
	}
	var e *Error
	if err := c.setJoined(all); !errors.As(err, &e) || !errors.Is(err, unix.E2BIG) || !strings.Contains(err.Error(), "40 layers") {
		t.Errorf("%v", err)
	}
}

func TestMount(t *testing.T) {
	at := t.TempDir()
	fd, err := Mount(Spec{
		Source: "as, the user wrote", Layers: layers(t, 2, 0), Attributes: unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID,
		Options: []overlaymount.Option{{Key: "userxattr"}, {Key: "xino", Value: "off", HasValue: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	shows(t, fd, "lower0", "lower1", "upper")
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(table) {
		if text := string(line); strings.Contains(text, " "+at+" ") {
			for _, want := range []string{"nosuid,nodev", ` - overlay as,\040the\040user\040wrote `, ",userxattr", "/lower1"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s in %s", want, text)
				}
			}
			return
		}
	}
	t.Error("not mounted")
}

func TestMountErrors(t *testing.T) {
	good := layers(t, 1, 0)
	for name, c := range map[string]struct {
		spec Spec
		err  error
		step string
	}{
		"no layers":   {Spec{}, unix.EINVAL, "fsconfig(2) create"},
		"bad FD":      {Spec{Layers: []Layer{{overlaymount.Lower, 1 << 20}}}, unix.ENOENT, "layer 1, lowerdir+"},
		"bad role":    {Spec{Layers: []Layer{{"middledir", good[0].FD}}}, unix.EINVAL, `layer 1`},
		"unknown":     {Spec{Layers: good, Options: []overlaymount.Option{{Key: "nonsense"}}}, unix.EINVAL, "option nonsense"},
		"bad value":   {Spec{Layers: good, Options: []overlaymount.Option{{Key: "index", Value: "x", HasValue: true}}}, unix.EINVAL, `option index="x"`},
		"no value":    {Spec{Layers: good, Options: []overlaymount.Option{{Key: "index"}}}, unix.EINVAL, "option index"},
		"NUL":         {Spec{Layers: good, Options: []overlaymount.Option{{Key: "a\x00b"}}}, unix.EINVAL, `option a\x00b`},
		"long source": {Spec{Source: strings.Repeat("a", 5000), Layers: good}, unix.EINVAL, "option source="},
	} {
		t.Run(name, func(t *testing.T) {
			before := openFiles(t)
			fd, err := Mount(c.spec)
			var e *Error
			if fd != -1 || !errors.As(err, &e) || !errors.Is(err, c.err) || !strings.HasPrefix(e.Step, c.step) {
				t.Errorf("%d, %v", fd, err)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d files are open, %d were", after, before)
			}
		})
	}
}

// What was asked to be read-only is no surprise.
func TestMountReadOnly(t *testing.T) {
	for name, s := range map[string]Spec{
		"attribute": {Attributes: unix.MOUNT_ATTR_RDONLY}, "option": {Options: []overlaymount.Option{{Key: "ro"}}},
	} {
		s.Layers = layers(t, 1, 0)
		fd, err := Mount(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err != nil || st.Flags&unix.ST_RDONLY == 0 {
			t.Errorf("%s: flags %#x, %v", name, st.Flags, err)
		}
		unix.Close(fd)
	}
}

// A work directory that the kernel cannot use.
func TestErrReadOnly(t *testing.T) {
	all := layers(t, 1, 0)
	work := name(all[2].FD)
	flags := func(set int) {
		fd, err := unix.Open(work, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, set); err != nil {
			t.Fatal(err)
		}
	}
	flags(unix.STATX_ATTR_IMMUTABLE)
	defer flags(0)
	before := openFiles(t)
	fd, err := Mount(Spec{Layers: all})
	if fd != -1 || !errors.Is(err, ErrReadOnly) {
		t.Errorf("%d, %v", fd, err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, %d were", after, before)
	}
}

func TestLog(t *testing.T) {
	_, err := Mount(Spec{Layers: layers(t, 1, 0), Options: []overlaymount.Option{{Key: "xuserattrs"}}})
	const want = "option xuserattrs: invalid argument (overlay: Unknown parameter 'xuserattrs')"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
