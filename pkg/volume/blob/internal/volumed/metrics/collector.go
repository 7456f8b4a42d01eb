package metrics

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Collector has the sums over all workers, those that ended included. It is a
// prometheus.Collector.
type Collector struct {
	dir     string
	volumes []string

	mu    sync.Mutex
	ended map[string][]uint64 // by volume: the sums of workers that ended
}

// NewCollector collects for volumes what workers count in a directory, which it
// makes and empties.
func NewCollector(dir string, volumes []string) (*Collector, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return &Collector{dir: dir, volumes: volumes, ended: map[string][]uint64{}}, nil
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range families {
		out <- f.desc()
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	all := c.Sum()
	for _, volume := range c.volumes {
		sums, at := all[volume], 0
		for _, f := range families {
			for i, labels := range f.values {
				v := 0.0
				if sums != nil {
					v = f.value(sums[at+i])
				}
				out <- prometheus.MustNewConstMetric(f.desc(), f.kind(), v, append([]string{volume}, labels...)...)
			}
			at += len(f.values)
		}
	}
}

// Sum returns the sums by volume. It also deletes the files of workers that
// ended, so it should be called now and then even if nobody asks for metrics.
func (c *Collector) Sum() map[string][]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(c.dir, "*"+suffix))
	if err != nil {
		slog.Error("metrics of workers", "error", err)
	}
	sums := map[string][]uint64{}
	for _, path := range files {
		volume, _, _ := strings.Cut(filepath.Base(path), "@")
		if err := c.read(path, volume, sums); err != nil && !errors.Is(err, fs.ErrNotExist) {
			slog.Error("metrics of a worker", "error", err)
		}
	}
	for volume, n := range c.ended {
		sums[volume] = plus(sums[volume], n)
	}
	return sums
}

// read adds a file to the sums, or to those of workers that ended. The lock is
// held.
func (c *Collector) read(path, volume string, sums map[string][]uint64) error {
	f, used, err := open(path)
	if errors.Is(err, errForeign) {
		return errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return err
	}
	if used {
		sums[volume] = plus(sums[volume], f.values())
		return f.close()
	}
	c.ended[volume] = plus(c.ended[volume], withoutGauges(f.values()))
	return errors.Join(os.Remove(path), f.close())
}

func plus(a, b []uint64) []uint64 {
	if a == nil {
		a = make([]uint64, slots)
	}
	for i := range b {
		a[i] += b[i]
	}
	return a
}

func withoutGauges(n []uint64) []uint64 {
	at := 0
	for _, f := range families {
		if f.gauge {
			clear(n[at : at+len(f.values)])
		}
		at += len(f.values)
	}
	return n
}

// Tidy deletes the files of workers that ended, now and then, until the context
// ends: nobody may ask for metrics for a long time.
func (c *Collector) Tidy(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.Sum()
		case <-ctx.Done():
			return
		}
	}
}
