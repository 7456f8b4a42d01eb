// Package overlayfs mounts the kernel's overlay file system from layers that are
// open, and says in the kernel's words why that failed.
package overlayfs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/directfs/runsc/pkg/overlaymount"
	"github.com/directfs/runsc/runsc/internal/plain"
	"golang.org/x/sys/unix"
)

// ErrReadOnly: the kernel cannot use the work directory. It mounts such an overlay
// read-only, without an error (fs/overlayfs/super.c, ovl_workdir_create).
var ErrReadOnly = errors.New("the kernel cannot use the work directory, and so mounted the overlay read-only")

// Layer is an open directory, with O_PATH or for reading.
type Layer struct {
	Role overlaymount.Role
	FD   int
}

// Spec says what to mount.
type Spec struct {
	// Source is what the mount table shows as the mount's source; it means nothing.
	// Empty: "none", which the kernel shows.
	Source string

	// Layers are the directories: the lower ones from top to bottom, data-only ones,
	// upper and work, as [overlaymount.Mount.Layers] has them.
	Layers []Layer

	// Options are the file system's other options, in their order.
	Options []overlaymount.Option

	// Attributes are those of the mount: unix.MOUNT_ATTR_NODEV and the like.
	Attributes int
}

// Error is why an overlay was not mounted.
type Error struct {
	// Step is what failed: a system call and what it was about.
	Step string

	// Err is a unix.Errno or ErrReadOnly.
	Err error

	// Log is what the kernel said, a line each, as "overlay: Unknown parameter
	// 'x'". Of much it says the reason to its own log only (dmesg(1)).
	Log []string
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Step, e.Err)
	if len(e.Log) > 0 {
		s += " (" + strings.Join(e.Log, "; ") + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Mount makes an overlay, and returns the mount, which is at no place yet and goes
// away with the file descriptor (fsmount(2)). The caller has CAP_SYS_ADMIN in the
// user namespace of its mount namespace; /proc is mounted. The layers stay open.
// Errors: *Error.
func Mount(s Spec) (fd int, err error) {
	for i, l := range s.Layers {
		if appended[l.Role] == "" {
			return -1, &Error{Step: fmt.Sprintf("layer %d: unknown role %q", i+1, l.Role), Err: unix.EINVAL}
		}
	}
	c, err := open()
	if err != nil {
		return -1, err
	}
	defer c.close()
	if s.Source != "" {
		if err := c.set("source", s.Source); err != nil {
			return -1, err
		}
	}
	if err := c.setLayers(s.Layers); err != nil {
		return -1, err
	}
	for _, o := range s.Options {
		if err := c.setOption(o); err != nil {
			return -1, err
		}
	}
	if err := unix.FsconfigCreate(c.fd); err != nil {
		return -1, c.error("fsconfig(2) create", err)
	}
	fd, err = unix.Fsmount(c.fd, unix.FSMOUNT_CLOEXEC, s.Attributes)
	if err != nil {
		return -1, c.error("fsmount(2)", err)
	}
	if err := c.checkWritable(fd, s); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// checkWritable fails if an overlay with an upper layer is read-only and nobody
// asked for that.
func (c *context) checkWritable(fd int, s Spec) error {
	if s.Attributes&unix.MOUNT_ATTR_RDONLY != 0 || !s.has(overlaymount.Upper) {
		return nil
	}
	for _, o := range s.Options {
		if o.Key == "ro" {
			return nil
		}
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return c.error("statfs(2) of the overlay", err)
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return c.error("mounting", ErrReadOnly)
	}
	return nil
}

func (s Spec) has(r overlaymount.Role) bool {
	for _, l := range s.Layers {
		if l.Role == r {
			return true
		}
	}
	return false
}

// context is a file system that is being configured.
type context struct{ fd int }

func open() (*context, error) {
	fd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, &Error{Step: `fsopen(2) "overlay"`, Err: err}
	}
	return &context{fd}, nil
}

func (c *context) close() { unix.Close(c.fd) }

func (c *context) set(key, value string) error {
	if err := unix.FsconfigSetString(c.fd, key, value); err != nil {
		return c.error(fmt.Sprintf("option %s=%q", plain.Text(key), value), err)
	}
	return nil
}

func (c *context) setOption(o overlaymount.Option) error {
	if o.HasValue {
		return c.set(o.Key, o.Value)
	}
	if err := unix.FsconfigSetFlag(c.fd, o.Key); err != nil {
		return c.error("option "+plain.Text(o.Key), err)
	}
	return nil
}

func (c *context) error(step string, err error) error {
	return &Error{Step: step, Err: err, Log: c.log()}
}

// log takes what the kernel has said so far (Documentation/filesystems/
// mount_api.rst): a line for each read(2), with "e ", "w " or "i " before it.
func (c *context) log() []string {
	var all []string
	line := make([]byte, os.Getpagesize())
	for {
		n, err := unix.Read(c.fd, line)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 { // ENODATA: there is no more
			return all
		}
		text := strings.TrimSuffix(string(line[:n]), "\n")
		if len(text) > 2 && text[1] == ' ' {
			text = text[2:]
		}
		all = append(all, text)
	}
}
