package overlayfs_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kernelLog reads what the kernel's own log has of overlays from now on.
type kernelLog struct{ fd int }

func newKernelLog(t testing.TB) kernelLog {
	t.Helper()
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		t.Fatal(err)
	}
	return kernelLog{fd}
}

func (l kernelLog) read(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	line := make([]byte, 8192)
	for {
		n, err := unix.Read(l.fd, line)
		switch {
		case err == unix.EPIPE || err == unix.EINTR: // lines were overwritten
		case err == unix.EAGAIN:
			return all.String()
		case err != nil:
			t.Fatal(err)
		default:
			if _, text, ok := strings.Cut(string(line[:n]), ";"); ok && strings.HasPrefix(text, "overlayfs:") {
				text, _, _ = strings.Cut(text, "\n")
				all.WriteString(text + "\n")
			}
		}
	}
}
