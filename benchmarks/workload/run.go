package workload

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Run takes one sample in the working directory.
func Run(r Request) (Answer, error) {
	w, ok := Find(r.Workload)
	if !ok {
		return Answer{}, fmt.Errorf("no workload %q", r.Workload)
	}
	if r.Workers < 1 || r.Workers > MaxWorkers {
		return Answer{}, fmt.Errorf("%d workers: want 1 to %d", r.Workers, MaxWorkers)
	}
	jobs := make([]job, 0, r.Workers)
	stop := func() (err error) {
		for _, j := range jobs {
			err = errors.Join(err, j.stop())
		}
		return err
	}
	for i := range r.Workers {
		j, err := w.start(i, r.Tools)
		if err != nil {
			return Answer{}, errors.Join(fmt.Errorf("start: %w", err), stop())
		}
		jobs = append(jobs, j)
	}
	if !w.once {
		if _, err := together(jobs, w.batch, r.Duration/5); err != nil {
			return Answer{}, errors.Join(err, stop())
		}
	}
	duration := r.Duration
	if w.once {
		duration = 0
	}
	a, err := together(jobs, w.batch, duration)
	return a, errors.Join(err, stop())
}

// together runs all jobs at once, each on a thread of its own, for about the
// duration, and at least one batch each. The time counts until the last worker
// is done.
func together(jobs []job, batch int, d time.Duration) (Answer, error) {
	ops, errs := make([]int, len(jobs)), make([]error, len(jobs))
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	var started time.Time
	for i, j := range jobs {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-begin
			ops[i], errs[i] = j.repeat(batch, started.Add(d))
		})
	}
	ready.Wait()
	// A collection of garbage from before must not fall into the sample.
	runtime.GC()
	started = time.Now()
	close(begin)
	done.Wait()
	elapsed := time.Since(started)
	total := 0
	for _, n := range ops {
		total += n
	}
	return Answer{Nanoseconds: float64(elapsed.Nanoseconds()) / float64(max(total, 1)), Operations: total}, errors.Join(errs...)
}

// repeat does batches of operations until the time is up.
func (j job) repeat(batch int, until time.Time) (int, error) {
	for i := 0; ; {
		for range batch {
			if err := j.op(i); err != nil {
				return i, err
			}
			i++
		}
		if !time.Now().Before(until) {
			return i, nil
		}
	}
}
