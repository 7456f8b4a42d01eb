package volume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/directfs/runsc/pkg/volume/handoff"
	"github.com/directfs/runsc/pkg/volume/internal/packet"
)

// follow does what has to be done when a worker reports, until it has ended.
func (w *worker) follow() {
	reports := make(chan struct{})
	go func() {
		defer close(reports)
		for {
			message, _, err := packet.Receive(w.control, maxReport, 0)
			if err != nil {
				return
			}
			w.handle(message)
		}
	}()
	err := w.wait()
	// All that it has sent is there. A child that it has left could keep the
	// socket open.
	_ = w.control.SetReadDeadline(time.Now().Add(time.Second))
	<-reports
	w.end(err)
}

func (w *worker) handle(message []byte) {
	r, err := decodeReport(message)
	if err != nil {
		w.pool.o.Logger.Error("report of a worker", "sandbox", w.sandbox, "error", err)
		return
	}
	if e, ok := w.take(r); ok {
		w.pool.o.Observe(e)
	}
}

// take changes the pool's idea of a worker, and returns what others should know.
func (w *worker) take(r report) (Event, bool) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	if r.State == draining {
		w.retire()
		return Event{}, false
	}
	o := w.orders[r.ID]
	if o == nil {
		return Event{}, false
	}
	if o.client != nil {
		o.client.Close() // the worker has a copy of it, and answers
		o.client = nil
	}
	switch r.State {
	case serving:
		return event(EventMounted, o.request, nil), true
	case refused:
		w.remove(r.ID)
		return event(EventRefused, o.request, &handoff.Error{Kind: r.Kind, Text: r.Text}), true
	case ended:
		w.remove(r.ID)
		return event(EventUnmounted, o.request, nil), true
	}
	return Event{}, false
}

// end tidies up after a worker that has ended, in good order unless there is an
// error.
func (w *worker) end(err error) {
	log := w.pool.o.Logger.With("sandbox", w.sandbox, "pid", w.cmd.Process.Pid)
	clients, events := w.forget(err)
	w.control.Close()
	for _, c := range clients {
		refuse(context.Background(), c, w.pool.o, unavailable(diedError(err)))
		c.Close()
	}
	if err != nil {
		log.Error("worker died", "error", err, "mounts", len(events))
	} else {
		log.Info("worker ended")
	}
	for _, e := range append(events, Event{Type: EventWorkerEnded, Sandbox: w.sandbox, Err: err}) {
		w.pool.o.Observe(e)
	}
}

// forget takes the worker out of the pool, and returns whom to answer and what
// to observe.
func (w *worker) forget(err error) (clients []*net.UnixConn, events []Event) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.idle.Stop()
	w.retire()
	delete(w.pool.alive, w)
	for _, o := range w.orders {
		if o.client == nil {
			events = append(events, event(EventUnmounted, o.request, nil))
			continue
		}
		clients = append(clients, o.client)
		events = append(events, event(EventRefused, o.request, unavailable(diedError(err))))
	}
	clear(w.orders)
	return clients, events
}

var errStopping = errors.New("the daemon is stopping")

func diedError(err error) error {
	if err == nil {
		return errStopping
	}
	return fmt.Errorf("the sandbox's worker died: %w", err)
}
