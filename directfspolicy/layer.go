package directfspolicy

// LayerKind says what a directory is in an overlay.
// The zero value is a directory that is not in one.
type LayerKind uint8

const (
	// NoLayer is a directory that no overlay has.
	NoLayer LayerKind = iota

	// LowerLayer is only read, and DataLayer as well: it has nothing but the data
	// of files.
	LowerLayer
	DataLayer

	// UpperLayer takes what is written, and WorkLayer is where the kernel prepares it.
	UpperLayer
	WorkLayer

	// ProgramFile is the program that mounts the overlay in the sandbox, ReportFile
	// where it says how that went.
	ProgramFile
	ReportFile
)

var layerNames = enum[LayerKind]{"kind of layer", []string{"", "lower", "data", "upper", "work", "program", "report"}}

// String returns "lower", "data", "upper", "work", "program", "report", or "" for
// NoLayer.
func (k LayerKind) String() string { return layerNames.name(k) }

// MarshalText implements encoding.TextMarshaler.
func (k LayerKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *LayerKind) UnmarshalText(b []byte) (err error) {
	*k, err = layerNames.parse(string(b))
	return err
}

// written reports whether what is written to the overlay is written there.
func (k LayerKind) written() bool { return k != LowerLayer && k != DataLayer }

// Layer says of which overlay a mount is a layer, where the sentry makes one tree
// of such mounts.
type Layer struct {
	// Of is the destination of the overlay.
	Of   string    `json:"of"`
	Kind LayerKind `json:"kind"`
}

// isUpper reports whether a mount with it is the upper layer of an overlay that the
// sentry makes. Most mounts have none, which is nil.
func (l *Layer) isUpper() bool { return l != nil && l.Kind == UpperLayer }

// Locks are the directories that nobody else may use while the mount is there: the
// kernel does not say what comes of an upper layer in two overlays.
func (d Decision) Locks() (all []Source) {
	for _, s := range d.Sources {
		if s.Layer == UpperLayer || s.Layer == WorkLayer || d.Layer.isUpper() {
			all = append(all, s)
		}
	}
	return all
}
