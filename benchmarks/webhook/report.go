package webhook

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Result is what was measured.
type Result struct {
	Rate    int
	For     time.Duration
	HTTP1   bool
	Pods    []Pod
	Samples []Sample
	Usage   Usage
	Total   time.Duration // with the warm-up, for the usage
}

// Quantile returns a quantile of durations that are sorted.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Markdown is the report, and Err why the measurement is worth nothing.
func (r Result) Markdown() string {
	var b strings.Builder
	protocol := "HTTP/2, one connection"
	if r.HTTP1 {
		protocol = "HTTP/1.1, connections kept"
	}
	fmt.Fprintf(&b, "%d reviews a second at fixed intervals for %v, over TLS 1.3 (%s), on %d CPUs that server and load share, %s. A time counts from when a review had to be sent.\n\n",
		r.Rate, r.For, protocol, runtime.NumCPU(), runtime.Version())
	fmt.Fprintf(&b, "| reviews | KiB | of 100 | failed | p50 ms | p90 ms | p99 ms | p99.9 ms | most ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	r.row(&b, "all", -1)
	for i := range r.Pods {
		r.row(&b, r.Pods[i].Name, i)
	}
	var late []time.Duration
	for _, s := range r.Samples {
		late = append(late, s.Late)
	}
	slices.Sort(late)
	fmt.Fprintf(&b, "\nThe load itself was late by %s ms in the 99th percentile, which is in these times. The webhook used %.0f%% of one CPU, and %d MiB of memory at most.\n",
		ms(Quantile(late, 0.99)), 100*r.Usage.CPU.Seconds()/r.Total.Seconds(), r.Usage.Memory>>20)
	return b.String()
}

func (r Result) row(b *strings.Builder, name string, pod int) {
	var took []time.Duration
	failed, size, share := 0, "", "100"
	for _, s := range r.Samples {
		switch {
		case pod >= 0 && s.Pod != pod:
		case s.Err != nil:
			failed++
		default:
			took = append(took, s.Took)
		}
	}
	if pod >= 0 {
		size, share = fmt.Sprintf("%.1f", float64(len(r.Pods[pod].Body))/1024), fmt.Sprint(r.Pods[pod].Share)
	}
	slices.Sort(took)
	fmt.Fprintf(b, "| %s | %s | %s | %d | %s | %s | %s | %s | %s |\n", name, size, share, failed,
		ms(Quantile(took, 0.5)), ms(Quantile(took, 0.9)), ms(Quantile(took, 0.99)), ms(Quantile(took, 0.999)), ms(Quantile(took, 1)))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }
