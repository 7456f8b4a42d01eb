package volumetest

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// Sample is a small tree with something of everything that can only be read:
// directories, one of them empty and one with many entries, files that are empty
// or larger than a page, permissions, a modification time, symbolic links.
// Remove from it what your volume cannot have.
func Sample() fstest.MapFS {
	large := make([]byte, 200_003)
	rand.NewChaCha8([32]byte{1}).Read(large)
	tree := fstest.MapFS{
		".":                 dir(0o755),
		"empty":             file(0o644, ""),
		"hello":             file(0o640, "hello, world\n"),
		"large":             file(0o444, string(large)),
		"script":            file(0o755, "#!/bin/sh\n"),
		"dir":               dir(0o750),
		"dir/nothing":       dir(0o700),
		"dir/sub":           dir(0o755),
		"dir/sub/deep file": file(0o600, "deep"),
		"dir/up":            symbolic("../hello"),
		"dangling":          symbolic("no/such/file"),
		"many":              dir(0o755),
	}
	for i := range 40 {
		tree[fmt.Sprintf("many/%02d", i)] = file(0o644, fmt.Sprint(i))
	}
	return tree
}

var sampleTime = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)

func file(perm fs.FileMode, data string) *fstest.MapFile {
	return &fstest.MapFile{Mode: perm, Data: []byte(data), ModTime: sampleTime}
}

func dir(perm fs.FileMode) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeDir | perm}
}

func symbolic(target string) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
}

// Fill copies a tree into the root of an empty volume. Modification times of
// files are set where the tree has them.
func Fill(t testing.TB, w volume.Writable, tree fs.FS) {
	t.Helper()
	fill(&env{TB: t, ctx: t.Context(), v: w}, tree)
}

func fill(e *env, tree fs.FS) {
	e.Helper()
	dirs := map[string]volume.ID{".": e.root()}
	for _, p := range paths(e, tree) {
		info, err := fs.Lstat(tree, p)
		e.ok(err, "the tree to copy")
		parent, name := dirs[path.Dir(p)], path.Base(p)
		perm := volume.NewFile{Perm: info.Mode() &^ fs.ModeType}
		switch {
		case p == ".":
		case info.IsDir():
			a, err := e.w().Mkdir(e.ctx, parent, name, perm)
			e.ok(err, "Mkdir of "+p)
			dirs[p] = a.ID
		case info.Mode().Type() == fs.ModeSymlink:
			target, err := fs.ReadLink(tree, p)
			e.ok(err, "the tree to copy")
			e.symlink(parent, name, target)
		default:
			fillFile(e, parent, name, perm, tree, p, info.ModTime())
		}
	}
}

func fillFile(e *env, parent volume.ID, name string, f volume.NewFile, tree fs.FS, p string, modTime time.Time) {
	e.Helper()
	data, err := fs.ReadFile(tree, p)
	e.ok(err, "the tree to copy")
	a, h, err := e.w().Create(e.ctx, parent, name, f, writing)
	e.ok(err, "Create of "+p)
	e.write(h, string(data), 0)
	e.ok(h.Flush(e.ctx), "Flush")
	e.ok(h.Close(e.ctx), "Close")
	if !modTime.IsZero() && !e.lacks(Times) {
		e.setAttr(a.ID, volume.Change{ModTime: &modTime})
	}
}

// tree returns what the volume has. One that can be written is filled first.
func (e *env) tree() fs.FS {
	e.Helper()
	if e.b.Want != nil {
		return e.b.Want
	}
	tree := Sample()
	if !implements[volume.Symlinker](e.v) {
		for p, f := range tree {
			if f.Mode.Type() == fs.ModeSymlink {
				delete(tree, p)
			}
		}
	}
	fill(e, tree)
	return tree
}

// paths lists a tree, directories before what they have.
func paths(e *env, tree fs.FS) (all []string) {
	e.Helper()
	e.ok(fs.WalkDir(tree, ".", func(p string, _ fs.DirEntry, err error) error {
		all = append(all, p)
		return err
	}), "the tree that is wanted")
	return all
}

// each calls f for every file of the tree, the root included.
func (e *env) each(f func(p string, a volume.Attr, want fs.FileInfo)) {
	e.Helper()
	tree := e.tree()
	for _, p := range paths(e, tree) {
		want, err := fs.Lstat(tree, p)
		e.ok(err, "the tree that is wanted")
		f(p, e.find(p), want)
	}
}

// eachRegular calls f with the content that every regular file should have.
func (e *env) eachRegular(f func(p string, id volume.ID, content string)) {
	e.Helper()
	tree := e.tree()
	for _, p := range paths(e, tree) {
		if info, err := fs.Lstat(tree, p); err == nil && info.Mode().IsRegular() {
			data, err := fs.ReadFile(tree, p)
			e.ok(err, "the tree that is wanted")
			f(p, e.find(p).ID, string(data))
		}
	}
}

// children returns the names that a directory of the tree should have.
func children(e *env, tree fs.FS, p string) (names []string) {
	e.Helper()
	entries, err := fs.ReadDir(tree, p)
	e.ok(err, "the tree that is wanted")
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	slices.Sort(names)
	return names
}
