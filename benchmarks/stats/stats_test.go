package stats

import (
	"math"
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3, 6, 7, 8, 9, 10}
	before := slices.Clone(values)
	got := Median(values)
	// Of ten values, the second and the ninth bound the median with 97.9 %
	// (binomial distribution), the third and the eighth with 89.1 %.
	if want := (Summary{5.5, 2, 9, 10}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !slices.Equal(values, before) {
		t.Errorf("the values were changed to %v; their order pairs them", values)
	}
}

func TestMedianOfFew(t *testing.T) {
	for n := 1; n <= MinSamples; n++ {
		values := []float64{1, 2, 3, 4, 5, 6}[:n]
		s := Median(values)
		below, above := !math.IsInf(s.Lo, -1), !math.IsInf(s.Hi, 1)
		if bounded := n >= MinSamples; below != bounded || above != bounded {
			t.Errorf("%d values: %+v", n, s)
		}
	}
	if s := Median(nil); !math.IsNaN(s.Median) || s.N != 0 {
		t.Errorf("no values: %+v", s)
	}
}

// The machine gets ten times slower half way through; the ratio does not.
func TestRatioCancelsDrift(t *testing.T) {
	a := []float64{2, 2.02, 1.98, 20, 20.2, 19.8}
	b := []float64{1, 1, 1, 10, 10, 10}
	s, err := Ratio(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if s.Median != 2 || s.HalfWidth() > 0.011 {
		t.Errorf("got %+v, want 2 ± 1 %%", s)
	}
	if unpaired := Median(a).Median / Median(b).Median; unpaired == 2 && Median(a).HalfWidth() < 0.1 {
		t.Error("the test shows nothing: the values do not drift")
	}
}

func TestRatioNeedsPairs(t *testing.T) {
	if _, err := Ratio([]float64{1, 2}, []float64{1}); err == nil {
		t.Error("no error for values without a partner")
	}
}

func TestSpread(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 0},
		{[]float64{4, 4, 4, 4}, 0},
		{[]float64{5, 1, 3, 2, 4}, 2.0 / 3}, // quartiles 2, 3, 4
		{[]float64{10, 10, 10, 10, 10, 10, 10, 10, 1000}, 0},
	}
	for _, test := range tests {
		if got := Spread(test.values); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("Spread(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}

func TestDifference(t *testing.T) {
	s, err := Difference([]float64{3, 30, 300, 3000, 5, 7}, []float64{1, 28, 298, 2998, 3, 4})
	if err != nil || s.Median != 2 || s.Lo != 2 || s.Hi != 3 || s.N != 6 {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := Difference([]float64{1, 2}, []float64{1}); err == nil {
		t.Error("no error for values that cannot be paired")
	}
}
