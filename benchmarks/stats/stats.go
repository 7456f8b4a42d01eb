// Package stats summarises samples the way benchstat does, by the same code
// (golang.org/x/perf/benchmath): medians, with intervals that assume nothing
// about how the values are distributed.
package stats

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Confidence is the probability with which an interval holds the true median.
const Confidence = 0.95

// MinSamples is the least number of samples for which there is an interval: of
// five values the median is outside of all with a probability of 1/16.
const MinSamples = 6

// Summary is a median and the confidence interval of it. With fewer than
// MinSamples values, Lo and Hi are infinite.
type Summary struct {
	Median, Lo, Hi float64
	N              int
}

// Median summarises the values. Without any, all is NaN.
func Median(values []float64) Summary {
	if len(values) == 0 {
		return Summary{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	// NewSample keeps and sorts what it is given.
	s := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	m := benchmath.AssumeNothing.Summary(s, Confidence)
	if len(values) < MinSamples {
		// benchmath still bounds one side.
		m.Lo, m.Hi = math.Inf(-1), math.Inf(1)
	}
	return Summary{m.Center, m.Lo, m.Hi, len(values)}
}

// Ratio summarises the ratios a[i]/b[i]. Values with one index were measured
// close to each other, so what slowed the machine down then is in both and
// cancels out.
func Ratio(a, b []float64) (Summary, error) {
	if len(a) != len(b) {
		return Summary{}, fmt.Errorf("pair %d values with %d: every round must measure both", len(a), len(b))
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return Median(ratios), nil
}

// Difference summarises the differences a[i]-b[i] of values that were measured
// close to each other.
func Difference(a, b []float64) (Summary, error) {
	if len(a) != len(b) {
		return Summary{}, fmt.Errorf("pair %d values with %d: every round must measure both", len(a), len(b))
	}
	differences := make([]float64, len(a))
	for i := range a {
		differences[i] = a[i] - b[i]
	}
	return Median(differences), nil
}

// HalfWidth is the distance from the median to the further end of the interval,
// as a part of the median.
func (s Summary) HalfWidth() float64 {
	return max(s.Hi-s.Median, s.Median-s.Lo) / s.Median
}

// Spread is the interquartile range as a part of the median: how much single
// values differ, however many there are.
func Spread(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / quantile(sorted, 0.5)
}

// quantile interpolates between the two nearest of the sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
