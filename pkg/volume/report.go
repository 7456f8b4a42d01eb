package volume

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A mount logs so many messages at once, and then one each interval, so that a
// broken volume or a hostile sandbox does not fill the operator's disk.
const (
	reportBurst    = 20
	reportInterval = time.Second
)

// reporter logs what the errno that an application gets does not tell.
type reporter struct {
	logger *slog.Logger

	mu         sync.Mutex
	saved      int // messages that may be logged now
	since      time.Time
	suppressed int
}

func newReporter(logger *slog.Logger, mount string) *reporter {
	if logger == nil {
		logger = slog.Default()
	}
	// The zone is read from a file the first time a time is formatted. Behind
	// the gofer's filter that would be the container's.
	now := time.Now()
	_, _ = now.Zone()
	return &reporter{logger: logger.With("mount", mount), saved: reportBurst, since: now}
}

// warn logs a message, or counts it.
func (r *reporter) warn(msg string, args ...any) {
	suppressed, ok := r.allow()
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	r.logger.Warn(msg, args...)
}

// allow returns how many messages were not logged since the last one that was.
func (r *reporter) allow() (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := int(time.Since(r.since) / reportInterval); n > 0 {
		r.saved = min(r.saved+n, reportBurst)
		r.since = r.since.Add(time.Duration(n) * reportInterval)
	}
	if r.saved == 0 {
		r.suppressed++
		return 0, false
	}
	r.saved--
	n := r.suppressed
	r.suppressed = 0
	return n, true
}

// op names a call to the volume, for the log.
type op struct {
	call string
	id   ID
	name string
}

// errno reports an error that its number does not explain, and returns the
// number, or nil.
func (r *reporter) errno(o op, err error) error {
	if err == nil {
		return nil
	}
	errno := toErrno(err)
	_, isFault := errors.AsType[*fault](err)
	if isFault || errno == unix.EIO || errno == unix.ETIMEDOUT {
		r.warn("volume failed", "call", o.call, "file", string(o.id), "name", o.name, "errno", errno, "error", err)
	}
	return errno
}
