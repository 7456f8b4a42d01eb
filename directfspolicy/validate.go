package directfspolicy

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// check refuses a mount that no Plan could keep.
func (m *Mount) check() error {
	if err := checkDestination(m.Destination); err != nil {
		return err
	}
	if !m.Backend.known() || !cacheNames.knows(m.Cache) || m.ReadOnly && m.SpecialFiles {
		return fmt.Errorf("%w: mount %q: %v, %v, read-only=%t, special files=%t", ErrInvalidRequest, m.Destination, m.Backend, m.Cache, m.ReadOnly, m.SpecialFiles)
	}
	if !isText(m.BackendName) {
		return fmt.Errorf("%w: mount %q: the backend's name %+q is not in UTF-8", ErrInvalidRequest, m.Destination, m.BackendName)
	}
	if m.Layer.isUpper() && m.Cache == CacheExclusive {
		return fmt.Errorf("%w: mount %q: %w", ErrInvalidRequest, m.Destination, ErrUpperCache)
	}
	if err := checkUnion(m.Union, m.Layer, m.Backend.served(), m.Sources); err != nil {
		return fmt.Errorf("%w: mount %q: %w", ErrInvalidRequest, m.Destination, err)
	}
	return checkSources(m.Destination, m.Sources)
}

// checkDestination refuses what cannot be a mount's identity. A Plan must
// survive JSON, which has no bytes outside UTF-8: two such destinations could
// become one.
func checkDestination(dest string) error {
	if !path.IsAbs(dest) || path.Clean(dest) != dest || !isText(dest) {
		return fmt.Errorf("%w: mount destination %q is not an absolute, cleaned path in UTF-8", ErrInvalidRequest, dest)
	}
	return nil
}

// maxSource is how long the path of a source can be. A path of the host has no
// more than 4,095 bytes, or a few times that where some of them are written as
// text. Finding hints and writers goes up a path name by name, which costs the
// square of its length.
const maxSource = 1 << 14

func checkSources(mount string, sources []Source) error {
	for _, s := range sources {
		if len(s.Path) > maxSource {
			return fmt.Errorf("%w: mount %q: the source %+.40q... has %d bytes, where %d are allowed; give it a shorter path", ErrInvalidRequest, mount, s.Path, len(s.Path), maxSource)
		}
		if !s.valid() {
			return fmt.Errorf("%w: mount %q: the source %+q has no path, or is not in UTF-8", ErrInvalidRequest, mount, s)
		}
	}
	return nil
}

// checkIdentities refuses decisions that a destination does not identify.
// Mounts that hide each other are fine while they agree. The rootfs, which is
// the first decision, may have another cache mode than a mount at "/": the
// runtime's defaults for the two differ, and such a mount hides it at once.
func checkIdentities(ds []Decision) error {
	var errs []error
	seen := make(map[string]int, len(ds))
	for i, d := range ds {
		if d.Access == NoAccess {
			continue
		}
		first, again := seen[d.Mount]
		if !again || first == 0 && ds[0].Access == d.Access && ds[0].Gofer == d.Gofer {
			seen[d.Mount] = i
			continue
		}
		if o := ds[first]; o.Access != d.Access || o.Cache != d.Cache || o.Gofer != d.Gofer {
			errs = append(errs, fmt.Errorf("%w: two mounts at %q have different decisions (%s and %s); give them the same hint or remove one",
				ErrInvalidRequest, d.Mount, o.brief(), d.brief()))
		}
	}
	return errors.Join(errs...)
}

// brief is what was decided, for people.
func (d Decision) brief() string {
	s := fmt.Sprintf("%v cache=%v", d.Access, d.Cache)
	if d.ServedByVolume() {
		s += fmt.Sprintf(" gofer=%v", d.Gofer)
	}
	return s
}

// check reports whether a decoded plan is one that Resolve could have made, or
// the zero Plan.
func (p Plan) check() error {
	if len(p.decisions) == 0 && (p.container != Container{} || len(p.unmatched) > 0) {
		return errors.New("no decision for the rootfs")
	}
	for i, d := range p.decisions {
		if err := p.checkDecision(i, d); err != nil {
			return err
		}
	}
	for _, h := range p.unmatched {
		if h.Setting == Unset {
			return fmt.Errorf("the unmatched hint %q says nothing", h.Key)
		}
		if err := h.check(""); err != nil {
			return err
		}
		if p.container.Scope == Standalone {
			return h.matchesNothing()
		}
		if err := p.container.permit("", h); err != nil {
			return err
		}
	}
	return errors.Join(checkIdentities(p.decisions), checkGofers(p.decisions), checkPromises(p.decisions, func(w Why) bool { return w.podWide }))
}

// checkDecision refuses a decoded decision to which no Mount leads.
func (p Plan) checkDecision(i int, d Decision) error {
	if err := checkDestination(d.Mount); err != nil {
		return err
	}
	if i == 0 && d.Mount != "/" {
		return fmt.Errorf("the first decision is for %q, not for the rootfs", d.Mount)
	}
	for _, r := range rules {
		w := *r.why(&d)
		if !w.consistent(r) || !w.reason.possible(p.container.Flag) {
			return fmt.Errorf("mount %q: %s cannot have the reason %v with key %q, backend %q and --directfs=%t", d.Mount, r.knob, w.reason, w.key, w.backend, p.container.Flag)
		}
		if h, ok := w.Hint(); ok {
			if err := p.container.permit(d.Mount, h); err != nil {
				return err
			}
		}
	}
	_, hinted := d.WhyCache.Hint()
	if d.ServedByVolume() && d.WhyAccess.reason == becauseCannotDonate && d.WhyAccess.backend != d.Gofer.String() {
		return fmt.Errorf("mount %q is served by %v, and %q cannot donate", d.Mount, d.Gofer, d.WhyAccess.backend)
	}
	if d.Outside && !d.ServedByVolume() {
		return fmt.Errorf("mount %q is served outside of the gofer, and no volume is named", d.Mount)
	}
	if d.Access == NoAccess && (hinted || len(d.Sources) > 0) || d.ReadOnly && d.SpecialFiles {
		return fmt.Errorf("mount %q: access %v, cache because of %v, gofer %q, %d sources, read-only=%t and special files=%t do not go together",
			d.Mount, d.Access, d.WhyCache, d.Gofer, len(d.Sources), d.ReadOnly, d.SpecialFiles)
	}
	if err := checkUnion(d.Union, d.Layer, d.Access != NoAccess, d.Sources); err != nil {
		return fmt.Errorf("mount %q: %w", d.Mount, err)
	}
	if d.Layer.isUpper() && d.Cache == CacheExclusive {
		return fmt.Errorf("mount %q: %w", d.Mount, ErrUpperCache)
	}
	if d.Union != nil && d.ServedByVolume() {
		return fmt.Errorf("mount %q is an overlay, and %v serves it", d.Mount, d.Gofer)
	}
	return checkSources(d.Mount, d.Sources)
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }
