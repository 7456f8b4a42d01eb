package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
)

// Snapshot is what there is on the machine at one moment, a line for each thing.
type Snapshot map[string]bool

// Take takes stock of the machine: processes, mounts, cgroups, listening
// sockets, network devices, rules of iptables, and the files in the directories.
// None of it is anybody else's.
func Take(directories ...string) (Snapshot, error) {
	s := Snapshot{}
	errs := []error{s.processes(), s.mounts(), s.tree("cgroup", cgroupRoot, func(e fs.DirEntry) bool { return e.IsDir() }), s.sockets(), s.devices(), s.rules()}
	for _, d := range directories {
		errs = append(errs, s.tree("file", d, func(fs.DirEntry) bool { return true }))
	}
	return s, errors.Join(errs...)
}

// processes are all but the first one and the tests.
func (s Snapshot) processes() error {
	entries, err := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		// A zombie has no arguments, and holds nothing but a PID until the
		// first process has waited for it.
		args, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && len(args) > 0 {
			s[fmt.Sprintf("process %d: %s", pid, strings.ReplaceAll(string(args), "\x00", " "))] = true
		}
	}
	return err
}

func (s Snapshot) mounts() error {
	all, err := mountinfo.GetMounts(nil)
	for _, m := range all {
		s["mount "+m.FSType+" on "+m.Mountpoint] = true
	}
	return err
}

func (s Snapshot) tree(kind, root string, keep func(fs.DirEntry) bool) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && path != root && keep(e) {
			s[kind+" "+path] = true
		}
		return err
	})
}

// sockets are those with a name, in the file system or as an abstract one.
func (s Snapshot) sockets() error {
	text, err := os.ReadFile("/proc/net/unix")
	for line := range strings.SplitSeq(string(text), "\n") {
		if f := strings.Fields(line); len(f) == 8 && f[0] != "Num" {
			s["socket "+f[7]] = true
		}
	}
	return err
}

func (s Snapshot) devices() error {
	all, err := net.Interfaces()
	for _, i := range all {
		s["network device "+i.Name] = true
	}
	return err
}

func (s Snapshot) rules() error {
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		out, err := exec.Command(program).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		for line := range strings.SplitSeq(string(out), "\n") {
			if strings.HasPrefix(line, "-A") {
				s["rule of "+program+" "+line] = true
			}
		}
	}
	return nil
}

// settle is how long what an engine takes down may go on after its command.
const settle = 20 * time.Second

// Leaks fails the test if there is something on the machine at its end that was
// not there at the time of the call, but for lines that match one of own, which
// are regular expressions. What is being taken down gets some seconds.
func Leaks(tb testing.TB, own []string, directories ...string) {
	tb.Helper()
	before, err := Take(directories...)
	if err != nil {
		tb.Fatal(err)
	}
	match := func(line string) bool {
		return slices.ContainsFunc(own, func(pattern string) bool { return regexp.MustCompile(pattern).MatchString(line) })
	}
	tb.Cleanup(func() {
		leaks, err := before.Left(match, directories...)
		if err != nil {
			tb.Error(err)
		}
		for _, l := range leaks {
			tb.Errorf("left: %s", l)
		}
	})
}

// Left returns what is there and was not before, sorted, after some seconds. Lines
// that are the engine's own are left out.
func (before Snapshot) Left(own func(line string) bool, directories ...string) ([]string, error) {
	for end := time.Now().Add(settle); ; time.Sleep(50 * time.Millisecond) {
		now, err := Take(directories...)
		if err != nil {
			return nil, err
		}
		var left []string
		for what := range now {
			if !before[what] && !own(what) {
				left = append(left, what)
			}
		}
		if left == nil || time.Now().After(end) {
			slices.Sort(left)
			return left, nil
		}
	}
}
