package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Load is what to offer.
type Load struct {
	URL    string
	Client *http.Client
	Rate   int           // reviews a second
	For    time.Duration // of which those of Warmup do not count
	Warmup time.Duration
}

// Sample is one review. Took counts from the moment when it had to be sent, not
// from when it was: a server that is slow cannot slow down its load, and who waits
// behind a slow answer is counted as well (coordinated omission).
type Sample struct {
	Pod        int
	Took, Late time.Duration // Late: how late it was sent
	Err        error
}

// Run offers the load, at fixed intervals.
func Run(ctx context.Context, l Load, pods []Pod) ([]Sample, error) {
	order := mix(pods)
	n := int(l.For.Seconds() * float64(l.Rate))
	samples := make([]Sample, n)
	interval := time.Second / time.Duration(l.Rate)
	start := time.Now().Add(interval)
	var wg sync.WaitGroup
	for i := range samples {
		due := start.Add(time.Duration(i) * interval)
		if d := time.Until(due); d > 0 {
			time.Sleep(d)
		}
		if ctx.Err() != nil {
			wg.Wait()
			return nil, ctx.Err()
		}
		wg.Go(func() {
			s := &samples[i]
			s.Pod = order[i%len(order)]
			s.Late = time.Since(due)
			s.Err = post(ctx, l, pods[s.Pod].Body)
			s.Took = time.Since(due)
		})
	}
	wg.Wait()
	return samples[int(l.Warmup.Seconds()*float64(l.Rate)):], nil
}

func post(ctx context.Context, l Load, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL+"/validate?timeout=5s", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := l.Client.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		return err
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", a.Status)
	}
	return nil
}

// mix spreads the kinds over a hundred places, in proportion to their shares.
func mix(pods []Pod) []int {
	var order []int
	given := make([]int, len(pods))
	for n := 1; n <= 100; n++ {
		next := 0
		for i, p := range pods {
			// Who lacks most.
			if p.Share*n-100*given[i] > pods[next].Share*n-100*given[next] {
				next = i
			}
		}
		given[next]++
		order = append(order, next)
	}
	return order
}
