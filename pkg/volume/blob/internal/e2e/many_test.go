package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

// manyFiles are in one directory.
const manyFiles = 100_000

// A directory of a hundred thousand files can be listed in time, and within the memory that a
// worker has.
func TestManyFiles(t *testing.T) {
	const memory = 256 << 20
	l := newLab(t, func(l *lab) {
		dir := filepath.Join(l.dir, "many")
		check(t, os.MkdirAll(filepath.Join(dir, "d"), 0o700))
		for i := range manyFiles {
			check(t, os.WriteFile(filepath.Join(dir, "d", fmt.Sprintf("file-%06d", i)), nil, 0o600))
		}
		l.settings.Memory = memory
		for name, v := range l.settings.Volumes {
			v.MemorySize, v.Requests = 16<<20, 4
			l.settings.Volumes[name] = v
		}
		l.settings.Volumes["many"] = settings.Volume{URL: "file://" + dir, MemorySize: 16 << 20, Requests: 4}
	})
	c := l.script(t, []string{"end /v"}, mount("/v", "many"))
	count := func() int { return strings.Count(guest(t, c, "list", "/v/d"), `"file-`) }
	if n := count(); n != manyFiles {
		t.Errorf("%d files, want %d", n, manyFiles)
	}
	guest(t, c, "write", "/v/d/file-050000x", "text")
	expectGuest(t, c, "text", "cat", "/v/d/file-050000x")
	if n := count(); n != manyFiles+1 {
		t.Errorf("%d files, want %d", n, manyFiles+1)
	}
	if most := peak(t, l.daemon.worker(t)); most > memory+64<<20 {
		t.Errorf("the worker has used %d bytes", most)
	}
	l.remove(t, c)
	l.expectClean(t)
}

// peak is the most memory that a process has used: proc_pid_status(5), VmHWM.
func peak(t *testing.T, pid int) (bytes int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	check(t, err)
	t.Logf("the worker has used %d MiB", kib>>10)
	return kib << 10
}
