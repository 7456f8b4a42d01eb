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
		one := Mount{Destination: "/clash", Backend: StockGofer, Hints: []Hint{hint("k", On)}}
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
	{"hint without a key", with(Mount{Destination: "/x", Hints: []Hint{hint("", Off)}}), ErrInvalidRequest},
	{"key not in UTF-8", with(Mount{Destination: "/x", Hints: []Hint{hint("\xff", Off)}}), ErrInvalidRequest},
	{"clash of access", clash(func(m *Mount) { m.Hints = []Hint{hint("k", Off)} }), ErrInvalidRequest},
	{"clash of cache", clash(func(m *Mount) { m.Cache = CacheExclusive }), ErrInvalidRequest},
	{"unknown setting", with(Mount{Destination: "/x", Hints: []Hint{hint("k", "bogus")}}), ErrInvalidValue},
	{"on and off", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{hint("k", On), hint("l", Off)}}), ErrConflict},
	{"default and on", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{hint("k", Default), hint("l", On)}}), ErrConflict},
	{"conflict without a gofer", with(Mount{Destination: "/x", Hints: []Hint{hint("k", Off), {}, hint("l", Default)}}), ErrConflict},
	{"on, virtual", with(Mount{Destination: "/x", Backend: VirtualGofer, Hints: []Hint{hint("k", On)}}), ErrCannotDonate},
	{"on, no gofer", with(Mount{Destination: "/x", Hints: []Hint{hint("k", On)}}), ErrNotGoferMount},
	{"unknown cache setting", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{cached("k", "bogus")}}), ErrInvalidValue},
	{"source not in UTF-8", with(Mount{Destination: "/x", Backend: StockGofer, Sources: src("\xff")}), ErrInvalidRequest},
	{"cache hint without a key", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{cached("", Shared)}}), ErrInvalidRequest},
	{"shared and exclusive", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{cached("k", Shared), cached("l", Exclusive)}}), ErrConflict},
	{"default and exclusive", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{cached("k", Default), cached("l", Exclusive)}}), ErrConflict},
	{"exclusive, no gofer", with(Mount{Destination: "/x", Hints: []Hint{cached("k", Exclusive)}}), ErrNotGoferMount},
	{"shared, no gofer", with(Mount{Destination: "/x", Hints: []Hint{cached("k", Shared)}}), ErrNotGoferMount},
	{"shared under an overlay", with(Mount{Destination: "/x", Backend: VirtualGofer, Overlay: true, Hints: []Hint{cached("k", Shared)}}), ErrOverlay},
	{"two writers, one exclusive", func(r *Request) {
		r.Mounts = append(r.Mounts,
			Mount{Destination: "/x", Backend: StockGofer, Sources: src("/f"), Hints: []Hint{cached("k", Exclusive)}},
			Mount{Destination: "/y", Backend: StockGofer, Sources: src("/f/g")})
	}, ErrNotExclusive},
	{"unknown unmatched cache setting", unmatchedHints(PodMember, cached("k", "bogus")), ErrInvalidValue},
	{"setting of the other knob", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{cached("k", On)}}), ErrInvalidValue},
	{"unknown knob", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{{Knob: "colour", Key: "k", Setting: On}}}), ErrInvalidRequest},
	{"unmatched cache in a standalone container", unmatchedHints(Standalone, cached("k", Shared)), ErrNoMount},
	{"unknown unmatched setting", unmatchedHints(PodMember, hint("k", "bogus")), ErrInvalidValue},
	{"unmatched without a key", unmatchedHints(PodMember, hint("", On)), ErrInvalidRequest},
	{"unmatched in a standalone container", unmatchedHints(Standalone, hint("k", Default)), ErrNoMount},
	{"unknown ceiling", func(r *Request) { r.Ceiling = 3 }, ErrInvalidRequest},
	{"a hint above the ceiling none", above(NoHints, true, hint("k", Default)), ErrCeiling},
	{"a cache hint above the ceiling none", above(NoHints, true, cached("k", Shared)), ErrCeiling},
	{"on above the ceiling narrow", above(NarrowHints, false, hint("k", On)), ErrCeiling},
	{"unmatched above the ceiling narrow", func(r *Request) {
		r.Flag, r.Ceiling, r.Scope = false, NarrowHints, PodSandbox
		r.SourceHints = append(r.SourceHints, elsewhere(hint("k", On))...)
	}, ErrCeiling},
	{"read-only and special files", with(Mount{Destination: "/x", Backend: StockGofer, ReadOnly: true, SpecialFiles: true}), ErrInvalidRequest},
	{"source without a path", with(Mount{Destination: "/x", Backend: StockGofer, Sources: []Source{{Filesystem: "8:1", Within: "/"}}}), ErrInvalidRequest},
	{"two source hints that differ", func(r *Request) {
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: hint("k", Off), Source: Source{Path: "/fault"}}, SourceHint{Hint: hint("l", Default), Source: Source{Path: "/fault/sub"}})
		r.Mounts = append(r.Mounts, Mount{Destination: "/x", Backend: StockGofer, Sources: src("/fault/sub/dir")})
	}, ErrConflict},
	{"a gofer of no registered backend", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "nobody/models")}}), ErrUnknownGofer},
	{"a gofer that nobody asked about", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/unasked")}}), ErrUnknownGofer},
	{"an unmatched gofer of no registered backend", unmatchedHints(PodMember, gofer("k", "nobody/models")), ErrUnknownGofer},
	{"a gofer for a mount that has none", with(Mount{Destination: "/x", Hints: []Hint{gofer("k", "blob/models")}}), ErrNotGoferMount},
	{"a gofer that is a path", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "/run/blob.sock")}}), ErrInvalidValue},
	{"two gofers", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models"), gofer("l", "blob/reader")}}), ErrConflict},
	{"a gofer and the default", with(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models"), gofer("l", Default)}}), ErrConflict},
	{"a gofer that does not answer", withAnswers(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/down")}}), errDown},
	{"writes to a volume that is read-only", withAnswers(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/reader")}}), ErrReadOnlyVolume},
	{"on, and a gofer that cannot donate", withAnswers(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models"), hint("l", On)}}), ErrCannotDonate},
	{"a part of what a gofer serves", func(r *Request) {
		withAnswers(Mount{Destination: "/x", Backend: StockGofer, SourceName: "/fault/sub", Sources: src("/fault/sub")})(r)
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: gofer("k", "blob/models"), Source: Source{Path: "/fault"}, SourceName: "/fault"})
	}, ErrPartOfVolume},
	{"twins with two gofers", func(r *Request) {
		withAnswers(Mount{Destination: "/clash", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models")}})(r)
		withAnswers(Mount{Destination: "/clash", Backend: VirtualGofer})(r)
	}, ErrInvalidRequest},
	{"two writers of one volume, one exclusive", func(r *Request) {
		withAnswers(Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models"), cached("l", Exclusive)}})(r)
		withAnswers(Mount{Destination: "/y", Backend: StockGofer, Hints: []Hint{gofer("k", "blob/models")}})(r)
	}, ErrNotExclusive},
	{"backend's name not in UTF-8", with(Mount{Destination: "/x", Backend: VirtualGofer, BackendName: "\xff"}), ErrInvalidRequest},
	{"source hint and mount option", func(r *Request) {
		r.SourceHints = append(r.SourceHints, SourceHint{Hint: hint("k", Off), Source: Source{Path: "/fault"}})
		r.Mounts = append(r.Mounts, Mount{Destination: "/x", Backend: StockGofer, Sources: src("/fault"), Hints: []Hint{hint("o", On)}})
	}, ErrConflict},
}

// withAnswers adds a mount, and what the tests' backends answer.
func withAnswers(m Mount) func(*Request) {
	return func(r *Request) {
		r.Backends, r.Gofers, r.Mounts = registered, answers, append(r.Mounts, m)
	}
}

func unmatchedHints(s Scope, hints ...Hint) func(*Request) {
	return func(r *Request) { r.Scope, r.SourceHints = s, elsewhere(hints...) }
}

// above gives a mount a hint that the ceiling does not let it have.
func above(c Ceiling, flag bool, h Hint) func(*Request) {
	return func(r *Request) {
		r.Flag, r.Ceiling = flag, c
		r.Mounts = append(r.Mounts, Mount{Destination: "/x", Backend: StockGofer, Hints: []Hint{h}})
	}
}
