package firstprocess

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// executing is the report's line before execve(2). If that fails, an error
// follows.
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
// It is true only when the report has been closed by whoever serves it to the
// container (inotify(7), IN_CLOSE_WRITE): the first process keeps it open until
// it is gone or has become another.
func ReadReport(data []byte) error {
	text := string(data)
	if _, message, found := strings.Cut(text, errorMark); found {
		return errors.New(strings.TrimSuffix(message, "\n"))
	}
	if text != executing {
		return ErrUnfinished
	}
	return nil
}

// report is the open report.
type report int

func openReport(dir int) (report, error) {
	fd, err := unix.Openat(dir, ReportName, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	return report(fd), err
}

// say writes so that those outside see it: a file may be kept in memory until it
// is synchronised.
func (r report) say(text string) error {
	for b := []byte(text); len(b) > 0; {
		n, err := unix.Write(int(r), b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return unix.Fsync(int(r))
}

// sayError writes an error, or takes back what was said before: under the container's
// RLIMIT_FSIZE a file can be made shorter, and not longer (setrlimit(2)). What remains
// is as of a process that ended without a word.
func (r report) sayError(err error) error {
	failed := r.say(errorMark + err.Error() + "\n")
	if failed != nil {
		_ = unix.Ftruncate(int(r), 0)
	}
	return failed
}
