// Package layers makes the layers of overlays for tests (kernel,
// Documentation/filesystems/overlayfs.rst) and mounts them as the host does.
package layers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Overlay is what an overlay is mounted from.
type Overlay struct {
	// Lowers are the read-only layers, the top one first.
	Lowers []string `json:"lowers"`

	// Upper and Work are "" for a read-only overlay.
	Upper string `json:"upper,omitempty"`
	Work  string `json:"work,omitempty"`

	// Dialect is what the layers' marks are written in.
	Dialect Dialect `json:"dialect,omitempty"`
}

// Dialect is the namespace of the extended attributes in which an overlay
// keeps its marks, without the dot. The zero value is Trusted.
type Dialect string

const (
	Trusted Dialect = ""
	User    Dialect = "user" // the option userxattr
)

// Mark is the full name of an overlay's extended attribute.
func (d Dialect) Mark(name string) string {
	if d == User {
		return "user.overlay." + name
	}
	return "trusted.overlay." + name
}

// Options are the mount options as a user writes them in config.json.
func (o Overlay) Options() []string {
	options := []string{"lowerdir=" + strings.Join(o.Lowers, ":")}
	if o.Upper != "" {
		options = append(options, "upperdir="+o.Upper, "workdir="+o.Work)
	}
	if o.Dialect == User {
		options = append(options, "userxattr")
	}
	return options
}

// Mount mounts the overlay in the caller's mount namespace. It names one layer
// at a time: mount(2) takes only a page of options.
func (o Overlay) Mount(target string) error {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fs)
	for _, lower := range o.Lowers {
		if err := unix.FsconfigSetString(fs, "lowerdir+", lower); err != nil {
			return fmt.Errorf("lowerdir+=%s: %w", lower, err)
		}
	}
	for _, option := range o.Options()[1:] {
		key, value, valued := strings.Cut(option, "=")
		set := func() error { return unix.FsconfigSetFlag(fs, key) }
		if valued {
			set = func() error { return unix.FsconfigSetString(fs, key, value) }
		}
		if err := set(); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fmt.Errorf("create %+v: %w", o, errors.Join(err, kernelLog(fs)))
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("fsmount: %w", err)
	}
	defer unix.Close(mount)
	return unix.MoveMount(mount, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// kernelLog is what the kernel said to a file system context (fsopen(2)).
func kernelLog(fs int) error {
	var said []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(fs, buf)
		if err != nil {
			return errors.New(strings.Join(said, "; "))
		}
		said = append(said, strings.TrimSpace(string(buf[:n])))
	}
}

// ReadOnly is the overlay without its upper: its layers are the lowers.
func (o Overlay) ReadOnly() Overlay {
	return Overlay{Lowers: slices.Clone(o.Lowers), Dialect: o.Dialect}
}
