package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/volume"
)

// counters are files with a number that two volumes of one bucket count up at once.
type counters struct {
	fails bool // the store does, and loses answers

	mu      sync.Mutex
	stored  map[string]int // acknowledged
	unknown map[string]int // failed in a way that does not say whether they are stored
}

// count adds one to a file's number, in one of several ways.
func (c *counters) count(k *kit, r *rand.Rand) error {
	name := strconv.Itoa(r.IntN(3))
	a, err := k.tryLookup(name)
	if err != nil {
		return err
	}
	h, err := k.v.Open(k.ctx, a.ID, rw)
	if err != nil {
		return err
	}
	defer h.Close(k.ctx)
	text, err := k.all(h)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s has %q: %w", name, text, err)
	}
	w := h.(volume.WritableHandle)
	if _, err := w.WriteAt(k.ctx, fmt.Appendf(nil, "%06d", n+1), 0); err != nil {
		return err
	}
	if r.IntN(4) == 0 { // while it is open
		k.v.SetAttr(k.ctx, a.ID, volume.Change{Size: ptr(int64(6))})
	}
	err = w.Flush(k.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.stored[name]++
	case c.fails || !strings.Contains(err.Error(), "was here first"): // perhaps the other replaced it at once
		c.unknown[name]++
	}
	return err
}

// No update that was acknowledged is lost, also where the store fails and answers are
// lost. Where it works, none that was refused is there.
func TestTwoVolumesLoseNothing(t *testing.T) {
	for name, every := range map[string]int{"store works": 0, "store fails": 7} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, func(c *Config) { c.ListTTL = time.Millisecond; c.ReadIfMatch = readIfMatch })
			for i := range 3 {
				k.put(strconv.Itoa(i), "000000")
			}
			k.relist()
			other := *k
			other.c.Dir = t.TempDir()
			other.open()
			defer other.v.Close(k.ctx)
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(3, 4))
			k.set(func(r Request, _ string) fault {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case every == 0 || random.IntN(every) > 0:
					return fault{}
				case random.IntN(2) == 0 && r == RequestWrite:
					return fault{after: errFault}
				}
				return fault{before: errFault}
			})
			c := &counters{fails: every > 0, stored: map[string]int{}, unknown: map[string]int{}}
			var wg sync.WaitGroup
			for i, each := range []*kit{k, &other} {
				wg.Go(func() { // one after the other in a volume, as its writers see each other
					r := rand.New(rand.NewPCG(uint64(i), 5))
					for range 400 {
						err := c.count(each, r)
						for _, ok := range []error{nil, syscall.ESTALE, syscall.EIO, fs.ErrNotExist} {
							if errors.Is(err, ok) {
								err = nil
							}
						}
						if err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			k.heal()
			for i := range 3 {
				name := strconv.Itoa(i)
				got, _ := strconv.Atoi(k.get(name))
				if least := c.stored[name]; got < least || got > least+c.unknown[name] {
					t.Errorf("%s is %d; %d were stored, and perhaps %d more", name, got, least, c.unknown[name])
				}
			}
			t.Logf("stored %v, unknown %v", c.stored, c.unknown)
		})
	}
}
