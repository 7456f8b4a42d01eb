package blob

import (
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob/internal/ids"
	"github.com/directfs/runsc/pkg/volume/blob/internal/names"
)

// entry is what a listing knows of a name.
type entry struct {
	name string
	key  string // of the object, or a prefix that ends with a slash
	dir  bool
	version

	// kept is the time in the metadata, if that was looked at.
	kept   time.Time
	looked bool

	// Of a directory that is not completely listed.
	absent bool
	at     time.Time
}

func (e entry) kind() byte {
	if e.dir {
		return ids.Dir
	}
	return ids.File
}

// modTime is what the application sees.
func (e entry) modTime() time.Time {
	if !e.kept.IsZero() {
		return e.kept
	}
	return e.shown()
}

// entriesOf names the objects of a directory. Those that cannot have their name
// have a substitute; none is left out. marker reports whether the directory has
// an object of its own.
func entriesOf(dir string, objects []object) (all map[string]entry, marker bool) {
	all = make(map[string]entry, len(objects))
	add := func(o object, name string) {
		if _, taken := all[name]; taken || !names.Possible(name) {
			name = names.Substitute(name, o.key)
		}
		all[name] = entry{name: name, key: o.key, dir: o.prefix, version: o.version}
	}
	for _, o := range objects {
		if o.prefix {
			add(o, strings.TrimSuffix(o.key[len(dir):], "/"))
		}
	}
	for _, o := range objects {
		switch {
		case o.prefix:
		case o.key != dir:
			add(o, o.key[len(dir):])
		default:
			marker = true
			if o.size > 0 { // content that only a substitute can show
				add(o, "")
			}
		}
	}
	return all, marker
}

// attr is what a volume says of an entry.
func (v *tree) attr(e entry) volume.Attr {
	a := volume.Attr{
		ID:   volume.ID(v.ids.ID(e.kind(), e.key)),
		Mode: v.c.FileMode, Size: e.size, ModTime: e.modTime(),
		UID: v.c.UID, GID: v.c.GID, Links: 1,
	}
	if e.dir {
		a.Mode, a.Size, a.ModTime, a.Links = fs.ModeDir|v.c.DirMode, 0, v.lists.changed(e.key, v.opened), 0
	}
	return a
}

// entryOf returns the entry of an object.
func entryOf(key string, now version) entry {
	_, name := names.Split(key, false)
	return entry{name: name, key: key, version: now}
}

// seen notes the state of an object or a directory.
func (v *tree) seen(e entry) {
	dir, name := v.place(e)
	e.name = name
	v.lists.set(dir, e)
}

// place returns the directory of an object or a directory, and its name there.
func (v *tree) place(e entry) (dir, name string) {
	dir, name = names.Split(e.key, e.dir)
	if other, known, _ := v.lists.get(dir, name); !names.Possible(name) || known && other.dir && !e.dir {
		name = names.Substitute(name, e.key)
	}
	return dir, name
}

// mtimeKey is where rclone and s3fs keep times too.
const mtimeKey = "mtime"

// formatTime is in seconds, with a fraction.
func formatTime(t time.Time) string {
	s := strconv.FormatInt(t.Unix(), 10)
	if ns := t.Nanosecond(); ns != 0 {
		s += "." + strings.TrimRight(strconv.Itoa(1_000_000_000 + ns)[1:], "0")
	}
	return s
}

// parseTime returns the zero time for what is none.
func parseTime(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	ns, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(sec, int64(ns))
}
