package gofer

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// serveVolumes starts to serve the volumes of this process, each with a server of
// its own, so that none waits for another's locks. Volumes of daemons are served
// already. The result waits for the end of all.
func serveVolumes(conns []connection) (wait func()) {
	var all sync.WaitGroup
	outside := false
	for i := range conns {
		c := &conns[i]
		switch {
		case !c.servedByVolume():
		case c.decision.Outside:
			outside = true
			connection, _ := c.volume.daemonFiles()
			all.Go(func() {
				awaitDaemon(connection)
				c.volume.hangUp()
			})
		default:
			socket := os.NewFile(uintptr(c.fd), "socket of a mount")
			all.Go(func() {
				if err := c.volume.mount.Serve(socket); err != nil {
					log.Warningf("Serving %q by %v: %v", c.path, c.decision.Gofer, err)
				}
			})
		}
	}
	if outside {
		hangUpOnSignal(conns)
	}
	return all.Wait
}

// daemonFiles are the connection to the daemon and the socket that it serves.
func (v *served) daemonFiles() (connection, socket int) {
	return int(v.keep[0].Fd()), int(v.keep[1].Fd())
}

// hangUp ends what the daemon serves: the sandbox's calls fail from then on.
func (v *served) hangUp() {
	_, socket := v.daemonFiles()
	_ = unix.Shutdown(socket, unix.SHUT_RDWR)
}

// hangUpOnSignal ends the process by SIGTERM, which a client sends if daemons keep
// the sandbox waiting when it starts. Daemons could have their sockets for ever.
func hangUpOnSignal(conns []connection) {
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, unix.SIGTERM)
	go func() {
		<-terminate
		hangUpAll(conns)
		os.Exit(128)
	}()
}

// hangUpAll ends what daemons serve.
func hangUpAll(conns []connection) {
	for _, c := range conns {
		if c.servedByVolume() && c.decision.Outside {
			c.volume.hangUp()
		}
	}
}

// awaitDaemon waits until a daemon is done with a mount, or gone. It uses a call
// that the filter allows.
func awaitDaemon(fd int) {
	events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Ppoll(events, nil, nil); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// volumeFiles are the FDs that connections keep for their volumes.
func volumeFiles(conns []connection) [][]int {
	all := make([][]int, len(conns))
	for i, c := range conns {
		if c.volume == nil {
			continue
		}
		for _, f := range c.volume.keep {
			all[i] = append(all[i], int(f.Fd()))
		}
	}
	return all
}

// keepVolumeFiles is the reverse, in a process that has executed itself again.
func keepVolumeFiles(conns []connection, all [][]int) {
	for i, fds := range all {
		if conns[i].volume == nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			conns[i].volume.keep = append(conns[i].volume.keep, os.NewFile(uintptr(fd), "volume's"))
		}
	}
}
