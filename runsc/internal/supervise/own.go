package supervise

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sight is what was seen when a process ended. Its parent may ask for its status
// at once, and then only new kernels tell it others.
type sight struct {
	done chan struct{}
	how  string // set before done is closed
}

// Watch takes hold of a child of this process, and sees when it ends. It may be
// called while others use what is held, but not after Close.
func (h *Held) Watch(p Process) {
	// Nobody else has the PID of a child.
	one := hold(func(int) bool { return false }, p)
	one.seen = &sight{done: make(chan struct{}), how: hasEnded}
	h.mu.Lock()
	h.all = append(h.all, one)
	h.mu.Unlock()
	own := held{Process: p, stderr: -1} // Close does not take it
	var err error
	if own.pidfd, err = unix.FcntlInt(uintptr(one.pidfd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		close(one.seen.done) // it had ended already
		return
	}
	go func() {
		defer close(one.seen.done)
		defer unix.Close(own.pidfd)
		one.seen.how, _ = own.ending(forever)
		if p.Kind == Gofer && one.seen.how == isKilled {
			h.goferKilled()
		}
	}()
}

// goferKilled notes whether the gofer was killed before the sandbox process ended.
// The engine kills that one first, and waits for its end.
func (h *Held) goferKilled() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.goferFirst = true
	for _, p := range h.all {
		if p.Kind == Sandbox && (p.pidfd < 0 || readable(p.pidfd, 0)) {
			h.goferFirst = false
		}
	}
}

// OwnReasons returns the reasons of processes that the engine has not killed.
// It is for when the engine could not create or start a container, and then has
// killed all that were left. lost says that it could not because it lost the
// connection to the sandbox process, which then has ended before. Of a nil Held
// there are none.
func (h *Held) OwnReasons(lost bool) []string {
	var all []string
	for _, p := range h.processes() {
		how, ended := p.ending(0)
		said, _ := words(p.stderr)
		silent := len(said) == 0
		switch {
		case !ended || how == inPeace || how == hasEnded && silent:
		case how == isKilled && !h.byOthers(p, lost):
		case p.Kind == Gofer && silent && strings.HasPrefix(how, hasExited):
			// It fails where the sandbox process ends.
		default:
			all = append(all, p.reason(how))
		}
	}
	return all
}

// byOthers reports whether a process that was killed is known not to have been
// killed by the engine.
func (h *Held) byOthers(p held, lost bool) bool {
	if p.seen == nil {
		return false
	}
	<-p.seen.done
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.Kind == Sandbox {
		return lost && !h.goferFirst
	}
	// Without a sandbox process there was none that the engine could kill first.
	return h.goferFirst && slices.ContainsFunc(h.all, func(p held) bool { return p.Kind == Sandbox })
}

// Has reports whether such a process is held.
func (h *Held) Has(kind Kind) bool {
	return slices.ContainsFunc(h.processes(), func(p held) bool { return p.Kind == kind })
}

func (h *Held) processes() []held {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[:len(h.all):len(h.all)]
}
