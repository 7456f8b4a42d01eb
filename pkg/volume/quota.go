package volume

import "sync/atomic"

// quota counts what a sandbox may have a limited number of.
type quota struct {
	max  int64
	used atomic.Int64
}

// take reports whether there was one left.
func (q *quota) take() bool {
	if q.used.Add(1) > q.max {
		q.used.Add(-1)
		return false
	}
	return true
}

func (q *quota) give() { q.used.Add(-1) }
