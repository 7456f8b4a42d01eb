package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/pkg/ociconfig"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/pkg/sentry/fsimpl/gofer"
	"gvisor.dev/gvisor/runsc/boot"
)

// The engine's option that turns directfs on for one mount
// (pkg/sentry/fsimpl/gofer/gofer.go:96).
const directfsOption = "directfs"

// loweredAnnotation marks a spec that is already lowered, and keeps the cache
// mode of the rootfs: a sandbox process that executes itself again reads it
// twice.
const loweredAnnotation = ownPrefix + "lowered"

// sentinel is a static hint that stands for one decision.
type sentinel struct {
	access directfspolicy.Access
	cache  directfspolicy.Cache
}

var sentinels = []sentinel{
	{directfspolicy.DirectFS, directfspolicy.CacheShared},
	{directfspolicy.DirectFS, directfspolicy.CacheExclusive},
	{directfspolicy.LisaFS, directfspolicy.CacheShared},
	{directfspolicy.LisaFS, directfspolicy.CacheExclusive},
}

// source is what stands in the place of a mount's source. No host path starts
// like this: its parent would have to be a directory in / with that name.
func (s sentinel) source() string {
	return fmt.Sprintf("%s%v/%v", sentinelPrefix, s.access, s.cache)
}

const (
	sentinelPrefix = "/.directfs-policy/"
	sentinelName   = "directfs-policy-"
)

func isSentinel(source string) bool { return strings.HasPrefix(source, sentinelPrefix) }

func (s sentinel) annotate(annotations map[string]string) {
	set := func(field, value string) {
		annotations[fmt.Sprintf("%s%s%v-%v.%s", boot.MountPrefix, sentinelName, s.access, s.cache, field)] = value
	}
	set("source", s.source())
	set("type", boot.Bind)
	// The engine's words for a cache mode of a bind mount
	// (runsc/boot/mount_hints.go:242).
	if s.cache == directfspolicy.CacheExclusive {
		set("share", "container")
	} else {
		set("share", "shared")
	}
	if s.access == directfspolicy.LisaFS {
		set("directfs", "off")
	}
}

// LowerSpec rewrites the JSON of a spec for the sandbox process: the user's
// directfs hints go, the sentinels come, and a rootfs that must not use
// directfs in a raised sandbox gets the engine's own hint for that. All other
// fields are kept as they are. It also returns the cache mode for ConfigureBoot.
// Like the engine's reader, which has accepted the spec before
// (runsc/specutils/specutils.go:249), it takes the first JSON value and drops
// what follows.
func LowerSpec(raw []byte, p directfspolicy.Plan) (spec []byte, rootfs directfspolicy.Cache, err error) {
	fields, err := otherFields(raw)
	if err != nil {
		return nil, 0, fmt.Errorf("parsing spec: %w", err)
	}
	annotations, err := readAnnotations(raw)
	if err != nil {
		return nil, 0, err
	}
	if mode, ok := annotations[loweredAnnotation]; ok {
		for _, c := range []directfspolicy.Cache{directfspolicy.CacheShared, directfspolicy.CacheExclusive} {
			if mode == c.String() {
				return raw, c, nil
			}
		}
		return nil, 0, fmt.Errorf("annotation %s: unknown cache mode %q", loweredAnnotation, mode)
	}
	rootfs = rootfsCache(p)
	annotations = ociconfig.StripAnnotations(annotations)
	for _, s := range sentinels {
		s.annotate(annotations)
	}
	lowerRootfs(annotations, p)
	annotations[decisionsAnnotation] = decisions(p)
	annotations[loweredAnnotation] = rootfs.String()
	a, err := json.Marshal(annotations)
	if err != nil {
		return nil, 0, fmt.Errorf("lowering annotations: %w", err)
	}
	return slices.Concat([]byte(`{"annotations":`), a, fields, []byte("}")), rootfs, nil
}

// IsLowered reports whether LowerSpec has made the spec.
func IsLowered(raw []byte) bool {
	annotations, err := readAnnotations(raw)
	_, ok := annotations[loweredAnnotation]
	return err == nil && ok
}

