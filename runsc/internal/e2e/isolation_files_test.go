package e2e

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Mounts of single files: what they are on the host decides what can be done.
func TestIsolatedFiles(t *testing.T) {
	for _, how := range both {
		t.Run(how, func(t *testing.T) {
			lab := newLab(t, "--host-uds=all", "--host-fifo=open")
			sock, fifo := volume(lab, "sock"), volume(lab, "fifo")
			served := serveSocket(t, sock)
			if err := unix.Mkfifo(fifo, 0o644); err != nil {
				t.Fatal(err)
			}
			writer, err := os.OpenFile(fifo, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			option := "directfs=" + how
			c := lab.Serve(t, lab.Bundle(t, harness.FileMount("/file", "content\n", "rw", option), harness.FileMount("/ro", "kept\n", "ro", option),
				harness.MountFrom(sock, "/sock", "rw", option), harness.MountFrom(fifo, "/fifo", "rw", option),
				harness.Mount("/d", "rw", option), harness.Args("serve", "/d")))
			readReport(t, c)
			execGuest(t, c, "write", "/file", "written")
			if got, err := os.ReadFile(c.Bundle.Source("/file")); err != nil || string(got) != "written\n" {
				t.Errorf("on the host, the file has %q, %v", got, err)
			}
			if got := execGuest(t, c, "chmod", "/file", "611"); got != "611\n" {
				t.Errorf("mode of the file is %s", got)
			}
			if res, err := c.Exec(harness.Context(t), "write", "/ro", "x"); err != nil || !strings.Contains(res.Stderr, "read-only") {
				t.Errorf("write to a read-only file: %+v, %v", res, err)
			}
			if got := execGuest(t, c, "connect", "/sock"); got != "from the host\n" {
				t.Errorf("the socket says %q", got)
			}
			if how == "off" {
				// On a socket that is itself a mount with directfs, chmod hangs
				// the engine's sentry, upstream's as well.
				checkSocketMode(t, c, sock)
			}
			checkFIFO(t, c, writer)
			stop(t, lab, c)
			served()
		})
	}
}

func checkSocketMode(t *testing.T, c *harness.Container, sock string) {
	t.Helper()
	if got := execGuest(t, c, "chmod", "/sock", "640"); got != "640\n" {
		t.Errorf("mode of the socket is %s", got)
	}
	if fi, err := os.Stat(sock); err != nil || fi.Mode().Perm() != 0o640 {
		t.Errorf("on the host, the socket has %v, %v", fi, err)
	}
}

// serveSocket answers every connection with a line.
func serveSocket(t *testing.T, path string) (wait func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				done <- err
				return
			}
			_, _ = c.Write([]byte("from the host\n"))
			c.Close()
		}
	}()
	return func() {
		l.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

// checkFIFO has the container read a line that the host writes.
func checkFIFO(t *testing.T, c *harness.Container, host *os.File) {
	t.Helper()
	if _, err := host.WriteString("by fifo\n"); err != nil {
		t.Fatal(err)
	}
	if got := execGuest(t, c, "line", "/fifo"); got != "by fifo\n" {
		t.Errorf("the fifo says %q", got)
	}
}
