package volume

import "sync"

// mounts are those of a worker. The zero value has none.
type mounts struct {
	mu       sync.Mutex
	stops    map[uint64]func()
	gone     chan struct{} // not nil once no more may begin; closed when there are none
	stopping bool
}

// begin adds a mount. The caller ends it, also on error.
func (m *mounts) begin(id uint64) (end func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return func() {}, unavailable(errStopping)
	}
	if m.stops == nil {
		m.stops = map[uint64]func(){}
	}
	m.stops[id] = func() {}
	return func() { m.remove(id) }, nil
}

func (m *mounts) remove(id uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.stops, id)
	if len(m.stops) == 0 && m.gone != nil {
		close(m.gone)
	}
}

// stopBy says how a mount is made to end.
func (m *mounts) stopBy(id uint64, stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stops[id] = stop
	if m.stopping {
		stop()
	}
}

// drain lets no more mounts begin, and returns what is closed when there are
// none. It is called once.
func (m *mounts) drain() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = make(chan struct{})
	if len(m.stops) == 0 {
		close(m.gone)
	}
	return m.gone
}

// stop makes all mounts end, those that are about to begin included.
func (m *mounts) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopping = true
	for _, stop := range m.stops {
		stop()
	}
}
