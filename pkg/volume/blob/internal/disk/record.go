package disk

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	dataSuffix   = ".data"
	recordSuffix = ".json"
)

// Record says what a staged file is, for whoever finds it after a crash. It is
// there from before the first change until the content is in the store.
type Record struct {
	// Key is the object's.
	Key string `json:"key"`

	// Exists is set where the file began as a version of the object, which was
	// BaseETag, or else BaseSize bytes of BaseTime.
	Exists   bool      `json:"exists"`
	BaseETag string    `json:"baseETag,omitempty"`
	BaseSize int64     `json:"baseSize,omitempty"`
	BaseTime time.Time `json:"baseTime,omitzero"`

	// Complete is set while the application asked for an upload after the last
	// change.
	Complete bool `json:"complete"`

	// Boot is that of the machine. After another one the content may be there in
	// part only, unless Boot is empty: it was written to the disk then.
	Boot string `json:"boot,omitempty"`

	// Uploads are marks of attempts whose outcome is not known, the last of
	// what the file has now if Complete is set.
	Uploads []string `json:"uploads,omitempty"`

	// Conflict is set where the last upload failed because of another writer, or
	// would have.
	Conflict bool `json:"conflict,omitempty"`

	// Metadata is the object's.
	Metadata map[string]string `json:"metadata,omitempty"`

	// Found is when somebody was told first that the file is left, after a crash.
	Found time.Time `json:"found,omitzero"`
}

// Boot is another string each time that the machine is started, as random/boot_id
// in proc_sys_kernel(5); where that cannot be read, in each process.
var Boot = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return rand.Text()
	}
	return strings.TrimSpace(string(id))
})

// Mark writes the record. It is complete, or as before.
func (f *File) Mark(r Record) error {
	path := strings.TrimSuffix(f.path, dataSuffix) + recordSuffix
	if err := r.write(path); err != nil {
		return err
	}
	f.record = path
	return nil
}

func (r Record) write(path string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+"~", b, 0o600); err != nil {
		os.Remove(path + "~")
		return err
	}
	return os.Rename(path+"~", path)
}

// Sync writes the content to the host's disk, fsync(2). It may be called beside
// ReadAt and WriteAt.
func (f *File) Sync() error { return f.f.Sync() }

// SyncRecord does that with the record.
func (f *File) SyncRecord() error {
	for _, path := range []string{f.record, filepath.Dir(f.record)} {
		h, err := os.Open(path)
		if err != nil {
			return err
		}
		if err := errors.Join(h.Sync(), h.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Unmark deletes the record: the content is in the store, or not wanted.
func (f *File) Unmark() error { return f.unmark() }

func (f *File) unmark() error {
	if f.record == "" {
		return nil
	}
	err := os.Remove(f.record)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		f.record = ""
		return nil
	}
	return err
}

// Leftover is a staged file that a process left.
type Leftover struct {
	Record
	Path    string // of the content
	Size    int64
	ModTime time.Time

	// Err is why the record cannot be read.
	Err error

	number uint64
	record string
}

// Leftovers returns the staged files that have a record, in the order in which
// they were made, and deletes what a crash left of others.
func (d *Dir) Leftovers() ([]Leftover, error) {
	files, err := os.ReadDir(filepath.Join(d.path, "stage"))
	if err != nil {
		return nil, err
	}
	var left []Leftover
	for _, f := range files {
		path := filepath.Join(d.path, "stage", f.Name())
		name, suffix, _ := strings.Cut(f.Name(), ".")
		other := map[string]string{"data": recordSuffix, "json": dataSuffix}[suffix]
		if _, err := os.Lstat(filepath.Join(d.path, "stage", name+other)); other == "" || errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		if suffix == "json" {
			left = append(left, leftover(path, name))
		}
	}
	slices.SortFunc(left, func(a, b Leftover) int { return int(a.number) - int(b.number) })
	return left, nil
}

func leftover(record, name string) Leftover {
	l := Leftover{record: record, Path: strings.TrimSuffix(record, recordSuffix) + dataSuffix}
	l.number, _ = strconv.ParseUint(name, 10, 64)
	st, err := os.Stat(l.Path)
	if err != nil {
		l.Err = err
		return l
	}
	l.Size, l.ModTime = st.Size(), st.ModTime()
	b, err := os.ReadFile(record)
	if err == nil {
		err = json.Unmarshal(b, &l.Record)
	}
	if err != nil {
		l.Err = fmt.Errorf("record %s: %w", record, err)
	}
	return l
}

// SetFound notes that somebody was told, and whether of a conflict.
func (l Leftover) SetFound(now time.Time, conflict bool) error {
	l.Found, l.Conflict = now, conflict
	return l.write(l.record)
}

// Remove deletes a leftover. A crash in between leaves content without a record,
// which Open deletes.
func (l Leftover) Remove() error {
	return errors.Join(os.Remove(l.record), os.Remove(l.Path))
}
