package firstprocess

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// executing is the report's line before execve(2). If that fails, an error is in its
// place.
const executing = "exec\n"

// errorMark begins the report of an error, which goes on to the end.
const errorMark = "error: "

// ErrUnfinished says that the first process has not done its work, or ended
// without a word.
var ErrUnfinished = errors.New("the container's first process did not mount its overlays")

// ReadReport says how the first process fared, from what is in its report. The
// error is nil if it has become the container's process, and [ErrUnfinished] if
// nothing is known yet.
//
// What follows the text, up to [maxLate], is zeros.
//
// It is true only when the report has been closed by whoever serves it to the
// container (inotify(7), IN_CLOSE_WRITE): the first process keeps it open until
// it is gone or has become another.
func ReadReport(data []byte) error {
	text := strings.TrimRight(string(data), "\x00")
	if _, message, found := strings.Cut(text, errorMark); found {
		return errors.New(strings.TrimSuffix(message, "\n"))
	}
	if text != executing {
		return ErrUnfinished
	}
	return nil
}

// maxLate is how long a report is when the program is executed, and so how much can
// be said afterwards.
const maxLate = 8 << 10

// report is the open report.
type report struct {
	fd int
	// late is the file in memory, once the limits of the container hold. To write in
	// it takes no RLIMIT_FSIZE, which may forbid all else: even to make a file shorter,
	// when it is 0 (pkg/sentry/vfs/permissions.go, CheckLimit).
	late []byte
}

func openReport(dir int) (*report, error) {
	fd, err := unix.Openat(dir, ReportName, unix.O_RDWR|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	return &report{fd: fd}, err
}

// sayExecuting is for the time before the limits of the container hold. It prepares
// for a last word after that.
func (r *report) sayExecuting() (err error) {
	if err := r.say(executing + strings.Repeat("\x00", maxLate-len(executing))); err != nil {
		return err
	}
	r.late, err = unix.Mmap(r.fd, 0, maxLate, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map: %w", err)
	}
	return nil
}

// say writes so that those outside see it: a file may be kept in memory until it
// is synchronised.
func (r *report) say(text string) error {
	for b := []byte(text); len(b) > 0; {
		n, err := unix.Write(r.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return unix.Fsync(r.fd)
}

// sayError writes an error, in the place of what was said before.
func (r *report) sayError(err error) error {
	text := errorMark + err.Error() + "\n"
	if r.late == nil {
		return r.say(text)
	}
	clear(r.late[copy(r.late, text):])
	return unix.Msync(r.late, unix.MS_SYNC)
}
