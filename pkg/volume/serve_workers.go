package volume

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/pkg/volume/internal/packet"
)

// pool is the workers of a daemon.
type pool struct {
	path    string
	o       ServeOptions
	spawner *spawner
	ended   sync.WaitGroup // one for each process

	mu        sync.Mutex // protects what follows, and what the workers say is
	bySandbox map[string]*worker
	alive     map[*worker]struct{}
	lastID    uint64
	closed    bool
}

// worker is the daemon's side of a worker process. A worker that is in the
// pool's bySandbox gets orders; one that is not finishes those that it has.
type worker struct {
	*process
	pool    *pool
	sandbox string

	// Protected by the pool's mutex.
	orders map[uint64]*pending
	idle   *time.Timer // runs since there are no orders
}

// pending is an order of which no end was reported.
type pending struct {
	request handoff.Request
	client  *net.UnixConn // nil once it was answered
}

func newPool(path string, o ServeOptions) *pool {
	return &pool{path: path, o: o, spawner: newSpawner(),
		bySandbox: map[string]*worker{}, alive: map[*worker]struct{}{}}
}

// attach orders the sandbox's worker to answer, and has the connection and the
// socket then. On error the connection stays the caller's.
func (p *pool) attach(c *net.UnixConn, in handoff.Incoming) error {
	if in.Socket != nil {
		defer in.Socket.Close()
	}
	w, id, err := p.order(in.Request, c)
	if err != nil {
		return unavailable(err)
	}
	if err := w.send(order{id, in.Header}, c, in); err != nil && w.withdraw(id) {
		return unavailable(fmt.Errorf("the sandbox's worker does not listen: %w", err))
	}
	return nil
}

// order finds or starts a worker.
func (p *pool) order(r handoff.Request, c *net.UnixConn) (*worker, uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, 0, errStopping
	}
	w := p.bySandbox[r.Sandbox]
	if w == nil {
		var err error
		if w, err = p.add(r.Sandbox); err != nil {
			return nil, 0, err
		}
	}
	if len(w.orders) >= p.o.Mounts {
		return nil, 0, fmt.Errorf("the sandbox has %d mounts already, as many as the daemon allows", p.o.Mounts)
	}
	p.lastID++
	w.orders[p.lastID] = &pending{r, c}
	return w, p.lastID, nil
}

func (p *pool) add(sandbox string) (*worker, error) {
	if len(p.alive) >= p.o.Workers {
		return nil, fmt.Errorf("the daemon serves %d sandboxes already, as many as it may", p.o.Workers)
	}
	process, err := p.spawner.spawn(p.path)
	if err != nil {
		return nil, err
	}
	w := &worker{process: process, pool: p, sandbox: sandbox, orders: map[uint64]*pending{}}
	w.idle = time.AfterFunc(p.o.IdleTimeout, w.retireIdle)
	p.bySandbox[sandbox], p.alive[w] = w, struct{}{}
	p.o.Logger.Info("worker started", "sandbox", sandbox, "pid", process.cmd.Process.Pid)
	p.o.Observe(Event{Type: EventWorkerStarted, Sandbox: sandbox})
	p.ended.Go(w.follow)
	return w, nil
}

func (w *worker) send(o order, c *net.UnixConn, in handoff.Incoming) error {
	message, err := o.encode()
	if err != nil {
		return err
	}
	client, err := c.File()
	if err != nil {
		return err
	}
	defer client.Close()
	_ = w.control.SetWriteDeadline(time.Now().Add(w.pool.o.RequestTimeout))
	if in.Socket == nil {
		return packet.Send(w.control, message, client)
	}
	return packet.Send(w.control, message, client, in.Socket)
}

// withdraw reports whether the order was still to be answered.
func (w *worker) withdraw(id uint64) bool {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	_, there := w.orders[id]
	w.remove(id)
	return there
}

// remove forgets an order. The pool's mutex is held.
func (w *worker) remove(id uint64) {
	delete(w.orders, id)
	if len(w.orders) == 0 {
		w.idle.Reset(w.pool.o.IdleTimeout)
	}
}

func (w *worker) retireIdle() {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	if len(w.orders) == 0 {
		w.retire()
	}
}

// retire sends the worker no more orders: it ends when it has finished those
// that it has. The pool's mutex is held.
func (w *worker) retire() {
	if w.pool.bySandbox[w.sandbox] == w {
		delete(w.pool.bySandbox, w.sandbox)
	}
	_ = w.control.CloseWrite()
}

// drain ends all workers.
func (p *pool) drain() {
	p.mu.Lock()
	p.closed = true
	for w := range p.alive {
		w.retire()
	}
	p.mu.Unlock()
	kill := time.AfterFunc(p.o.longestDrain(), p.kill)
	p.ended.Wait()
	kill.Stop()
	p.spawner.stop()
}

// longestDrain is how long a worker needs to end in good order, and some more.
func (o ServeOptions) longestDrain() time.Duration {
	return o.DrainTimeout + 2*o.CloseTimeout + 5*time.Second
}

func (p *pool) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.alive {
		p.o.Logger.Error("worker did not end and is killed", "sandbox", w.sandbox, "pid", w.cmd.Process.Pid)
		_ = w.cmd.Process.Kill()
	}
}
