package directfspolicy

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// checkDestination refuses what cannot be a mount's identity. A Plan must
// survive JSON, which has no bytes outside UTF-8: two such destinations could
// become one.
func checkDestination(dest string) error {
	if !path.IsAbs(dest) || path.Clean(dest) != dest || !isText(dest) {
		return fmt.Errorf("%w: mount destination %q is not an absolute, cleaned path in UTF-8", ErrInvalidRequest, dest)
	}
	return nil
}

// checkHint refuses a hint that no reason or error could name.
func checkHint[S setting](mount string, h HintOf[S]) error {
	if !h.Setting.known() {
		return &HintError{
			Key: h.Key, Value: h.Setting.String(), Mount: mount, Allowed: h.Setting.allowed(),
			Fix: "use a Setting of this package",
			Err: ErrInvalidValue,
		}
	}
	if h.Setting != 0 && (h.Key == "" || !isText(h.Key)) {
		return fmt.Errorf("%w: the key of hint %q is empty or not in UTF-8", ErrInvalidRequest, h)
	}
	return nil
}

// checkUnmatched refuses hints that match nothing where nobody else could be
// meant by them.
func checkUnmatched[S setting](s Scope, hints []HintOf[S]) error {
	for _, h := range hints {
		if err := checkHint("", h); err != nil {
			return err
		}
		if s == Standalone && h.Setting != 0 {
			return &HintError{
				Key: h.Key, Value: h.Setting.String(),
				Fix: "make the hint's source equal a mount's source, or remove the hint",
				Err: ErrNoMount,
			}
		}
	}
	return nil
}

// checkIdentities refuses decisions that a destination does not identify.
// Mounts that hide each other are fine while they agree. The rootfs, which is
// the first decision, may have another cache mode than a mount at "/": the
// runtime's defaults for the two differ, and such a mount hides it at once.
func checkIdentities(ds []Decision) error {
	seen := make(map[string]int, len(ds))
	for i, d := range ds {
		if d.Access == NoAccess {
			continue
		}
		first, again := seen[d.Mount]
		if !again || first == 0 && ds[0].Access == d.Access {
			seen[d.Mount] = i
			continue
		}
		if o := ds[first]; o.Access != d.Access || o.Cache != d.Cache {
			return fmt.Errorf("%w: two mounts at %q have different decisions (%v cache=%v and %v cache=%v); give them the same hint or remove one",
				ErrInvalidRequest, d.Mount, o.Access, o.Cache, d.Access, d.Cache)
		}
	}
	return nil
}

// checkInputs refuses a decoded plan whose fields before the derived ones no
// Request leads to.
func (p Plan) checkInputs() error {
	if len(p.Decisions) == 0 && (p.Flag || p.HostNetwork || p.Scope != Standalone) {
		return errors.New("no decision for the rootfs")
	}
	for i, d := range p.Decisions {
		if err := checkDestination(d.Mount); err != nil {
			return err
		}
		if i == 0 && d.Mount != "/" {
			return fmt.Errorf("the first decision is for %q, not for the rootfs", d.Mount)
		}
		if d.Reason.Access() != d.Access || !d.Reason.possible(p.Flag) || d.Reason.detailed() != (d.Detail != "") {
			return fmt.Errorf("mount %q: reason %v with detail %q and --directfs=%t does not give %v", d.Mount, d.Reason, d.Detail, p.Flag, d.Access)
		}
		if hint := d.CacheReason == CacheByHint; hint != (d.CacheDetail != "") || hint && d.Access == NoAccess || !isText(d.Source) {
			return fmt.Errorf("mount %q: access %v, cache reason %v with detail %q and source %q do not go together", d.Mount, d.Access, d.CacheReason, d.CacheDetail, d.Source)
		}
	}
	if len(stated(p.Unmatched)) != len(p.Unmatched) || len(stated(p.UnmatchedCache)) != len(p.UnmatchedCache) {
		return errors.New("an unmatched hint says nothing")
	}
	if err := checkUnmatched(p.Scope, p.Unmatched); err != nil {
		return err
	}
	if err := checkUnmatched(p.Scope, p.UnmatchedCache); err != nil {
		return err
	}
	return checkTogether(p.Decisions)
}

// checkTogether refuses decisions that do not go together.
func checkTogether(ds []Decision) error {
	if err := checkIdentities(ds); err != nil {
		return err
	}
	return checkPromises(ds)
}

func stated[S setting](hints []HintOf[S]) []HintOf[S] {
	out := []HintOf[S]{}
	for _, h := range hints {
		if h.Setting != 0 {
			out = append(out, h)
		}
	}
	return out
}

func isText(s string) bool { return strings.ToValidUTF8(s, "") == s }