// otherFields returns the members of the JSON object but for the annotations,
// each with a comma before it. They keep their order and are not merged: to
// the engine's decoder "Root" is the same field as "root", and of fields that
// appear twice the later one is decoded into the earlier one.
func otherFields(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, cmp.Or(err, errors.New("it is not an object"))
	}
	var out []byte
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if strings.EqualFold(name.(string), "annotations") {
			continue
		}
		k, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		out = slices.Concat(out, []byte(","), k, []byte(":"), v)
	}
	_, err := d.Token()
	return out, err
}

// decodeFirst decodes the first JSON value and ignores what follows it.
func decodeFirst(raw []byte, v any) error {
	return json.NewDecoder(bytes.NewReader(raw)).Decode(v)
}

// readAnnotations returns the annotations as the engine reads them from raw. To
// its decoder "Annotations" is the same field as "annotations", and fields that
// appear twice are merged.
func readAnnotations(raw []byte) (map[string]string, error) {
	var spec struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := decodeFirst(raw, &spec); err != nil {
		return nil, fmt.Errorf("parsing annotations of spec: %w", err)
	}
	if spec.Annotations == nil {
		spec.Annotations = map[string]string{}
	}
	return spec.Annotations, nil
}

// lowerRootfs suppresses directfs for the rootfs. In the sandbox process a
// rootfs hint is asked for nothing else (runsc/boot/vfs.go:607), so filling in
// the fields that the parser insists upon changes nothing.
func lowerRootfs(annotations map[string]string, p directfspolicy.Plan) {
	if !p.Sandbox().Raised || rootfsUsesDirectFS(p) {
		return
	}
	for field, value := range map[string]string{"source": "/", "type": boot.Bind} {
		if key := boot.RootfsPrefix + field; annotations[key] == "" {
			annotations[key] = value
		}
	}
	annotations[boot.RootfsPrefix+"directfs"] = "off"
}

// FirstMounts lowers the mount list of a sandbox's first container, which only
// the sandbox process reads: every mount that a gofer serves gets the source
// of its decision's hint.
func FirstMounts(mounts []specs.Mount, pairs []Pair) ([]specs.Mount, error) {
	return lowerMounts(mounts, pairs, func(m *specs.Mount, d directfspolicy.Decision) {
		m.Source = sentinel{d.Access, d.Cache}.source()
	})
}

// JoiningMounts lowers the mount list of a container that joins a sandbox.
// The engine's client reads the list and keeps it, so only what differs from
// the container's switch, and from what the engine takes for the mount's cache
// mode by itself, is touched: see ConfigureStart.
func JoiningMounts(mounts []specs.Mount, pairs []Pair, p directfspolicy.Plan) ([]specs.Mount, error) {
	rootfs := rootfsUsesDirectFS(p)
	return lowerMounts(mounts, pairs, func(m *specs.Mount, d directfspolicy.Decision) {
		if d.Access == directfspolicy.DirectFS && !rootfs {
			m.Options = append(m.Options, directfsOption)
		}
		if d.Access == directfspolicy.LisaFS && rootfs || hinted(d) {
			m.Source = sentinel{d.Access, d.Cache}.source()
		}
	})
}

// hinted reports whether a hint decided the mount's cache mode.
func hinted(d directfspolicy.Decision) bool {
	_, ok := d.WhyCache.Hint()
	return ok
}

// lowerMounts calls lower for each mount that a gofer serves. pairs[i] belongs
// to mounts[i].
func lowerMounts(mounts []specs.Mount, pairs []Pair, lower func(*specs.Mount, directfspolicy.Decision)) ([]specs.Mount, error) {
	if len(mounts) != len(pairs) {
		return nil, fmt.Errorf("%d mounts but %d decisions", len(mounts), len(pairs))
	}
	out := slices.Clone(mounts)
	for i := range out {
		m := &out[i]
		m.Options = ociconfig.StripOptions(m.Options)
		if !pairs[i].Served {
			continue
		}
		if i := slices.IndexFunc(m.Options, func(o string) bool { return strings.Contains(o, ",") }); i >= 0 {
			return nil, fmt.Errorf("mount %q: option %q has a comma", m.Destination, m.Options[i])
		}
		lower(m, pairs[i].Decision)
	}
	return out, nil
}

// AcceptMountOptions lets the sandbox process take the option by which
// JoiningMounts turns directfs on for one mount.
func AcceptMountOptions() {
	gofer.SupportedMountOptions = append(gofer.SupportedMountOptions, directfsOption)
}
