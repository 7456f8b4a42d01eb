package blob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

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
	// so nobody knows what the file was to become.
	Incomplete Outcome = "incomplete"

	// Conflict: somebody changed the object since.
	Conflict Outcome = "conflict"

	// Failed: the store, or the record, is not readable; see Err.
	Failed Outcome = "failed"

	// Discarded: it was Incomplete or Conflict for longer than KeepStaged.
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
	s := store{bucket: c.Bucket, c: &c}
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
	old := s.c.KeepStaged > 0 && time.Since(l.ModTime) > s.c.KeepStaged
	if old && !s.c.ReadOnly && (o == Incomplete || o == Conflict) {
		return Discarded, nil
	}
	return o, err
}

func (s store) replay(ctx context.Context, l disk.Leftover) (Outcome, error) {
	if !l.Complete {
		return Incomplete, nil
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
	if err == nil {
		mark := a.Metadata[uploadKey]
		last := len(l.Uploads) > 0 && mark == l.Uploads[len(l.Uploads)-1]
		switch {
		case last && a.Size == l.Size:
			return Present, nil
		case slices.Contains(l.Uploads, mark): // an earlier attempt
		case !l.Exists, !c.base.same(versionOf(a)):
			return Conflict, nil
		}
		c.object = propertiesOf(a)
	} else if l.Exists {
		return Conflict, nil
	}
	if s.c.ReadOnly {
		return Incomplete, errors.New("the volume is read-only now")
	}
	f, err := os.Open(l.Path)
	if err != nil {
		return Failed, err
	}
	defer f.Close()
	c.src = f
	switch _, err = s.upload(ctx, c); {
	case err == nil:
		return Uploaded, nil
	case isConflict(err):
		return Conflict, err
	}
	return Failed, err
}
