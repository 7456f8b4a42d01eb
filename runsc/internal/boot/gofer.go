package boot

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/specutils"
)

// exitKilled is the exit code of a sandbox process whose container was killed.
const exitKilled = 128 + int(unix.SIGKILL)

// graceWithoutGofer is how long the engine has to end a container without a gofer.
const graceWithoutGofer = time.Second

// endWithGofer ends this process when the gofer of its first container is gone. The
// engine kills the container then (runsc/boot/loader.go, startGoferMonitor), but not
// if it was restored: it would go on writing to the upper layers of its overlays,
// which are locked only as long as the gofer lives.
func endWithGofer(f *flag.FlagSet) error {
	fd, err := goferFD(f)
	if err != nil || fd < 0 {
		return err
	}
	// The engine closes its own FD when it notices.
	if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return fmt.Errorf("the gofer's connection: %w", err)
	}
	go func() {
		// The engine's filter lets ppoll(2) pass, and not poll(2).
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		for err = unix.EINTR; err == unix.EINTR; {
			_, err = unix.Ppoll(events, nil, nil)
		}
		if err != nil || events[0].Revents&(unix.POLLHUP|unix.POLLRDHUP) == 0 {
			log.Warningf("Nobody will end this sandbox when its gofer is gone: %v, events %#x", err, events[0].Revents)
			return
		}
		time.Sleep(graceWithoutGofer)
		log.Warningf("The gofer is gone, and the container runs: ending the sandbox")
		os.Exit(exitKilled)
	}()
	return nil
}

// goferFD is the connection that serves the rootfs, which lasts as long as the
// container, or -1 if no gofer serves that.
func goferFD(f *flag.FlagSet) (int, error) {
	confs, fds := f.Lookup("gofer-mount-confs"), f.Lookup("io-fds")
	if confs == nil || fds == nil {
		return -1, fmt.Errorf("the engine's boot command has no flags --gofer-mount-confs and --io-fds")
	}
	mounts, ok := confs.Value.(*specutils.GoferMountConfFlags)
	if !ok {
		return -1, fmt.Errorf("flag --gofer-mount-confs is a %T", confs.Value)
	}
	if all := mounts.GetArray(); len(all) == 0 || !all[0].ShouldUseLisafs() {
		return -1, nil
	}
	first, _, _ := strings.Cut(fds.Value.String(), ",")
	fd, err := strconv.Atoi(first)
	if err != nil {
		return -1, fmt.Errorf("flag --io-fds: %w", err)
	}
	return fd, nil
}
