package volume

import "time"

// Limits bounds what one mount can make its server do. Zero fields have the
// values of DefaultLimits.
type Limits struct {
	// CallTimeout is how long a call to the volume may take. After it, the
	// application gets ETIMEDOUT.
	CallTimeout time.Duration

	// Calls is how many calls may be running at once, abandoned ones included.
	// Above it, the application gets EBUSY at once. (Not EAGAIN: the sandbox
	// would wait for a file to become ready, for ever.)
	Calls int

	// Files is how many files the sandbox may refer to, and OpenFiles how many
	// of these may be open. Above it, the application gets ENFILE.
	Files     int
	OpenFiles int
}

// DefaultLimits is for one mount.
var DefaultLimits = Limits{CallTimeout: 30 * time.Second, Calls: 64, Files: 100_000, OpenFiles: 4096}
