package filters

import "runtime/debug"

// SetBuildInfo replaces what the binary says of the modules in it.
func SetBuildInfo(read func() (*debug.BuildInfo, bool)) { buildInfo = read }
