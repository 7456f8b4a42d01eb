package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
)

// shakyMark marks rows of workloads for which the host itself was unsteady.
const shakyMark = "~"

// value formats a median with the half width of its interval: "1.31 µs ±3%".
func value(s stats.Summary, kind results.Kind) string {
	if s.N == 0 {
		return ""
	}
	width := "±∞"
	if h := s.HalfWidth(); !math.IsInf(h, 0) {
		width = fmt.Sprintf("±%.0f%%", 100*h)
	}
	return quantity(s.Median, kind) + " " + width
}

// quantity formats nanoseconds or KiB with three significant digits.
func quantity(v float64, kind results.Kind) string {
	units, step := []string{"ns", "µs", "ms", "s"}, 1000.0
	if kind == results.Memory {
		units, step = []string{"KiB", "MiB", "GiB"}, 1024
	}
	for len(units) > 1 && v >= step {
		v, units = v/step, units[1:]
	}
	return digits(v) + " " + units[0]
}

func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// ratio formats a median with its interval: "1.01 [0.99, 1.03]".
func ratio(s stats.Summary) string {
	if math.IsInf(s.HalfWidth(), 0) {
		return digits(s.Median) + " [too few rounds]"
	}
	return fmt.Sprintf("%s [%s, %s]", digits(s.Median), digits(s.Lo), digits(s.Hi))
}

// table formats a Markdown table.
func table(head []string, rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, r := range rows {
		line(r)
	}
	return b.String()
}
