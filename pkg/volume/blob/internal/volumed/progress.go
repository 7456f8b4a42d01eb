package volumed

import (
	"log/slog"
	"sync"
	"time"
)

// progress logs how far long uploads are: a line every so often for each, and
// one at the end. Uploads that end before the first line have none, unless they
// fail.
type progress struct {
	log   *slog.Logger
	every time.Duration // zero: no lines

	mu      sync.Mutex
	uploads map[string]*upload
}

type upload struct {
	begun, shown time.Time
	lines        int
}

func newProgress(log *slog.Logger, every time.Duration) *progress {
	return &progress{log: log, every: every, uploads: map[string]*upload{}}
}

// uploading is that of blob.Observer.
func (p *progress) uploading(key string, done, size int64, err error) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.uploads[key]
	if u == nil {
		u = &upload{begun: now, shown: now}
		p.uploads[key] = u
	}
	took := slog.Duration("took", now.Sub(u.begun).Round(time.Millisecond))
	switch {
	case err != nil:
		delete(p.uploads, key)
		p.log.Error("upload failed", "key", key, "bytes", size, took, "error", err)
	case done == size:
		delete(p.uploads, key)
		if u.lines > 0 {
			p.log.Info("upload complete", "key", key, "bytes", size, took)
		}
	case p.every > 0 && now.Sub(u.shown) >= p.every:
		u.shown, u.lines = now, u.lines+1
		p.log.Info("uploading", "key", key, "done", done, "bytes", size, took)
	}
}
