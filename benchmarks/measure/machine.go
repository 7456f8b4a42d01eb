package measure

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/directfs/runsc/benchmarks/results"
	"golang.org/x/sys/unix"
)

// machine describes where the benchmarks run. What cannot be read is left
// empty: no measurement depends on it.
func machine(data, engine string) results.Machine {
	m := results.Machine{CPUs: runtime.NumCPU(), Go: runtime.Version(), Engine: engine, FileSystem: fileSystem(data)}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) == nil {
		m.Memory = int64(si.Totalram) * int64(si.Unit)
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	return m
}

// fileSystem names the type of the file system that a directory is on, by the
// magic numbers of statfs(2).
func fileSystem(dir string) string {
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return ""
	}
	if name, ok := names[int64(st.Type)]; ok {
		return name
	}
	return fmt.Sprintf("%#x", st.Type)
}

// load is the load average of the last minute (proc(5)).
func load() (float64, error) {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(data), " ")
	return strconv.ParseFloat(first, 64)
}

// cpuTime is all CPU time and the stolen part of it, in clock ticks.
type cpuTime struct{ all, steal float64 }

func readCPUTime() (cpuTime, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return cpuTime{}, err
	}
	return parseCPUTime(string(data))
}

// parseCPUTime reads the first line of /proc/stat: user, nice, system, idle,
// iowait, irq, softirq, steal (proc(5)). What follows is in user and nice.
func parseCPUTime(text string) (t cpuTime, err error) {
	f := strings.Fields(text)
	if len(f) < 9 || f[0] != "cpu" {
		return t, fmt.Errorf("parse /proc/stat: no line for all CPUs")
	}
	for _, field := range f[1:9] {
		if t.steal, err = strconv.ParseFloat(field, 64); err != nil {
			return t, fmt.Errorf("parse /proc/stat: %w", err)
		}
		t.all += t.steal
	}
	return t, nil
}

func (t cpuTime) stealPercentSince(before cpuTime) float64 {
	if t.all == before.all {
		return 0
	}
	return 100 * (t.steal - before.steal) / (t.all - before.all)
}

// spin returns the nanoseconds of a fixed computation: the median of some
// tries, since one may be interrupted on the quietest machine.
func spin() float64 {
	times := make([]time.Duration, 9)
	for i := range times {
		began := time.Now()
		x := uint64(1)
		for range 4_000_000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		runtime.KeepAlive(x) // or the compiler drops the computation
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds())
}
