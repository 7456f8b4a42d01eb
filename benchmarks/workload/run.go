package workload

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Run takes one sample in the working directory.
func Run(r Request) (Answer, error) {
	w, ok := Find(r.Workload)
	if !ok {
		return Answer{}, fmt.Errorf("no workload %q", r.Workload)
	}
	if most := slices.Max(w.Workers); r.Workers < 1 || r.Workers > most {
		return Answer{}, fmt.Errorf("%d workers: want 1 to %d", r.Workers, most)
	}
	jobs := make([]job, 0, r.Workers)
	stop := func() (err error) {
		for _, j := range jobs {
			err = errors.Join(err, j.stop())
		}
		return err
	}
	for i := range r.Workers {
		j, err := w.start(i, r)
		if err != nil {
			return Answer{}, errors.Join(fmt.Errorf("start: %w", err), stop())
		}
		jobs = append(jobs, j)
	}
	a, err := w.run(jobs, r.Duration)
	return a, errors.Join(err, stop())
}

func (w Workload) run(jobs []job, d time.Duration) (Answer, error) {
	switch {
	case w.total > 0:
		return together(jobs, share(w.total))
	case w.once:
		return together(jobs, repeatFor(w.batch, 0))
	}
	if _, err := together(jobs, repeatFor(w.batch, d/5)); err != nil {
		return Answer{}, err
	}
	return together(jobs, repeatFor(w.batch, d))
}

// turn is what one worker does with its job, and how many operations that were.
type turn func(j job, began time.Time) (int, error)

// repeatFor repeats for about the duration, and at least one batch.
func repeatFor(batch int, d time.Duration) turn {
	return func(j job, began time.Time) (int, error) { return j.repeat(batch, began.Add(d)) }
}

// share does each of the operations from 0 to total-1 once: a worker that is
// done with one does the next that nobody has begun.
func share(total int) turn {
	var next atomic.Int64
	return func(j job, _ time.Time) (int, error) {
		for n := 0; ; n++ {
			i := int(next.Add(1)) - 1
			if i >= total {
				return n, nil
			}
			if err := j.op(i); err != nil {
				return n, err
			}
		}
	}
}

// together runs all jobs at once, each on a thread of its own. The time counts
// until the last worker is done.
func together(jobs []job, do turn) (Answer, error) {
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
			ops[i], errs[i] = do(j, started)
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
