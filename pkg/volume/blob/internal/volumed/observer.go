package volumed

import (
	"time"

	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/metrics"
)

// observer passes on what an open volume tells, to metrics and to the log. It is
// a blob.Observer.
type observer struct {
	counter  *metrics.Counter // nil where nobody asks for metrics
	progress *progress
}

var _ blob.Observer = (*observer)(nil)

func (o *observer) Requested(r blob.Request, took time.Duration, err error) {
	if o.counter != nil {
		o.counter.Requested(string(r), took, err)
	}
}

func (o *observer) Transferred(down, up int64) {
	if o.counter != nil {
		o.counter.Transferred(down, up)
	}
}

func (o *observer) Cached(e blob.CacheEvent) {
	if o.counter != nil {
		o.counter.Cached(string(e))
	}
}

func (o *observer) Disk(cache, staged int64) {
	if o.counter != nil {
		o.counter.Disk(cache, staged)
	}
}

func (o *observer) Uploading(key string, done, size int64, err error) {
	o.progress.uploading(key, done, size, err)
	if o.counter != nil {
		o.counter.Uploading(key, done, size, err)
	}
}

func (o *observer) Waiting(files int) {
	if o.counter != nil {
		o.counter.Waiting(files)
	}
}

func (o *observer) Conflict(key string) {
	o.progress.log.Warn("another writer changed an object", "key", key)
	if o.counter != nil {
		o.counter.Conflict(key)
	}
}
