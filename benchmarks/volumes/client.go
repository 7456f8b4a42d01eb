// Package volumes runs what can show the objects of a store as a directory: this
// project's daemon, and the FUSE clients that one would use instead.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// metadataTTL is how long every client may believe what it knows of an object,
// as far as it can be told.
const metadataTTL = 5 * time.Minute

func ttlSeconds() string { return strconv.Itoa(int(metadataTTL.Seconds())) }

// Client is one way to a bucket.
type Client struct {
	Name, About string
	Store       Kind

	// programs are what it needs, with the server of its store.
	programs []program

	// volumed is set for this project's daemon, which needs no FUSE.
	volumed bool

	// command is what serves the bucket, with its environment, and prepares the
	// files that it needs. A client of the host's own directory has none.
	command func(v *Volume) (args, env []string, err error)
}

// Find returns the client with the name.
func Find(name string) (Client, bool) {
	i := slices.IndexFunc(Clients, func(c Client) bool { return c.Name == name })
	if i < 0 {
		return Client{}, false
	}
	return Clients[i], true
}

// Volume is a bucket, served by a client again and again.
type Volume struct {
	client   Client
	programs Programs
	store    *Store
	bucket   string

	// dir has everything of the volume: its mount point, cache and log.
	dir     string
	process *process
}

// NewVolume makes the directory of a volume. Nothing is started.
func NewVolume(c Client, p Programs, s *Store, bucket, dir string) (*Volume, error) {
	v := &Volume{client: c, programs: p, store: s, bucket: bucket, dir: dir}
	return v, os.MkdirAll(v.mountPoint(), 0o755)
}

func (v *Volume) mountPoint() string { return filepath.Join(v.dir, "mnt") }
func (v *Volume) cache() string      { return filepath.Join(v.dir, "cache") }

// Source is what a container mounts.
func (v *Volume) Source() string {
	if v.client.command == nil {
		return v.store.Bucket(v.bucket)
	}
	return v.mountPoint()
}

// Start serves the bucket with an empty cache.
func (v *Volume) Start(ctx context.Context) (err error) {
	if v.client.command == nil {
		return nil
	}
	if err := os.Mkdir(v.cache(), 0o700); err != nil {
		return err // also where an old one is left: it would not be empty
	}
	args, env, err := v.client.command(v)
	if err != nil {
		return err
	}
	if v.process, err = start(filepath.Join(v.dir, "log"), env, args...); err != nil {
		return err
	}
	if err := v.process.until(ctx, v.serves); err != nil {
		return errors.Join(err, v.Stop())
	}
	return nil
}

func (v *Volume) serves() (bool, error) {
	if v.client.volumed {
		return v.volumedServes()
	}
	return mountinfo.Mounted(v.mountPoint())
}

// Stop ends the client, when the containers are gone, and removes its cache. It
// is also for what is left of a start that failed.
func (v *Volume) Stop() error {
	if v.process == nil {
		return nil
	}
	mounted, err := v.unmount()
	switch {
	case !mounted:
		err = errors.Join(err, v.process.end())
	case !v.process.ends(lingerTime):
		// A mount namespace that somebody made meanwhile has a copy of the
		// mount, and the client serves that.
		v.process.kill()
	}
	v.process = nil
	return errors.Join(err, os.RemoveAll(v.cache()))
}

// unmount says whether there was a mount. It waits for the last file to be
// closed: a sandbox that is killed takes its time. A mount that is busy for too
// long is detached, which is an error.
func (v *Volume) unmount() (mounted bool, err error) {
	deadline := time.Now().Add(endTime)
	for {
		err := unix.Unmount(v.mountPoint(), unix.UMOUNT_NOFOLLOW)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINVAL):
			return false, nil
		case !errors.Is(err, unix.EBUSY) || time.Now().After(deadline):
			return true, errors.Join(fmt.Errorf("unmount %s: %w", v.mountPoint(), err), unix.Unmount(v.mountPoint(), unix.MNT_DETACH))
		}
		time.Sleep(pause)
	}
}

// DropPages drops from the page cache what the host holds of the objects whose
// names begin with the prefix, so that the store reads them from the disk.
func (v *Volume) DropPages(prefix string) error {
	root := v.store.Bucket(v.bucket)
	begin := filepath.Join(root, prefix)
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(path, begin) {
			return err
		}
		return dropPages(path)
	})
}

// dropPages works for pages that were written back alone (posix_fadvise(2)).
func dropPages(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("drop pages of %s: %w", path, err)
	}
	return nil
}

// Stored waits until an object of the size is in the store. A client that
// uploads in the background has not closed the file's writer up to then.
func (v *Volume) Stored(ctx context.Context, object string, size int64) error {
	return v.store.Stored(ctx, v.bucket, object, size)
}

// Modified is when the object was stored.
func (v *Volume) Modified(object string) time.Time {
	fi, err := os.Stat(filepath.Join(v.store.Bucket(v.bucket), object))
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

// AwaitChange waits until the object was stored at another time, but no longer
// than the limit: it may have been before.
func (v *Volume) AwaitChange(ctx context.Context, object string, before time.Time, limit time.Duration) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for v.Modified(object).Equal(before) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// Remove removes an object behind the back of clients, of which none may run.
func (v *Volume) Remove(object string) error {
	return os.Remove(filepath.Join(v.store.Bucket(v.bucket), object))
}
