// Package await is the host's side of a first process's report.
package await

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/directfs/runsc/runsc/internal/firstprocess"
	"golang.org/x/sys/unix"
)

// Report watches a report. The first process keeps it open until it has become
// the container's process, or has ended; then nobody in the sandbox has it, and
// whoever serves it to the sandbox closes it.
type Report struct {
	path   string
	events *os.File
}

// Watch has to be called before the container is started. The report must be
// there, and empty.
func Watch(path string) (*Report, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch report: inotify_init: %w", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_CLOSE_WRITE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch report %s: %w", path, err), events.Close())
	}
	return &Report{path: path, events: events}, nil
}

// Wait returns nil when the first process has become the container's process,
// and what it says if it failed. The context has to end when the container does,
// because then nobody may close the report in an orderly way; the error is
// [firstprocess.ErrUnfinished] then, unless the report says more.
func (r *Report) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 4096)
	for {
		_, ended := r.events.Read(buf)
		if ended != nil && !errors.Is(ended, os.ErrDeadlineExceeded) {
			return fmt.Errorf("watch report: %w", ended)
		}
		data, err := os.ReadFile(r.path)
		if err != nil {
			return fmt.Errorf("read report: %w", err)
		}
		err = firstprocess.ReadReport(data)
		if ended != nil || !errors.Is(err, firstprocess.ErrUnfinished) {
			return err
		}
	}
}

// Close ends the watch.
func (r *Report) Close() error { return r.events.Close() }
