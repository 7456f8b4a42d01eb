package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/directfs/runsc/benchmarks/workload"
)

const (
	// freshTries is how often git may write an index. It is lost where a client
	// uploads after it was told to end.
	freshTries = 3

	// indexTime bounds how long a client may take to upload the index.
	indexTime = 5 * time.Second
)

// freshen lets git write the index of each bucket once: the first `git status`
// in a copy reads all files, since their times are others than where they were
// copied from. A client whose files have other times in every session keeps
// reading all; that is said, and measured as it is.
func (r *volumeRun) freshen(ctx context.Context) error {
	if !slices.ContainsFunc(r.Workloads, func(w workload.Workload) bool { return w.Name == workload.GitStatus }) {
		return nil
	}
	for _, s := range r.seats {
		if s.fresh {
			continue
		}
		fresh, err := r.freshIndex(ctx, s)
		if err != nil {
			return fmt.Errorf("configuration %s: git: %w", s.Name, err)
		}
		if !fresh {
			r.run.result.Skipped = append(r.run.result.Skipped, fmt.Sprintf(
				"%s: no index of git stays fresh: %s reads all files every time", s.Client.Name, workload.GitStatus))
		}
	}
	return nil
}

func (r *volumeRun) freshIndex(ctx context.Context, s *seat) (fresh bool, err error) {
	for range freshTries {
		err := r.session(ctx, s, func(g *guest) error {
			before := s.volume.Modified(workload.GitIndex)
			if _, err := g.measure(workload.Request{Workload: workload.GitStatus, Workers: 1, Tools: r.Tools}); err != nil {
				return err
			}
			return s.volume.AwaitChange(ctx, workload.GitIndex, before, indexTime)
		})
		if err != nil {
			return false, err
		}
		if fresh, err = r.isFresh(ctx, s); fresh || err != nil {
			return fresh, err
		}
	}
	return false, nil
}

// isFresh asks git in a new session.
func (r *volumeRun) isFresh(ctx context.Context, s *seat) (fresh bool, err error) {
	err = r.session(ctx, s, func(g *guest) error {
		_, err := g.measure(workload.Request{Workload: workload.GitFresh, Workers: 1, Tools: r.Tools})
		var said guestError
		fresh = err == nil
		if errors.As(err, &said) {
			return nil
		}
		return err
	})
	return fresh, err
}
