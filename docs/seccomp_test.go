package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
)

// origins says where the engine defines each set, relative to its module.
var origins = map[directfspolicy.SetName]string{
	directfspolicy.SentryBase:                "runsc/boot/filter/config/config_main.go, allowedSyscalls, selfPIDFilters and controlServerFilters",
	directfspolicy.SentryHostFilesystem:      "runsc/boot/filter/config/config_main.go, hostFilesystemFilters; utimensat is in the base as well, there only for an FD without a path",
	directfspolicy.SentryHostFilesystemRead:  "the calls of hostFilesystemFilters that read; pkg/sentry/fsimpl/gofer/directfs_inode.go",
	directfspolicy.GoferBase:                 "runsc/fsgofer/filter/config/config_main.go, allowedSyscalls and selfPIDFilters, less the directfs fallback",
	directfspolicy.GoferDirectFSFallback:     "pkg/sentry/fsimpl/gofer/directfs_inode.go, the calls on controlFDLisa; runsc/fsgofer/lisafs.go, SetStat and the xattr handlers",
	directfspolicy.GoferDirectFSFallbackRead: "runsc/fsgofer/lisafs.go, GetXattr and ListXattr",
	directfspolicy.GoferVolume:               "pkg/flipcall/packet_window.go:161; for volumes of backends in the gofer",
	directfspolicy.GoferLisaFSRead:           "the calls of lisafsFilters that read; pkg/flipcall/packet_window.go:161 for ftruncate",
	directfspolicy.GoferLisaFS:               "runsc/fsgofer/filter/config/config_main.go, lisafsFilters, and the calls that it shares with the directfs fallback",
}

func seccompSets(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| set | calls | from |\n| --- | --- | --- |\n")
	for _, n := range directfspolicy.SetNames() {
		if origins[n] == "" {
			t.Errorf("nothing says where the engine defines %s", n)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", n, strings.Join(directfspolicy.Calls(n), " "), origins[n])
	}
	return b.String()
}
