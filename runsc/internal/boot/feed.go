package boot

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
)

// feedWhenRead puts a pipe behind the FD number and calls before as soon as
// somebody reads from it, then lets the reader have the data.
//
// The engine's boot command reads the mount list when its root and its
// capabilities are final and before it makes the sentry
// (runsc/cmd/sentry/sentrycmd/boot.go:601). That is the one moment for a
// seccomp filter which the steps before would break and the engine's own
// filter would no longer let in. The data is JSON, which may start with any
// amount of white space: as much as fills the pipe blocks the writer until the
// reader has come.
func feedWhenRead(fd int, data []byte, before func() error) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	r, w := os.NewFile(uintptr(p[0]), "mounts"), os.NewFile(uintptr(p[1]), "mounts")
	defer r.Close()
	size, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	if err != nil {
		w.Close()
		return fmt.Errorf("sizing a pipe: %w", err)
	}
	if err := unix.Dup3(int(r.Fd()), fd, 0); err != nil {
		w.Close()
		return fmt.Errorf("replacing mounts: %w", err)
	}
	go func() {
		defer w.Close()
		_, err := w.Write(bytes.Repeat([]byte{' '}, size+1))
		if err == nil {
			err = before()
		}
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			util.Fatalf("directfs plan: %v", err)
		}
	}()
	return nil
}
