package directfspolicy

import "testing"

// variant is one way for a mount to be, with the oracle's verdict on it.
type variant struct {
	hint     Setting
	backend  Backend
	readOnly bool
	verdict  map[bool]string
}

func variantsOf(backends []Backend, readOnly bool) []variant {
	var out []variant
	for _, b := range backends {
		for _, s := range allHints {
			m := hinted("/x", b, s)
			out = append(out, variant{s, b, readOnly, map[bool]string{false: consult(false, m), true: consult(true, m)}})
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
// every sequence of a rootfs and mounts, of which there must be sequences.
func tryAll(t *testing.T, vs []variant, mounts int, unmatched [][]SourceHint, sequences int) {
	t.Helper()
	tried := 0
	dests := []string{"/", "/a", "/b", "/c"}
	verdicts := make([]string, 1+mounts)
	enumerate(vs, 1+mounts, func(seq []variant) {
		ms := make([]Mount, len(seq))
		for i, v := range seq {
			ms[i] = hinted(dests[i], v.backend, v.hint)
			ms[i].ReadOnly = v.readOnly
		}
		for _, flag := range allFlags {
			for i, v := range seq {
				verdicts[i] = v.verdict[flag]
			}
			for _, scope := range allScopes {
				for _, hostNetwork := range []bool{false, true} {
					for _, u := range unmatched {
						checkOracle(t, Request{Container: Container{Flag: flag, Scope: scope, HostNetwork: hostNetwork}, Rootfs: ms[0], Mounts: ms[1:], SourceHints: u}, verdicts)
						tried++
					}
				}
			}
		}
	})
	if want := sequences * len(allFlags) * len(allScopes) * 2 * len(unmatched); tried != want {
		t.Errorf("%d mounts: tried %d requests, want %d", mounts, tried, want)
	}
}

// TestEveryCombination enumerates, for both flags, all scopes and both kinds of
// network:
//   - a rootfs with up to one mount: every hint, every backend, writable or
//     read-only, beside no unmatched hint and one that is on, off or default;
//   - a rootfs with two mounts: every hint, every backend, and for a stock and
//     a virtual gofer read-only as well, beside no unmatched hint and one that
//     is on;
//   - a rootfs with three writable mounts: every hint and three backends. The
//     two that can donate differ in nothing, which the first parts show.
func TestEveryCombination(t *testing.T) {
	key := annotationPrefix + "mount.elsewhere.directfs"
	unmatched := [][]SourceHint{nil, elsewhere(hint(key, On)), elsewhere(hint(key, Off)), elsewhere(hint(key, Default))}
	all := append(variantsOf(allServers, false), variantsOf(allServers, true)...)
	most := append(variantsOf(allServers, false), variantsOf([]Backend{StockGofer, VirtualGofer}, true)...)
	three := variantsOf([]Backend{NoGofer, StockGofer, VirtualGofer}, false)

	tryAll(t, all, 0, unmatched, 32)
	tryAll(t, all, 1, unmatched, 32*32)
	if testing.Short() {
		return
	}
	tryAll(t, most, 2, unmatched[:2], 24*24*24)
	tryAll(t, three, 3, unmatched[:1], 12*12*12*12)
}
