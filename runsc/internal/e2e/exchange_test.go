package e2e

import (
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// exchanges is a goroutine that exchanges two directories until it is stopped.
type exchanges struct {
	count atomic.Int64
	done  chan struct{}
	ended chan error
}

func exchange(p, q string) *exchanges {
	m := &exchanges{done: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		for {
			select {
			case <-m.done:
				m.ended <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, q, unix.RENAME_EXCHANGE); err != nil {
				m.ended <- err
				return
			}
			m.count.Add(1)
		}
	}()
	return m
}

// await returns when the directories have been exchanged again.
func (m *exchanges) await() {
	for before := m.count.Load(); m.count.Load() == before && len(m.ended) == 0; {
		runtime.Gosched()
	}
}

func (m *exchanges) stop() error {
	close(m.done)
	return <-m.ended
}
