package overlays

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/directfs/runsc/runsc/internal/firstprocess"
	"github.com/directfs/runsc/runsc/internal/isolation"
	"golang.org/x/sys/unix"
)

// Report is what the first process of a container writes about its overlays. A nil
// one is of a container that has none to write about.
type Report struct {
	file   *os.File
	closed *os.File // tells when somebody closes it (inotify(7))
}

// maxReport is how much is read of it: whoever writes it is in the sandbox.
const maxReport = 8 << 10

// makeReport makes an empty report, and the directory that it is in, detached. It
// is gone when nobody has one of the two any more.
func makeReport() (dir *os.File, r *Report, err error) {
	fail := func(err error) (*os.File, *Report, error) {
		return nil, nil, fmt.Errorf("making room for the report of the first process: %w", err)
	}
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fs)
	for key, value := range map[string]string{"size": "64k", "nr_inodes": "4", "mode": "0755"} {
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return fail(err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fail(err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return fail(err)
	}
	dir = os.NewFile(uintptr(fd), "report")
	file, err := unix.Openat(fd, isolation.ReportName, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o666)
	if err == nil {
		err = unix.Fchmod(file, 0o666) // whatever the umask
	}
	if err != nil {
		return fail(errors.Join(err, dir.Close()))
	}
	if r, err = newReport(os.NewFile(uintptr(file), isolation.ReportName)); err != nil {
		return fail(errors.Join(err, dir.Close()))
	}
	return dir, r, nil
}

// OpenReport opens the report that a gofer serves.
func OpenReport(gofer int) (*Report, error) {
	return openReport(fmt.Sprintf("/proc/%d/root", gofer))
}

// openReport looks in the root of a gofer, which can change once while it does.
func openReport(root string) (r *Report, err error) {
	for _, dir := range []string{"", isolation.ServedName, ""} {
		if r, err = WatchReport(filepath.Join(root, dir, isolation.ReportName)); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return r, err
}

// WatchReport opens a report that nobody has written yet.
func WatchReport(path string) (*Report, error) {
	// Whoever has the number of a gofer that is gone can have anything there.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the report of the first process: %w", err)
	}
	return newReport(file)
}

func newReport(file *os.File) (*Report, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.IN_CLOSE_WRITE)
	}
	if err != nil {
		return nil, fmt.Errorf("watching the report of the first process: %w", errors.Join(err, file.Close()))
	}
	return &Report{file: file, closed: os.NewFile(uintptr(fd), "inotify")}, nil
}

// ErrSlow: nobody knows whether the first process is at work or holds the report
// open for ever.
var ErrSlow = errors.New("the container's first process did not say in time whether it mounted its overlays")

// Wait waits for the first process to become the container's, or to fail, and
// returns why it did. While the report is open the last word may be still to come.
// Wait gives up with [firstprocess.ErrUnfinished] when the process is gone, by
// alive, which it asks every now and then, unless the report says more, and with
// ErrSlow after the limit.
func (r *Report) Wait(limit time.Duration, alive func() bool) error {
	const interval = 100 * time.Millisecond
	if r == nil {
		return nil
	}
	end := time.Now().Add(limit)
	events := make([]byte, 4<<10)
	for {
		there := alive()
		if there && time.Now().After(end) {
			return fmt.Errorf("%w: %v", ErrSlow, limit)
		}
		if err := r.closed.SetReadDeadline(time.Now().Add(interval)); err != nil {
			return err
		}
		_, err := r.closed.Read(events)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("waiting for the first process: %w", err)
		}
		if err == nil || !there {
			if said := r.read(); said == nil || !there || !errors.Is(said, firstprocess.ErrUnfinished) {
				return said
			}
		}
	}
}

func (r *Report) read() error {
	data, err := io.ReadAll(io.NewSectionReader(r.file, 0, maxReport))
	if err != nil {
		return fmt.Errorf("reading the report of the first process: %w", err)
	}
	return firstprocess.ReadReport(data)
}

// Close ends the watch.
func (r *Report) Close() {
	if r != nil {
		r.file.Close()
		r.closed.Close()
	}
}
