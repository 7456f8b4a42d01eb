package directfspolicy

import "fmt"

// Cache says who else may change the files of a mount.
// The zero value is CacheShared, which is always right and never stale.
type Cache uint8

const (
	// CacheShared revalidates with the host: others may change the files.
	CacheShared Cache = iota

	// CacheExclusive trusts the sentry's cache: only this mount changes the
	// files. What others write may be seen late or never, and be overwritten.
	CacheExclusive
)

var cacheNames = enum[Cache]{"cache mode", []string{"shared", "exclusive"}}

// String returns "shared" or "exclusive".
func (c Cache) String() string { return cacheNames.name(c) }

func (c Cache) option() string {
	if c == CacheExclusive {
		return "cache=exclusive"
	}
	return "cache=shared"
}

// MarshalText implements encoding.TextMarshaler.
func (c Cache) MarshalText() ([]byte, error) { return cacheNames.marshal(c) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cache) UnmarshalText(b []byte) error { return cacheNames.unmarshal(b, c) }

// CacheSetting is what a user said about the cache mode of one mount.
type CacheSetting uint8

const (
	// CacheUnset is the absence of a hint.
	CacheUnset CacheSetting = iota

	// CacheDefault follows the mount's own default, stated explicitly.
	CacheDefault

	// AskShared asks for CacheShared.
	AskShared

	// AskExclusive asks for CacheExclusive.
	AskExclusive
)

// AllowedCacheValues are the words that a user may write for a cache hint.
var AllowedCacheValues = []string{"shared", "exclusive", "default"}

var cacheSettingNames = enum[CacheSetting]{"cache setting", []string{"unset", "default", "shared", "exclusive"}}

// String returns "unset", "default", "shared" or "exclusive".
func (s CacheSetting) String() string { return cacheSettingNames.name(s) }

// MarshalText implements encoding.TextMarshaler.
func (s CacheSetting) MarshalText() ([]byte, error) { return cacheSettingNames.marshal(s) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *CacheSetting) UnmarshalText(b []byte) error { return cacheSettingNames.unmarshal(b, s) }

func (s CacheSetting) allowed() []string { return AllowedCacheValues }

func (s CacheSetting) known() bool { return cacheSettingNames.knows(s) }

// ParseCacheHint is [ParseHint] for cache hints and [AllowedCacheValues].
func ParseCacheHint(key, value, mount string) (CacheHint, error) {
	switch value {
	case "shared":
		return CacheHint{key, AskShared}, nil
	case "exclusive":
		return CacheHint{key, AskExclusive}, nil
	case "default":
		return CacheHint{key, CacheDefault}, nil
	}
	return CacheHint{}, invalidValue(key, value, mount, AllowedCacheValues)
}

// CacheReason says why a mount got its cache mode.
type CacheReason uint8

const (
	// CacheByDefault: no hint asks for a mode. It is what the runtime does
	// with such a mount.
	CacheByDefault CacheReason = iota

	// CacheByHint: a hint asks for it.
	CacheByHint
)

var cacheReasonNames = enum[CacheReason]{"cache reason", []string{"default", "hint"}}

// String returns "default" or "hint".
func (r CacheReason) String() string { return cacheReasonNames.name(r) }

// MarshalText implements encoding.TextMarshaler.
func (r CacheReason) MarshalText() ([]byte, error) { return cacheReasonNames.marshal(r) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *CacheReason) UnmarshalText(b []byte) error { return cacheReasonNames.unmarshal(b, r) }

// decideCache is the whole rule for the cache mode of one mount. Like decide it
// looks at nothing but the mount.
func decideCache(m Mount, d *Decision) error {
	h, err := combine(m.Destination, m.CacheHints)
	if err != nil {
		return err
	}
	refuse := func(why error, fix string, allowed ...string) error {
		return &HintError{Key: h.Key, Value: h.Setting.String(), Mount: m.Destination, Allowed: allowed, Fix: fix, Err: why}
	}
	d.Cache = m.Cache
	switch asked := h.Setting == AskShared || h.Setting == AskExclusive; {
	case !asked:
		return nil
	case d.Access == NoAccess:
		return refuse(ErrNotGoferMount, "remove the hint: the mount lives in the sandbox, which alone has its files", "default")
	case h.Setting == AskShared && m.Overlay:
		return refuse(ErrOverlay, "remove the hint, or the overlay", "exclusive", "default")
	case h.Setting == AskShared:
		d.Cache = CacheShared
	default:
		d.Cache = CacheExclusive
	}
	d.CacheReason, d.CacheDetail = CacheByHint, h.Key
	return nil
}

// WhyCache returns the reason of the cache mode in words.
func (d Decision) WhyCache() string {
	if d.CacheReason == CacheByHint {
		return fmt.Sprintf("hint %s=%v", d.CacheDetail, d.Cache)
	}
	return "default"
}

// promisedExclusive reports whether a user promised that nothing but the mount
// changes its files.
func (d Decision) promisedExclusive() bool {
	return d.CacheReason == CacheByHint && d.Cache == CacheExclusive
}

// writes reports whether what is written to the mount reaches the host.
func (d Decision) writes() bool { return d.Access != NoAccess && !d.ReadOnly }
