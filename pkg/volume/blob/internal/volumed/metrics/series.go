package metrics

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// family is a metric with all its series. Every one has the label "volume" too.
type family struct {
	name, help string
	labels     []string
	values     [][]string // of the labels, one for each series
	gauge      bool
	scale      float64 // what one unit of a slot is worth
}

// families are in the order of their slots in the file. Names are those of
// Prometheus: https://prometheus.io/docs/practices/naming/
var families = []family{
	{name: "volumed_requests_total", help: "Requests to the store.",
		labels: []string{"request", "outcome"}, values: product(requests, outcomes)},
	{name: "volumed_request_seconds_total", help: "Time that requests to the store took.",
		labels: []string{"request"}, values: single(requests), scale: 1e-6},
	{name: "volumed_transferred_bytes_total", help: "Content that came from the store (down) or went there (up).",
		labels: []string{"direction"}, values: single(directions)},
	{name: "volumed_cache_events_total", help: "What happened to objects in the cache on disk.",
		labels: []string{"event"}, values: single(cacheEvents)},
	{name: "volumed_uploads_total", help: "Uploads that ended.",
		labels: []string{"outcome"}, values: single(uploadOutcomes)},
	{name: "volumed_conflicts_total", help: "Times that another writer was noticed.", values: [][]string{nil}},
	{name: "volumed_disk_bytes", help: "Bytes on disk now, of cached and of staged files.",
		labels: []string{"kind"}, values: single(diskKinds), gauge: true},
	{name: "volumed_waiting_files", help: "Files that are closed and not in the store: their upload failed, and is tried again.",
		values: [][]string{nil}, gauge: true},
}

var (
	requests       = []string{"list", "attributes", "read", "write", "copy", "delete"}
	outcomes       = []string{"ok", "timeout", "denied", "conflict", "canceled", "error"}
	directions     = []string{"down", "up"}
	cacheEvents    = []string{"hit", "miss", "eviction", "prefetch"}
	uploadOutcomes = []string{"ok", "error"}
	diskKinds      = []string{"cache", "staged"}
)

func single(words []string) (all [][]string) {
	for _, w := range words {
		all = append(all, []string{w})
	}
	return all
}

func product(a, b []string) (all [][]string) {
	for _, x := range a {
		for _, y := range b {
			all = append(all, []string{x, y})
		}
	}
	return all
}

// slots is how many numbers a file has.
var slots = func() (n int) {
	for _, f := range families {
		n += len(f.values)
	}
	return n
}()

// slot returns the place of a series, or -1 for one that there is not.
func slot(name string, labels ...string) int {
	at := 0
	for _, f := range families {
		if f.name != name {
			at += len(f.values)
			continue
		}
		i := slices.IndexFunc(f.values, func(v []string) bool { return slices.Equal(v, labels) })
		if i < 0 {
			return -1
		}
		return at + i
	}
	return -1
}

func (f family) desc() *prometheus.Desc {
	return prometheus.NewDesc(f.name, f.help, append([]string{"volume"}, f.labels...), nil)
}

func (f family) kind() prometheus.ValueType {
	if f.gauge {
		return prometheus.GaugeValue
	}
	return prometheus.CounterValue
}

func (f family) value(n uint64) float64 {
	if f.scale != 0 {
		return float64(n) * f.scale
	}
	return float64(n)
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, syscall.EACCES):
		return "denied"
	case errors.Is(err, syscall.ESTALE):
		return "conflict"
	}
	return "error"
}
