package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/directfs/runsc/pkg/volume/blob/internal/disk"
)

// Outcome is what Recover did with a file.
type Outcome string

// The outcomes. Files are kept, except after Uploaded, Present and Discarded.
const (
	// Uploaded: the application had closed or synced the file, the object was
	// what the file was made from, and now has its content.
	Uploaded Outcome = "uploaded"

	// Present: the object has this content; only the answer was lost.
	Present Outcome = "present"

	// Incomplete: the process was killed between two writes of the application,
	// so nobody knows what the file was to become. Or the machine failed during
	// an upload, so that the file may be there in part only.
	Incomplete Outcome = "incomplete"

	// Conflict: somebody changed the object since, or the application was told so.
	Conflict Outcome = "conflict"

	// Failed: the store, or the record, is not readable; see Err.
	Failed Outcome = "failed"

	// Discarded: Recover has found it Incomplete or a Conflict for longer than
	// KeepStaged.
	Discarded Outcome = "discarded"
)

// Recovered is one file that a process left in Config.Dir. Its content is not in
// the store, and nobody was told that it was.
type Recovered struct {
	Key     string
	Path    string // of the content
	Size    int64
	ModTime time.Time
	Outcome Outcome
	Err     error
}

// Recover uploads what a process that was killed left staged in c.Dir, where that
// can overwrite nothing, and reports the rest. Call it before Open, with the same
// configuration; the error is about the directory as a whole. A read-only
// configuration only reports.
func Recover(ctx context.Context, c Config) ([]Recovered, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	d, err := disk.Open(c.Dir, c.limits())
	if err != nil {
		return nil, fmt.Errorf("recover staged files: %w", err)
	}
	defer d.Close()
	left, err := d.Leftovers()
	if err != nil {
		return nil, fmt.Errorf("recover staged files: %w", err)
	}
	s := newStore(&c)
	var all []Recovered
	for _, l := range left {
		r := Recovered{Key: l.Key, Path: l.Path, Size: l.Size, ModTime: l.ModTime}
		r.Outcome, r.Err = s.recover(ctx, l)
		if r.Outcome == Uploaded || r.Outcome == Present || r.Outcome == Discarded {
			r.Err = l.Remove()
		}
		c.Logger.Warn("staged file of a killed process", "key", r.Key, "outcome", string(r.Outcome), "path", r.Path, "error", r.Err)
		all = append(all, r)
	}
	return all, nil
}

func (s store) recover(ctx context.Context, l disk.Leftover) (Outcome, error) {
	if l.Err != nil {
		return Failed, l.Err
	}
	o, err := s.replay(ctx, l)
	switch {
	case s.c.ReadOnly || o != Incomplete && o != Conflict:
	case l.Found.IsZero():
		err = errors.Join(err, l.SetFound(time.Now(), o == Conflict))
	case time.Since(l.Found) > s.c.KeepStaged:
		return Discarded, nil
	}
	return o, err
}

func (s store) replay(ctx context.Context, l disk.Leftover) (Outcome, error) {
	switch {
	case l.Conflict && !l.Found.IsZero(): // and there may be many, to be asked for
		return Conflict, nil
	case !l.Complete:
		return Incomplete, nil
	case l.Boot != "" && l.Boot != disk.Boot():
		return Incomplete, errors.New("the machine was started again since: it may not have written all to its disk")
	case !strings.HasPrefix(l.Key, s.c.Prefix):
		return Failed, fmt.Errorf("the key %q does not begin with the volume's prefix, %q", l.Key, s.c.Prefix)
	}
	a, err := s.attributes(ctx, l.Key)
	if err != nil && !isNotFound(err) {
		return Failed, err
	}
	c := &content{
		key: l.Key, size: l.Size, exists: l.Exists, mark: newMark(), marks: l.Uploads,
		base:   version{etag: l.BaseETag, size: l.BaseSize, mod: l.BaseTime},
		object: &objectProperties{metadata: l.Metadata}, mod: parseTime(l.Metadata[mtimeKey]),
	}
	if n := len(l.Uploads); n > 0 { // so that a second Recover knows what this one uploads
		c.mark = l.Uploads[n-1]
	}
	f, ferr := os.Open(l.Path)
	if ferr != nil {
		return Failed, ferr
	}
	defer f.Close()
	c.src = f
	if err == nil {
		mark := a.Metadata[uploadKey]
		switch {
		case mark == c.mark && a.Size == l.Size:
			return Present, nil
		case slices.Contains(l.Uploads, mark): // an earlier attempt
		case !l.Exists, !c.base.same(versionOf(a)):
			return s.compare(ctx, c, a)
		}
		c.object = propertiesOf(a)
	} else if l.Exists || l.Conflict {
		return Conflict, nil // that the other's object is gone by now is no reason to make another
	}
	if s.c.ReadOnly {
		return Incomplete, errors.New("the volume is read-only now")
	}
	switch _, err = s.upload(ctx, c); {
	case err == nil:
		return Uploaded, nil
	case isConflict(err):
		return Conflict, err
	}
	return Failed, err
}

// compare is for an object that is not what the file was made from. A store that
// keeps no metadata does not say whose upload that was, but the content does.
func (s store) compare(ctx context.Context, c *content, a *blob.Attributes) (Outcome, error) {
	if _, marked := a.Metadata[uploadKey]; marked || a.Size != c.size {
		return Conflict, nil
	}
	d := &differ{src: c.src}
	if _, err := s.download(ctx, c.key, versionOf(a), c.size, d); err != nil && !errors.Is(err, errDiffers) {
		return Failed, err
	} else if err != nil {
		return Conflict, nil
	}
	return Present, nil
}

var errDiffers = errors.New("another content")

// differ fails when what is written is not what src has.
type differ struct {
	src io.ReaderAt
	off int64
}

func (d *differ) Write(p []byte) (int, error) {
	b := make([]byte, len(p))
	n, err := d.src.ReadAt(b, d.off)
	if n < len(p) && err != nil || !bytes.Equal(b, p) {
		return 0, errDiffers
	}
	d.off += int64(n)
	return n, nil
}
