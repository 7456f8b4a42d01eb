package boot

import (
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// dropAsNobody has the engine's command drop the capabilities of a sandbox that
// is not raised where the runtime runs without root. With root it becomes nobody
// and drops them on the way; without it is nobody from the start, and kept
// CAP_SYS_ADMIN, with which it makes its root
// (runsc/cmd/sentry/sentrycmd/boot.go:443).
func dropAsNobody(f *flag.FlagSet, conf *config.Config) error {
	isSet := func(name string) bool { return f.Lookup(name).Value.String() == "true" }
	if !conf.Rootless || !isSet("setup-root") || isSet("apply-caps") {
		return nil
	}
	return f.Set("apply-caps", "true")
}
