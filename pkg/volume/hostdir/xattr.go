package hostdir

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// xattrMax is the largest value, and the largest list of names: xattr(7).
const xattrMax = 64 << 10

// xattrFile calls f with the file, open for reading: an attribute cannot be
// reached through O_PATH. Files other than regular ones and directories have no
// attributes of users, and are otherwise.
func (v *Volume) xattrFile(id volume.ID, otherwise error, f func(fd int) error) error {
	v.names.RLock()
	defer v.names.RUnlock()
	a, err := v.find(id)
	if err == nil {
		a.close()
		if !a.Mode.IsRegular() && !a.Mode.IsDir() {
			return otherwise
		}
		if a.Mode.IsDir() {
			d, err := v.findAs(id, unix.O_RDONLY|unix.O_DIRECTORY)
			if err != nil {
				return err
			}
			defer d.close()
			return f(d.fd)
		}
	}
	fd, _, err := v.openRegular(id, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

func userXattr(name string) error {
	if strings.HasPrefix(name, "user.") {
		return nil
	}
	return fmt.Errorf("extended attribute %q: allowed are those called user.*: %w", name, unix.ENOTSUP)
}

// GetXattr implements volume.XattrReader.
func (v *Volume) GetXattr(_ context.Context, id volume.ID, name string) (value []byte, err error) {
	if err := userXattr(name); err != nil {
		return nil, err
	}
	err = v.xattrFile(id, unix.ENODATA, func(fd int) error {
		b := make([]byte, xattrMax)
		n, err := unix.Fgetxattr(fd, name, b)
		value = b[:max(n, 0)]
		return err
	})
	return value, err
}

// ListXattr implements volume.XattrReader.
func (v *Volume) ListXattr(_ context.Context, id volume.ID) (names []string, err error) {
	err = v.xattrFile(id, nil, func(fd int) error {
		b := make([]byte, xattrMax)
		n, err := unix.Flistxattr(fd, b)
		for name := range strings.SplitSeq(string(b[:max(n, 0)]), "\x00") {
			if userXattr(name) == nil {
				names = append(names, name)
			}
		}
		return err
	})
	return names, err
}

// SetXattr implements volume.XattrWriter.
func (v *Volume) SetXattr(_ context.Context, id volume.ID, name string, value []byte, create, replace bool) error {
	if err := userXattr(name); err != nil {
		return err
	}
	flags := 0
	if create {
		flags |= unix.XATTR_CREATE
	}
	if replace {
		flags |= unix.XATTR_REPLACE
	}
	return v.xattrFile(id, unix.EPERM, func(fd int) error { return unix.Fsetxattr(fd, name, value, flags) })
}

// RemoveXattr implements volume.XattrWriter.
func (v *Volume) RemoveXattr(_ context.Context, id volume.ID, name string) error {
	if err := userXattr(name); err != nil {
		return err
	}
	return v.xattrFile(id, unix.EPERM, func(fd int) error { return unix.Fremovexattr(fd, name) })
}
