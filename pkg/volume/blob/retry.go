package blob

import (
	"context"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

const (
	// longestRetry bounds the time between two attempts, which doubles.
	longestRetry = 5 * time.Minute

	// retryFailures is how many uploads in a row may fail before the store is taken
	// for one that does not work: the others are not tried then.
	retryFailures = 3
)

// wait notes that a file is to be uploaded later, or is not any more: it has content
// that is not in the store, and was closed. mu is held.
func (v *tree) wait(in *inode, later bool) {
	if v.waiting[in.id] == later {
		return
	}
	if later {
		v.waiting[in.id] = true
	} else {
		delete(v.waiting, in.id)
	}
	v.c.Observer.Waiting(len(v.waiting))
	if later && !v.retrying {
		v.retrying = true
		v.start(v.retry)
	}
}

// retry uploads what is waiting, until nothing is or the volume is closed.
func (v *tree) retry(ctx context.Context) error {
	for pause := v.c.RetryAfter; ; pause = min(2*pause, longestRetry) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		all := v.allWaiting()
		if len(all) == 0 {
			return nil
		}
		if v.retryOnce(ctx, all) {
			pause = v.c.RetryAfter / 2
		}
	}
}

// allWaiting returns what is waiting. If nothing is, whatever is next begins anew.
func (v *tree) allWaiting() (all []volume.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id := range v.waiting { // in another order each time
		all = append(all, id)
	}
	v.retrying = len(all) > 0
	return all
}

// retryOnce reports whether something could be uploaded.
func (v *tree) retryOnce(ctx context.Context, all []volume.ID) (stored bool) {
	failures := 0
	for _, id := range all {
		in := v.hold(id, true, func() *inode { return nil })
		if in == nil {
			continue
		}
		if !v.unwritten(in) { // again: its application says when it is complete
			in.unpin()
			continue
		}
		err := in.sync(ctx)
		if err == nil {
			v.c.Logger.Info("content of a closed file is in the store now", "key", in.keyNow())
			stored, failures = true, 0
		} else if !isConflict(err) {
			failures++
		}
		in.unpin()
		if ctx.Err() != nil || failures == retryFailures {
			return stored
		}
	}
	return stored
}
