package volume

import (
	"context"
	"fmt"
	"io/fs"
	"syscall"
)

// make is what all that make files share.
func (v *fake) make(ctx context.Context, call string, dir ID, name string, f *fakeFile) (Attr, error) {
	if err := v.enter(ctx, call, dir); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	d, err := v.file(dir)
	if err != nil {
		return Attr{}, err
	}
	if d.entries[name] != "" {
		return Attr{}, fmt.Errorf("making %q: %w", name, fs.ErrExist)
	}
	v.serial++
	d.entries[name] = v.add(ID(fmt.Sprintf("new-%d", v.serial)), f)
	return v.attr(call, f), nil
}

func (v *fake) Create(ctx context.Context, dir ID, name string, n NewFile, how OpenHow) (Attr, WritableHandle, error) {
	f := &fakeFile{attr: Attr{Mode: n.Perm, UID: n.UID, GID: n.GID}}
	a, err := v.make(ctx, "create", dir, name, f)
	if err != nil {
		return a, nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return a, v.handle(f).(WritableHandle), nil
}

func (v *fake) Mkdir(ctx context.Context, dir ID, name string, n NewFile) (Attr, error) {
	return v.make(ctx, "mkdir", dir, name, &fakeFile{attr: Attr{Mode: fs.ModeDir | n.Perm, UID: n.UID, GID: n.GID}, entries: map[string]ID{}})
}

func (v *fake) Symlink(ctx context.Context, dir ID, name, target string, n NewFile) (Attr, error) {
	return v.make(ctx, "symlink", dir, name, &fakeFile{attr: Attr{Mode: fs.ModeSymlink | n.Perm, UID: n.UID, GID: n.GID, Size: int64(len(target))}, target: target})
}

func (v *fake) ReadLink(ctx context.Context, id ID) (string, error) {
	if err := v.enter(ctx, "readlink", id); err != nil {
		return "", err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return "", err
	}
	return f.target, nil
}

func (v *fake) Link(ctx context.Context, id, dir ID, name string) (Attr, error) {
	if err := v.enter(ctx, "link", id); err != nil {
		return Attr{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f := v.files[id]
	f.attr.Links = max(f.attr.Links, 1) + 1
	v.files[dir].entries[name] = id
	return v.attr("link", f), nil
}

// Remove forgets a file at once: the adapter then answers for it.
func (v *fake) Remove(ctx context.Context, dir ID, name string, directory bool) error {
	if err := v.enter(ctx, "remove", dir); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id := v.files[dir].entries[name]
	f, err := v.file(id)
	switch {
	case err != nil:
		return err
	case directory && !f.attr.Mode.IsDir():
		return syscall.ENOTDIR
	case !directory && f.attr.Mode.IsDir():
		return syscall.EISDIR
	}
	delete(v.files[dir].entries, name)
	delete(v.files, id)
	return nil
}

func (v *fake) Rename(ctx context.Context, oldDir ID, oldName string, newDir ID, newName string, noReplace bool) error {
	if err := v.enter(ctx, "rename", oldDir); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if noReplace && v.files[newDir].entries[newName] != "" {
		return fs.ErrExist
	}
	v.files[newDir].entries[newName] = v.files[oldDir].entries[oldName]
	delete(v.files[oldDir].entries, oldName)
	return nil
}

func (v *fake) SetAttr(ctx context.Context, id ID, c Change) error {
	if err := v.enter(ctx, "setattr", id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	f, err := v.file(id)
	if err != nil {
		return err
	}
	if c.Perm != nil {
		f.attr.Mode = f.attr.Mode.Type() | *c.Perm
	}
	if c.UID != nil {
		f.attr.UID = *c.UID
	}
	if c.GID != nil {
		f.attr.GID = *c.GID
	}
	if c.Size != nil {
		f.content = append(f.content, make([]byte, *c.Size)...)[:*c.Size]
		f.attr.Size = *c.Size
	}
	if c.AccessTime != nil {
		f.attr.AccessTime = *c.AccessTime
	}
	if c.ModTime != nil {
		f.attr.ModTime = *c.ModTime
	}
	return nil
}

func (v *fake) Usage(ctx context.Context) (Usage, error) { return v.usage, v.enter(ctx, "usage", "") }
