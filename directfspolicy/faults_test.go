package directfspolicy

// fault is one thing that makes Resolve refuse a request.
type fault struct {
	name  string
	plant func(*Request)
	err   error
}

// clash adds two mounts at one destination, the second of them changed.
func clash(change func(*Mount)) func(*Request) {
	return func(r *Request) {
		one := Mount{Destination: "/clash", Backend: StockGofer, Hints: []Hint{{"k", On}}}
		other := one
		change(&other)
		r.Mounts = append(r.Mounts, one, other)
	}
}

func with(m Mount) func(*Request) {
	return func(r *Request) { r.Mounts = append(r.Mounts, m) }
}

var faults = []fault{
	{"unknown scope", func(r *Request) { r.Scope = 3 }, ErrInvalidRequest},
	{"misplaced rootfs", func(r *Request) { r.Rootfs.Destination = "/root" }, ErrInvalidRequest},
	{"unknown rootfs backend", func(r *Request) { r.Rootfs.Backend = 4 }, ErrInvalidRequest},
	{"unknown backend", with(Mount{Destination: "/x", Backend: 4}), ErrInvalidRequest},
	{"unknown cache mode", with(Mount{Destination: "/x", Backend: StockGofer, Cache: 2}), ErrInvalidRequest},
	{"no destination", with(Mount{}), ErrInvalidRequest},
	{"relative destination", with(Mount{Destination: "x"}), ErrInvalidRequest},
	{"unclean destination", with(Mount{Destination: "/x/"}), ErrInvalidRequest},
	{"destination not in UTF-8", with(Mount{Destination: "/\xff"}), ErrInvalidRequest},
	{"hint without a key", with(Mount{Destination: "/x", Hints: []Hint{{"", Off}}}), ErrInvalidRequest},
	{"key not in UTF-8", with(Mount{Destination: "/x", Hints: []Hint{{"\xff", Off}}}), ErrInvalidRequest},
	{"clash of access", clash(func(m *Mount) { m.Hints = []Hint{{"k", Off}} }), ErrInvalidRequest},
	{"clash of cache", clash(func(m *Mount) { m.Cache = CacheExclusive }), ErrInvalidRequest},
	{"unknown setting", with(Mount{Destination: "/x", Hints: []Hint{{"k", 4}}}), ErrInvalidValue},
	{"on and off", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{{"k", On}, {"l", Off}}}), ErrConflict},
	{"default and on", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{{"k", Default}, {"l", On}}}), ErrConflict},
	{"conflict without a gofer", with(Mount{Destination: "/x", Hints: []Hint{{"k", Off}, {}, {"l", Default}}}), ErrConflict},
	{"on, virtual", with(Mount{Destination: "/x", Backend: VirtualGofer, Hints: []Hint{{"k", On}}}), ErrCannotDonate},
	{"on, no gofer", with(Mount{Destination: "/x", Hints: []Hint{{"k", On}}}), ErrNotGoferMount},
	{"unknown cache setting", with(Mount{Destination: "/x", Backend: StockGofer, CacheHints: []CacheHint{{"k", 4}}}), ErrInvalidValue},
	{"source not in UTF-8", with(Mount{Destination: "/x", Backend: StockGofer, Source: "\xff"}), ErrInvalidRequest},
	{"cache hint without a key", with(Mount{Destination: "/x", Backend: StockGofer, CacheHints: []CacheHint{{"", AskShared}}}), ErrInvalidRequest},
	{"shared and exclusive", with(Mount{Destination: "/x", Backend: StockGofer, CacheHints: []CacheHint{{"k", AskShared}, {"l", AskExclusive}}}), ErrConflict},
	{"default and exclusive", with(Mount{Destination: "/x", Backend: StockGofer, CacheHints: []CacheHint{{"k", CacheDefault}, {"l", AskExclusive}}}), ErrConflict},
	{"exclusive, no gofer", with(Mount{Destination: "/x", CacheHints: []CacheHint{{"k", AskExclusive}}}), ErrNotGoferMount},
	{"shared, no gofer", with(Mount{Destination: "/x", CacheHints: []CacheHint{{"k", AskShared}}}), ErrNotGoferMount},
	{"shared under an overlay", with(Mount{Destination: "/x", Backend: VirtualGofer, Overlay: true, CacheHints: []CacheHint{{"k", AskShared}}}), ErrOverlay},
	{"two writers, one exclusive", func(r *Request) {
		r.Mounts = append(r.Mounts,
			Mount{Destination: "/x", Backend: StockGofer, Source: "/f", CacheHints: []CacheHint{{"k", AskExclusive}}},
			Mount{Destination: "/y", Backend: StockGofer, Source: "/f/g"})
	}, ErrNotExclusive},
	{"unknown unmatched cache setting", func(r *Request) { r.UnmatchedCache = []CacheHint{{"k", 4}} }, ErrInvalidValue},
	{"unmatched cache in a standalone container", func(r *Request) { r.Scope, r.UnmatchedCache = Standalone, []CacheHint{{"k", AskShared}} }, ErrNoMount},
	{"unknown unmatched setting", func(r *Request) { r.Unmatched = []Hint{{"k", 4}} }, ErrInvalidValue},
	{"unmatched without a key", func(r *Request) { r.Unmatched = []Hint{{"", On}} }, ErrInvalidRequest},
	{"unmatched in a standalone container", func(r *Request) { r.Scope, r.Unmatched = Standalone, []Hint{{"k", Default}} }, ErrNoMount},
}
