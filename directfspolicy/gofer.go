package directfspolicy

import (
	"fmt"
	"slices"
	"strings"
)

// GoferName names what serves a mount in place of the stock gofer: a volume of
// a backend. The operator registers backends with the runtime; a backend knows
// its volumes. Neither part is a path or an address, so nobody can follow one.
// The zero value is the stock gofer.
type GoferName struct {
	// Backend is one to 63 of the characters a-z, 0-9, ".", "_" and "-", and
	// starts with a letter or digit.
	Backend string

	// Volume is one to 255 of the characters A-Z, a-z, 0-9, ".", "_" and "-",
	// and neither "." nor "..".
	Volume string
}

const (
	maxBackend = 63
	maxVolume  = 255

	// goferForm is what users may write, apart from words.
	goferForm = "<BACKEND>/<VOLUME>"
)

// String returns the name as a hint has it.
func (n GoferName) String() string {
	if n == (GoferName{}) {
		return ""
	}
	return n.Backend + "/" + n.Volume
}

// goferName reads the value of a hint.
func goferName(s Setting) (n GoferName, ok bool) {
	n.Backend, n.Volume, ok = strings.Cut(string(s), "/")
	if !ok || len(n.Backend) > maxBackend || len(n.Volume) > maxVolume || n.Backend == "" || n.Volume == "" {
		return GoferName{}, false
	}
	backend := strings.IndexFunc(n.Backend, func(r rune) bool { return !nameRune(r) || 'A' <= r && r <= 'Z' }) < 0
	volume := strings.IndexFunc(n.Volume, func(r rune) bool { return !nameRune(r) }) < 0
	if !backend || !volume || strings.ContainsRune("._-", rune(n.Backend[0])) || n.Volume == "." || n.Volume == ".." {
		return GoferName{}, false
	}
	return n, true
}

func nameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
}

// GoferName returns what the hint names to serve its mounts, if it does.
func (h Hint) GoferName() (GoferName, bool) {
	if h.Knob != GoferKnob {
		return GoferName{}, false
	}
	return goferName(h.Setting)
}

// source is the identity of the volume's files, whatever mount shows them.
func (n GoferName) source() Source { return Source{Path: "gofer:" + n.String()} }

// Gofer is what a backend answers when it is asked about one of its volumes.
type Gofer struct {
	// DonatesRoot is set where the backend can hand over a host FD of the
	// volume's root.
	DonatesRoot bool

	// ReadOnly is set where the volume cannot be written.
	ReadOnly bool

	// Outside is set where another process than the container's gofer answers
	// for the volume, so that the gofer needs no system calls for it.
	Outside bool

	// Err is why the backend does not serve the volume, or why it could not be
	// asked.
	Err error
}

// decideGofer is the third table in the package comment.
func decideGofer(s *resolver, m *Mount, h Hint) (Why, error) {
	name, named := h.GoferName()
	if !named {
		return Why{reason: becauseDefaultGofer}, nil
	}
	if !m.Backend.served() {
		return h.refuse(m, ErrNotGoferMount, "remove the hint, or make it a bind mount: the mount lives in the sandbox, and nothing else serves it", string(Default))
	}
	if err := s.registered(m.Destination, h); err != nil {
		return Why{}, err
	}
	g, asked := s.r.Gofers[name]
	switch {
	case !asked:
		return Why{}, s.unknownGofer(m.Destination, h)
	case g.Err != nil:
		return h.refuse(m, fmt.Errorf("backend %q does not serve volume %q: %w", name.Backend, name.Volume, g.Err), "make the backend serve it, name another volume, or remove the hint")
	case g.ReadOnly && !m.ReadOnly && !m.SpecialFiles:
		return h.refuse(m, ErrReadOnlyVolume, readOnlyFix(m))
	case g.DonatesRoot && !m.Backend.canDonate() && s.r.Flag && s.r.Ceiling == NarrowHints:
		return h.refuse(m, ErrCeiling, fmt.Sprintf("--directfs-hints=narrow lets a hint only take directfs away, and %s, unlike the volume, cannot donate a root FD: remove the hint, or ask the operator", m.backendName()), string(Default))
	}
	return h.because(becauseHintGofer)
}

func readOnlyFix(m *Mount) string {
	if m.Destination == "/" {
		return "make the rootfs read-only, or name a volume that can be written"
	}
	return "add ro to the options of the mount, or name a volume that can be written"
}

// registered refuses a hint that names a backend that there is not.
func (s *resolver) registered(mount string, h Hint) error {
	if name, named := h.GoferName(); named && !slices.Contains(s.r.Backends, name.Backend) {
		return s.unknownGofer(mount, h)
	}
	return nil
}

func (s *resolver) unknownGofer(mount string, h Hint) error {
	var allowed []string
	for _, b := range s.r.Backends {
		allowed = append(allowed, b+"/<VOLUME>")
	}
	return &HintError{
		Key: h.Key, Value: string(h.Setting), Mount: mount, Allowed: append(allowed, string(Default)),
		Fix: "register the backend with the runtime, by --volume-daemon=NAME=unix:PATH, or remove the hint",
		Err: ErrUnknownGofer,
	}
}

// servedBy is the mount as the gofer that was decided serves it.
func (s *resolver) servedBy(m *Mount, name GoferName) *Mount {
	if name == (GoferName{}) {
		return m
	}
	// One for the whole request: a copy of its own would cost every mount an
	// allocation.
	s.served = *m
	s.served.Backend, s.served.BackendName = VirtualGofer, name.String()
	if s.r.Gofers[name].DonatesRoot {
		s.served.Backend = DonatingGofer
	}
	return &s.served
}

// whole refuses a mount that has only a part of the files for which a hint
// names a gofer, or reaches them by another source: the hint cannot be honoured
// there, and without it the files would be other ones than its author expects.
func whole(m *Mount, hints []Hint) (err error) {
	for _, h := range hints {
		if _, named := h.GoferName(); named {
			_, refused := h.refuse(m, ErrPartOfVolume, "a gofer serves a whole volume: give the mount the source that the hint has, word for word, or another one that is not in it")
			err = join(err, refused)
		}
	}
	return err
}

// checkGofers refuses decisions that contradict each other about what one gofer
// can do, or about where it is.
func checkGofers(ds []Decision) error {
	donates, outside := map[GoferName]bool{}, map[GoferName]bool{}
	for _, d := range ds {
		if !d.ServedByVolume() {
			continue
		}
		if before, seen := outside[d.Gofer]; seen && before != d.Outside {
			return fmt.Errorf("gofer %q is another process for one mount, and not for mount %q", d.Gofer, d.Mount)
		}
		outside[d.Gofer] = d.Outside
		can := d.Access == DirectFS
		if !can && d.WhyAccess.reason != becauseCannotDonate {
			continue // not known
		}
		if before, seen := donates[d.Gofer]; seen && before != can {
			return fmt.Errorf("gofer %q can donate a root FD for one mount, and not for mount %q", d.Gofer, d.Mount)
		}
		donates[d.Gofer] = can
	}
	return nil
}
