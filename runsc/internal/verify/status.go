package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// caps is a set of capabilities, bit n for capability n (capabilities(7)).
type caps uint64

// status is what /proc/pid/status says of a thread's privileges
// (proc_pid_status(5)), in the user namespace of this process.
type status struct {
	// uid and gid are real, effective, saved and file system id.
	uid, gid [4]uint32

	umask int

	inheritable, permitted, effective, bounding, ambient caps

	// seccomp is the mode (seccomp(2): 0 none, 1 strict, 2 filter), filters
	// the number of filters.
	seccomp, filters int
}

// errEnded is of a thread that has ended, and that nobody has waited for. Some
// fields are missing then.
var errEnded = fmt.Errorf("it has ended: %w", unix.ESRCH)

func parseStatus(data []byte) (status, error) {
	f := fields{values: map[string][]string{}}
	for line := range bytes.Lines(data) {
		if key, v, ok := strings.Cut(string(line), ":"); ok {
			f.values[key] = strings.Fields(v)
		}
	}
	if state := f.values["State"]; len(state) > 0 && (state[0] == "Z" || state[0] == "X") {
		return status{}, errEnded
	}
	s := status{
		umask:       int(f.number("Umask", 0, 8)),
		inheritable: caps(f.number("CapInh", 0, 16)),
		permitted:   caps(f.number("CapPrm", 0, 16)),
		effective:   caps(f.number("CapEff", 0, 16)),
		bounding:    caps(f.number("CapBnd", 0, 16)),
		ambient:     caps(f.number("CapAmb", 0, 16)),
		seccomp:     int(f.number("Seccomp", 0, 10)),
		filters:     int(f.number("Seccomp_filters", 0, 10)),
	}
	for i := range s.uid {
		s.uid[i] = uint32(f.number("Uid", i, 10))
		s.gid[i] = uint32(f.number("Gid", i, 10))
	}
	return s, f.err
}

// fields keeps the first error, so that a field that is missing or strange is
// not read as 0, which would look like "no privilege".
type fields struct {
	values map[string][]string
	err    error
}

func (f *fields) number(key string, i, base int) uint64 {
	v := f.values[key]
	if i < 0 || i >= len(v) {
		f.fail(key, errors.New("it is missing"))
		return 0
	}
	n, err := strconv.ParseUint(v[i], base, 64)
	if err != nil {
		f.fail(key, err)
	}
	return n
}

func (f *fields) fail(key string, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("process status, field %s: %w", key, err)
	}
}

// process is a process of the runtime and the state of all its threads:
// credentials and filters belong to threads, not to processes
// (capabilities(7), seccomp(2)).
type process struct {
	pid     int
	args    []string
	threads map[int]status
}

// main is the state of the main thread.
func (p process) main() status { return p.threads[p.pid] }

func readProcess(pid int) (process, error) {
	p := process{pid: pid, threads: map[int]status{}}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return p, err
	}
	p.args = strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return p, err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			return p, err
		}
		s, err := readStatus(dir + "/" + t.Name() + "/status")
		if gone(err) && tid != pid {
			continue
		}
		if err != nil {
			return p, err
		}
		p.threads[tid] = s
	}
	return p, nil
}

// readStatus reads the status of a thread.
func readStatus(name string) (status, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return status{}, err
	}
	return parseStatus(data)
}

// flagValue returns the value of a flag in the process's command line.
func (p process) flagValue(name string) string {
	for _, a := range p.args {
		if v, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return v
		}
	}
	return ""
}

// union combines a set of capabilities over all threads.
func (p process) union(set func(status) caps) caps {
	var all caps
	for _, t := range p.threads {
		all |= set(t)
	}
	return all
}

// gone reports whether something in /proc ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}
