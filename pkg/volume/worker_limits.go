package volume

import (
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/directfs/runsc/pkg/volume/internal/packet"
	"golang.org/x/sys/unix"
)

// inherit takes up what the daemon has left open for its worker.
func inherit() (*net.UnixConn, error) {
	unix.CloseOnExec(orderFD)
	control, err := packet.Conn(os.NewFile(orderFD, "control"))
	if err != nil {
		return nil, fmt.Errorf("%s is set, but the process was not started by a daemon: %w", workerVariable, err)
	}
	return control, nil
}

// limit bounds what this process may use. LisaFS allocates as much as a message's
// header says before it looks at it (gvisor.dev/gvisor/pkg/lisafs, sock.go), so
// a sandbox can make its server want any amount.
func limit(o ServeOptions) error {
	used, err := dataSize()
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(o.Memory / 4 * 3)
	for _, l := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, o.OpenFiles},
		{"RLIMIT_DATA", unix.RLIMIT_DATA, used + uint64(o.Memory)},
	} {
		if err := lower(l.resource, l.value); err != nil {
			return fmt.Errorf("setting %s to %d: %w", l.name, l.value, err)
		}
	}
	return nil
}

// lower sets a limit for good, unless it is lower already.
func lower(resource int, value uint64) error {
	var have unix.Rlimit
	if err := unix.Getrlimit(resource, &have); err != nil {
		return err
	}
	value = min(value, have.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value})
}

// dataSize returns how many bytes of this process RLIMIT_DATA counts: proc(5),
// VmData.
func dataSize() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "\nVmData:")
	line, _, _ := strings.Cut(after, "\n")
	kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/self/status: VmData: %w", err)
	}
	return kib << 10, nil
}
