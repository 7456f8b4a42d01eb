package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every kind is sent as often as its share says, and is JSON.
func TestMix(t *testing.T) {
	pods := Pods()
	count := make([]int, len(pods))
	for _, i := range mix(pods) {
		count[i]++
	}
	for i, p := range pods {
		if count[i] != p.Share || !json.Valid(p.Body) {
			t.Errorf("%s: %d of 100, want %d", p.Name, count[i], p.Share)
		}
	}
}

// A server that answers nobody for a while is charged for all who wait.
func TestWaitingCounts(t *testing.T) {
	release := make(chan struct{})
	var once sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		once.Do(func() { time.AfterFunc(200*time.Millisecond, func() { close(release) }) })
		<-release
	}))
	defer s.Close()
	samples, err := Run(t.Context(), Load{URL: s.URL, Client: s.Client(), Rate: 100, For: 100 * time.Millisecond}, Pods())
	if err != nil || len(samples) != 10 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for i, x := range samples {
		// The last was sent some 90 ms after the first, and waited for the rest.
		if x.Err != nil || x.Took < 50*time.Millisecond {
			t.Errorf("sample %d: %+v", i, x)
		}
	}
	r := Result{Rate: 100, For: time.Second, Pods: Pods(), Samples: samples, Total: time.Second}
	if text := r.Markdown(); !strings.Contains(text, "| all |  | 100 | 0 | ") {
		t.Error(text)
	}
}

func TestQuantile(t *testing.T) {
	all := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 6, 0.99: 10, 1: 10} {
		if got := Quantile(all, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if Quantile(nil, 0.5) != 0 {
		t.Error("no samples")
	}
}
