package overlaymount

// What Parse finds in the options.
const (
	// CodeNUL is a NUL byte.
	CodeNUL Code = "nul"
	// CodeTooLong is a path, or all options together, that is too long.
	CodeTooLong Code = "too-long"
	// CodeAttribute is a flag of a mount where none can be.
	CodeAttribute Code = "attribute"
	// CodeEmptyLayer is a layer without a path.
	CodeEmptyLayer Code = "empty-layer"
	// CodeRelative is a layer whose path is not absolute.
	CodeRelative Code = "relative-layer"
	// CodeColons is a list of layers with a colon where none can be.
	CodeColons Code = "colons"
	// CodeMixedLower is a lowerdir+ or datadir+ behind a lowerdir.
	CodeMixedLower Code = "mixed-lower"
	// CodeDataOrder is a lower layer below a data-only one.
	CodeDataOrder Code = "data-order"
	// CodeTooManyLower is more than MaxLower layers.
	CodeTooManyLower Code = "too-many-lower"
)

// What Check finds in the options.
const (
	// CodeNoLower: no lower layer, or none but data-only ones.
	CodeNoLower Code = "no-lower"
	// CodeNoWork: an upper layer without a work directory.
	CodeNoWork Code = "no-work"
	// CodeOneLower: one lower layer and no upper one.
	CodeOneLower Code = "one-lower"
	// CodeWorkAlone: a work directory without an upper layer, which is ignored.
	CodeWorkAlone Code = "work-without-upper"
	// CodeUnknownOption: an option that is probably misspelled.
	CodeUnknownOption Code = "unknown-option"
	// CodeValue: a value that an option does not take.
	CodeValue Code = "value"
	// CodeConflict: two options that exclude each other.
	CodeConflict Code = "conflict"
	// CodeSentryOption: what the sentry's overlay cannot do.
	CodeSentryOption Code = "sentry-option"
)

// What Check finds on the host.
const (
	// CodeNoOverlay: the kernel has no overlay file system for the mounter.
	CodeNoOverlay Code = "no-overlay"
	// CodeLayer: a layer that is missing or cannot be read.
	CodeLayer Code = "layer"
	// CodeNotDirectory: a layer that is no directory.
	CodeNotDirectory Code = "not-a-directory"
	// CodeFilesystem: a layer on a file system that no overlay can have.
	CodeFilesystem Code = "filesystem"
	// CodeUpperFilesystem: an upper layer on a file system that cannot be one.
	CodeUpperFilesystem Code = "upper-filesystem"
	// CodeReadOnly: an upper layer or work directory that cannot be written.
	CodeReadOnly Code = "read-only"
	// CodeDepth: overlays stacked too deep.
	CodeDepth Code = "depth"
	// CodeMounts: upper layer and work directory on different mounts.
	CodeMounts Code = "different-mounts"
	// CodeSame: one directory twice.
	CodeSame Code = "same-directory"
	// CodeNested: one layer inside another.
	CodeNested Code = "nested"
	// CodeInUse: a layer that another overlay writes.
	CodeInUse Code = "in-use"
	// CodeDialect: a layer written with the other kind of attributes.
	CodeDialect Code = "dialect"
	// CodeVolatile: a work directory that a volatile overlay left behind.
	CodeVolatile Code = "volatile"
	// CodeVolume: a layer that a volume serves, and no directory of the host.
	CodeVolume Code = "volume"
	// CodeSubmounts: a layer with other mounts in it.
	CodeSubmounts Code = "submounts"
	// CodeRefused: the kernel refused, and nothing that was known explains it.
	CodeRefused Code = "refused"
)
