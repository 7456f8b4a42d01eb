package directfspolicy

import "testing"

// variant is one way for a mount to be, with the oracle's verdict on it.
type variant struct {
	hint    Setting
	backend Backend
	verdict map[bool]string
}

func variantsOf(backends []Backend) []variant {
	var out []variant
	for _, b := range backends {
		for _, s := range allHints {
			m := hinted("/x", b, s)
			out = append(out, variant{s, b, map[bool]string{false: consult(false, m), true: consult(true, m)}})
		}
	}
	return out
}

// enumerate calls f with every sequence of n variants. f must not keep it.
func enumerate(vs []variant, n int, f func([]variant)) {
	seq := make([]variant, n)
	var fill func(int)
	fill = func(i int) {
		if i == n {
			f(seq)
			return
		}
		for _, v := range vs {
			seq[i] = v
			fill(i + 1)
		}
	}
	fill(0)
}

// tryAll tries every flag, scope, network and list of unmatched hints with
// every sequence of a rootfs and mounts, and returns the number of requests.
func tryAll(t *testing.T, vs []variant, mounts int, unmatched [][]Hint) int {
	tried := 0
	dests := []string{"/", "/a", "/b", "/c"}
	verdicts := make([]string, 1+mounts)
	enumerate(vs, 1+mounts, func(seq []variant) {
		ms := make([]Mount, len(seq))
		for i, v := range seq {
			ms[i] = hinted(dests[i], v.backend, v.hint)
		}
		for _, flag := range allFlags {
			for i, v := range seq {
				verdicts[i] = v.verdict[flag]
			}
			for _, scope := range allScopes {
				for _, hostNetwork := range []bool{false, true} {
					for _, u := range unmatched {
						checkOracle(t, Request{flag, scope, hostNetwork, ms[0], ms[1:], u}, verdicts)
						tried++
					}
				}
			}
		}
	})
	return tried
}

// TestEveryCombination enumerates, for both flags, all scopes and both kinds of
// network:
//   - a rootfs with up to two mounts, every hint and every backend for each,
//     beside no unmatched hint and one that is on; up to one mount also beside
//     one that is off and one that is default;
//   - a rootfs with three mounts, every hint for each and three backends: the
//     two that can donate differ in nothing, which the first part shows.
func TestEveryCombination(t *testing.T) {
	key := AnnotationPrefix + "mount.elsewhere.directfs"
	unmatched := [][]Hint{nil, {{key, On}}, {{key, Off}}, {{key, Default}}}
	contexts := len(allFlags) * len(allScopes) * 2

	for mounts, want := range []int{16, 16 * 16, 16 * 16 * 16} {
		us := unmatched
		if mounts == 2 {
			us = unmatched[:2]
		}
		if got := tryAll(t, variantsOf(allServers), mounts, us); got != want*contexts*len(us) {
			t.Errorf("%d mounts: tried %d requests", mounts, got)
		}
	}
	if testing.Short() {
		return
	}
	three := variantsOf([]Backend{NoGofer, StockGofer, VirtualGofer})
	if got, want := tryAll(t, three, 3, unmatched[:1]), 12*12*12*12*contexts; got != want {
		t.Errorf("3 mounts: tried %d requests, want %d", got, want)
	}
}
