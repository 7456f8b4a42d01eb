package blob

import (
	"context"

	"github.com/directfs/runsc/pkg/volume"
)

// hold returns the file of an identity with one handle more, or with one pin more.
// If it is not in use, it begins with what begin returns.
func (v *tree) hold(id volume.ID, pin bool, begin func() *inode) *inode {
	v.mu.Lock()
	defer v.mu.Unlock()
	in := v.inodes[id]
	if in == nil {
		if in = begin(); in == nil {
			return nil
		}
		v.inodes[id], v.byKey[in.key] = in, in
		in.named = true
	}
	if pin {
		in.pins.Add(1)
	} else {
		in.handles++
	}
	return in
}

// start runs work on a file that has a handle or a pin.
func (in *inode) start(f func(ctx context.Context) error) *task {
	in.pins.Add(1)
	return in.v.start(func(ctx context.Context) error {
		defer in.unpin()
		return f(ctx)
	})
}

func (in *inode) unpin() {
	in.pins.Add(-1)
	in.v.settle(in)
}

// release ends the use of a handle. The last one of a changed file tries to
// upload it once more; what is not in the store then stays staged.
func (in *inode) release(ctx context.Context) (err error) {
	in.v.mu.Lock()
	in.closing++
	last := in.closing == in.handles // of those that are closed at once, too
	in.v.mu.Unlock()
	if last {
		err = in.sync(ctx)
	}
	in.v.mu.Lock()
	in.handles--
	in.closing--
	in.v.mu.Unlock()
	in.v.settle(in)
	return err
}

// settle ends the use of a file that nobody uses any more. What could not be
// uploaded stays, can be opened again, and is uploaded later; unless another writer was the reason:
// trying again is in vain then, so that the name is that of the store's object,
// and the content is for Recover.
func (v *tree) settle(in *inode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if in.handles > 0 || in.pins.Load() > 0 || v.inodes[in.id] != in {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	v.ranges.drop(in)
	if in.dirty && !in.removed {
		v.c.Logger.Error("content is not in the store", "key", in.key, "bytes", in.size, "conflict", in.conflict)
		v.wait(in, !in.conflict)
		if in.conflict {
			v.unname(in)
			delete(v.inodes, in.id)
			if in.file != nil {
				in.file.Keep()
				in.file = nil
			}
		}
		return
	}
	v.wait(in, false)
	delete(v.inodes, in.id)
	if in.named {
		delete(v.byKey, in.key)
	}
	if in.file != nil {
		if in.named && in.file.Staged() && in.size <= v.c.CacheObjectBytes {
			in.file.Unstage(in.key, in.base)
		}
		in.file.Release()
		in.file = nil
	}
	in.named = false
}
