package hostdir

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/directfs/runsc/pkg/volume"
)

// inDir calls f with an open directory, while nobody changes names.
func (v *Volume) inDir(dir volume.ID, f func(d found) error) error {
	v.names.Lock()
	defer v.names.Unlock()
	d, err := v.findDir(dir)
	if err != nil {
		return err
	}
	defer d.close()
	return f(d)
}

// Create implements volume.Writable.
func (v *Volume) Create(_ context.Context, dir volume.ID, name string, nf volume.NewFile, how volume.OpenHow) (a volume.Attr, h volume.WritableHandle, err error) {
	if err := v.grantable(nf.Perm); err != nil {
		return a, nil, err
	}
	err = v.inDir(dir, func(d found) error {
		fd, err := v.openat(d.fd, name, accessOf(how)|unix.O_CREAT|unix.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if a, err = v.begin(fd, nf); err != nil {
			unix.Close(fd)
			unix.Unlinkat(d.fd, name, 0)
			return err
		}
		made := v.newHandle(fd, v.table.learn(d.node, name, a), how)
		made.created = true
		h = made
		return nil
	})
	return a, h, err
}

// begin gives a new file its owner and then its permissions: a change of owner
// takes setuid away.
func (v *Volume) begin(fd int, nf volume.NewFile) (volume.Attr, error) {
	if err := v.own(fd, nf); err != nil {
		return volume.Attr{}, err
	}
	if err := unix.Fchmod(fd, hostPerm(nf.Perm)); err != nil {
		return volume.Attr{}, err
	}
	return v.identify(fd)
}

func (v *Volume) own(fd int, nf volume.NewFile) error {
	if v.o.Squash != nil {
		return nil
	}
	return unix.Fchownat(fd, "", int(nf.UID), int(nf.GID), unix.AT_EMPTY_PATH)
}

// Mkdir implements volume.Writable.
func (v *Volume) Mkdir(_ context.Context, dir volume.ID, name string, nf volume.NewFile) (a volume.Attr, err error) {
	err = v.inDir(dir, func(d found) error {
		if err := unix.Mkdirat(d.fd, name, 0o700); err != nil {
			return err
		}
		fd, err := v.openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err == nil {
			a, err = v.begin(fd, nf)
			unix.Close(fd)
		}
		if err != nil {
			unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR)
			return err
		}
		v.table.learn(d.node, name, a)
		return nil
	})
	return a, err
}

// Symlink implements volume.Symlinker.
func (v *Volume) Symlink(_ context.Context, dir volume.ID, name, target string, nf volume.NewFile) (a volume.Attr, err error) {
	err = v.inDir(dir, func(d found) error {
		if err := unix.Symlinkat(target, d.fd, name); err != nil {
			return err
		}
		fd, err := v.openat(d.fd, name, unix.O_PATH, 0)
		if err == nil {
			if err = v.own(fd, nf); err == nil {
				a, err = v.identify(fd)
			}
			unix.Close(fd)
		}
		if err != nil {
			unix.Unlinkat(d.fd, name, 0)
			return err
		}
		v.table.learn(d.node, name, a)
		return nil
	})
	return a, err
}

// Link implements volume.Linker.
func (v *Volume) Link(_ context.Context, id volume.ID, dir volume.ID, name string) (a volume.Attr, err error) {
	err = v.inDir(dir, func(d found) error {
		f, err := v.find(id)
		if err != nil {
			return err
		}
		f.close()
		if f.Mode.IsDir() {
			return unix.EPERM
		}
		old, err := v.findDir(f.at.dir.id)
		if err != nil {
			return err
		}
		defer old.close()
		if err := unix.Linkat(old.fd, f.at.name, d.fd, name, 0); err != nil {
			return err
		}
		a, err = v.linked(d, name, id)
		return err
	})
	return a, err
}

// linked makes sure that a new name leads to the file that was meant: somebody
// else may have put another one under the old name.
func (v *Volume) linked(d found, name string, id volume.ID) (volume.Attr, error) {
	a, fd, err := v.child(d.fd, name)
	if err != nil {
		return volume.Attr{}, err
	}
	unix.Close(fd)
	if a.ID != id {
		unix.Unlinkat(d.fd, name, 0)
		return volume.Attr{}, unix.ESTALE
	}
	v.table.learn(d.node, name, a)
	return a, nil
}

// Remove implements volume.Writable.
func (v *Volume) Remove(_ context.Context, dir volume.ID, name string, directory bool) error {
	flags := 0
	if directory {
		flags = unix.AT_REMOVEDIR
	}
	return v.inDir(dir, func(d found) error {
		a, fd, err := v.child(d.fd, name)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Unlinkat(d.fd, name, flags); err != nil {
			return removal(err)
		}
		v.lost(a.ID, place{d.node, name})
		return nil
	})
}

// removal makes one error of the two that rmdir(2) has for the same.
func removal(err error) error {
	if err == unix.EEXIST {
		return unix.ENOTEMPTY
	}
	return err
}

// lost notes that a name leads to a file no more, if the file is known.
func (v *Volume) lost(id volume.ID, p place) {
	if n, err := v.table.get(id); err == nil {
		v.table.lose(n, p)
	}
}

// Rename implements volume.Writable. Where the file system cannot do noReplace,
// it is syscall.EINVAL.
func (v *Volume) Rename(_ context.Context, oldDir volume.ID, oldName string, newDir volume.ID, newName string, noReplace bool) error {
	flags := uint(0)
	if noReplace {
		flags = unix.RENAME_NOREPLACE
	}
	return v.inDir(oldDir, func(from found) error {
		to, err := v.findDir(newDir)
		if err != nil {
			return err
		}
		defer to.close()
		moved, fd, err := v.child(from.fd, oldName)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		replaced, fd, err := v.child(to.fd, newName)
		if err == nil {
			defer unix.Close(fd)
		}
		if err := unix.Renameat2(from.fd, oldName, to.fd, newName, flags); err != nil {
			return err
		}
		if replaced.ID != moved.ID { // two names of one file both stay
			v.lost(replaced.ID, place{to.node, newName})
			v.moved(moved.ID, place{from.node, oldName}, place{to.node, newName})
		}
		return nil
	})
}

func (v *Volume) moved(id volume.ID, from, to place) {
	if n, err := v.table.get(id); err == nil {
		v.table.move(n, from, to)
	}
}
