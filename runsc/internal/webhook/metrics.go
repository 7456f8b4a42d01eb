package webhook

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/directfs/runsc/pkg/admission"
)

// bounds are the upper ends of the histogram of times.
var bounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, time.Second,
}

// metrics counts reviews. Its labels have few values, whatever is asked.
type metrics struct {
	mu        sync.Mutex
	outcomes  map[admission.Outcome]uint64
	malformed uint64
	buckets   []uint64 // one more than bounds
	seconds   float64
}

func newMetrics() *metrics {
	m := &metrics{outcomes: map[admission.Outcome]uint64{}, buckets: make([]uint64, len(bounds)+1)}
	for _, o := range []admission.Outcome{admission.Skipped, admission.Allowed, admission.Warned, admission.Refused} {
		m.outcomes[o] = 0
	}
	return m
}

func (m *metrics) observe(v admission.Verdict, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.malformed++
		return
	}
	m.outcomes[v.Outcome]++
	m.seconds += took.Seconds()
	i, _ := slices.BinarySearch(bounds, took)
	m.buckets[i]++
}

// write writes them in the text format of Prometheus.
func (m *metrics) write(w io.Writer, cert *certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP runsc_webhook_%s %s\n# TYPE runsc_webhook_%s %s\n", name, help, name, kind)
	}
	head("reviews_total", "counter", "Reviews that were answered, by what became of the object.")
	for _, o := range slices.Sorted(maps.Keys(m.outcomes)) {
		fmt.Fprintf(w, "runsc_webhook_reviews_total{outcome=%q} %d\n", o, m.outcomes[o])
	}
	head("malformed_total", "counter", "Requests that were no review that can be answered.")
	fmt.Fprintf(w, "runsc_webhook_malformed_total %d\n", m.malformed)
	head("review_duration_seconds", "histogram", "Time from a request's header to its answer.")
	sum := uint64(0)
	for i, b := range bounds {
		sum += m.buckets[i]
		fmt.Fprintf(w, "runsc_webhook_review_duration_seconds_bucket{le=\"%g\"} %d\n", b.Seconds(), sum)
	}
	sum += m.buckets[len(bounds)]
	fmt.Fprintf(w, "runsc_webhook_review_duration_seconds_bucket{le=\"+Inf\"} %d\n", sum)
	fmt.Fprintf(w, "runsc_webhook_review_duration_seconds_sum %g\nrunsc_webhook_review_duration_seconds_count %d\n", m.seconds, sum)
	notAfter, rotated, rejected := cert.state()
	head("certificate_not_after_seconds", "gauge", "When the certificate that is served expires.")
	fmt.Fprintf(w, "runsc_webhook_certificate_not_after_seconds %d\n", notAfter.Unix())
	head("certificate_rotations_total", "counter", "Certificates that replaced another.")
	fmt.Fprintf(w, "runsc_webhook_certificate_rotations_total %d\n", rotated)
	head("certificate_rejections_total", "counter", "Certificates that could not be used.")
	fmt.Fprintf(w, "runsc_webhook_certificate_rejections_total %d\n", rejected)
}
