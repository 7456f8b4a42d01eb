package volumetest

import (
	"io/fs"

	"github.com/directfs/runsc/pkg/volume"
)

var treeChecks = []check{
	{"tree/root-is-a-directory", 0, rootIsDirectory},
	{"tree/ids-are-unique", 0, idsUnique},
	{"tree/ids-are-stable", 0, idsStable},
	{"tree/lookup-stat-and-readdir-agree", 0, lookupsAgree},
	{"tree/lookup-of-a-missing-name", 0, lookupMissing},
	{"tree/types", 0, typesAsWanted},
	{"tree/permissions", permission, permissionsAsWanted},
	{"tree/sizes", 0, sizesAsWanted},
	{"tree/modification-times", times, modTimesAsWanted},
	{"tree/link-targets", readLink, targetsAsWanted},
}

func rootIsDirectory(e *env) {
	a, err := e.v.Root(e.ctx)
	e.ok(err, "Root")
	if !a.Mode.IsDir() {
		e.Errorf("the root has mode %v, want a directory", a.Mode)
	}
	if a.ID == "" {
		e.Error("the root has the empty ID, which names nothing")
	}
}

func idsUnique(e *env) {
	paths := map[volume.ID]string{"": "(the ID that names nothing)"}
	e.each(func(p string, a volume.Attr, _ fs.FileInfo) {
		if other, found := paths[a.ID]; found && a.Links <= 1 {
			e.Errorf("%s and %s have the same ID %q", p, other, a.ID)
		}
		paths[a.ID] = p
	})
}

func idsStable(e *env) {
	e.each(func(p string, a volume.Attr, _ fs.FileInfo) {
		if again := e.find(p); again.ID != a.ID {
			e.Errorf("%s had the ID %q and has %q", p, a.ID, again.ID)
		}
	})
}

func lookupsAgree(e *env) {
	e.each(func(p string, a volume.Attr, _ fs.FileInfo) {
		if s := e.stat(a.ID); s.ID != a.ID || s.Mode != a.Mode || s.Size != a.Size || !s.ModTime.Equal(a.ModTime) {
			e.Errorf("%s: Stat returns %+v, Lookup %+v", p, s, a)
		}
		if !a.Mode.IsDir() {
			return
		}
		for _, entry := range e.list(a.ID, 100) {
			c := e.lookup(a.ID, entry.Name)
			if c.ID != entry.ID || c.Mode.Type() != entry.Type {
				e.Errorf("%s/%s: ReadDir returns %q %v, Lookup %q %v", p, entry.Name, entry.ID, entry.Type, c.ID, c.Mode)
			}
		}
	})
}

func lookupMissing(e *env) {
	e.each(func(_ string, a volume.Attr, _ fs.FileInfo) {
		if a.Mode.IsDir() {
			e.absent(a.ID, "no such name")
		}
	})
}

func typesAsWanted(e *env) {
	e.each(func(p string, a volume.Attr, want fs.FileInfo) {
		if a.Mode.Type() != want.Mode().Type() {
			e.Errorf("%s has the type %v, want %v", p, a.Mode.Type(), want.Mode().Type())
		}
	})
}

func permissionsAsWanted(e *env) {
	e.each(func(p string, a volume.Attr, want fs.FileInfo) {
		// The root of an empty volume has what the backend gave it, and links
		// have none that anybody checks.
		if p != "." && a.Mode.Type() != fs.ModeSymlink && a.Mode != want.Mode() {
			e.Errorf("%s has mode %v, want %v", p, a.Mode, want.Mode())
		}
	})
}

func sizesAsWanted(e *env) {
	e.each(func(p string, a volume.Attr, want fs.FileInfo) {
		if a.Size < 0 {
			e.Errorf("%s has the negative size %d", p, a.Size)
		}
		if want.Mode().IsRegular() && a.Size != want.Size() {
			e.Errorf("%s is %d bytes long, want %d", p, a.Size, want.Size())
		}
		if a.Mode.Type() != fs.ModeSymlink {
			return
		}
		if target := e.readLink(a.ID); a.Size != int64(len(target)) {
			e.Errorf("%s: the size of a symbolic link is %d, want the length of its target %q", p, a.Size, target)
		}
	})
}

func modTimesAsWanted(e *env) {
	e.each(func(p string, a volume.Attr, want fs.FileInfo) {
		if t := want.ModTime(); want.Mode().IsRegular() && !t.IsZero() && !a.ModTime.Equal(t) {
			e.Errorf("%s was modified at %v, want %v", p, a.ModTime, t)
		}
	})
}

func targetsAsWanted(e *env) {
	tree := e.tree()
	for _, p := range paths(e, tree) {
		info, err := fs.Lstat(tree, p)
		e.ok(err, "the tree that is wanted")
		if info.Mode().Type() != fs.ModeSymlink {
			continue
		}
		want, err := fs.ReadLink(tree, p)
		e.ok(err, "the tree that is wanted has symbolic links and must be an fs.ReadLinkFS")
		if got := e.readLink(e.find(p).ID); got != want {
			e.Errorf("%s is a link to %q, want %q", p, got, want)
		}
	}
}

func (e *env) readLink(id volume.ID) string {
	e.Helper()
	r, ok := e.v.(volume.LinkReader)
	if !ok {
		e.Fatal("a volume with symbolic links is not a volume.LinkReader")
	}
	target, err := r.ReadLink(e.ctx, id)
	e.ok(err, "ReadLink")
	return target
}
