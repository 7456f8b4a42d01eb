package preinit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
)

// roleVariable makes the test program one of the processes under test: its init
// has run by then.
const roleVariable = "PREINIT_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		os.Exit(m.Run())
	}
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		panic(err)
	}
	fmt.Print(string(status))
}

// child runs the test program under a name, with a packet in its socket, and
// returns the capability sets that it has.
func child(t *testing.T, name string, packet []byte, attr *syscall.SysProcAttr) map[string]string {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, socket.Type|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "client"), os.NewFile(uintptr(pair[1]), "process")
	defer ours.Close()
	defer theirs.Close()
	if err := unix.Bind(pair[1], &unix.SockaddrUnix{Name: socket.Gofer.Address() + t.Name()}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(pair[0], packet); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = name
	cmd.Env = []string{roleVariable + "=status"}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = attr
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sets := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.HasPrefix(k, "Cap") {
			sets[k] = strings.TrimSpace(v)
		}
	}
	return sets
}

// Whoever sends the packets, the program is executed again only once.
func TestTrimOnce(t *testing.T) {
	all := socket.BoundingPacket(^uint64(0))
	got := child(t, "runsc-gofer", all, inNewUserNamespace(true))
	var bounding, left uint64
	fmt.Sscanf(got["CapBnd"], "%x", &bounding)
	fmt.Sscanf(got["CapEff"], "%x", &left)
	if bounding == 0 || (bounding|left)&(1<<unix.CAP_SETPCAP) != 0 {
		t.Errorf("with nothing to drop: bounding %s, effective %s", got["CapBnd"], got["CapEff"])
	}
}

// inNewUserNamespace is how the engine's client starts a gofer. The first user
// of the namespace is root, unless nobody is mapped yet.
func inNewUserNamespace(mapped bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	if mapped {
		one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		attr.UidMappings, attr.GidMappings = one, one
	}
	return attr
}

func TestTrim(t *testing.T) {
	const keep = 1<<unix.CAP_CHOWN | 1<<unix.CAP_SYS_PTRACE
	packet := socket.BoundingPacket(keep)
	before := child(t, "runsc-gofer", []byte{socket.Commit}, inNewUserNamespace(true))
	if !strings.HasSuffix(before["CapBnd"], "ffffff") || before["CapInh"] != "0000000000000000" {
		t.Fatalf("without a packet: %v", before)
	}
	full := before["CapEff"]
	got := child(t, "runsc-gofer", packet, inNewUserNamespace(true))
	if want := fmt.Sprintf("%016x", keep); got["CapBnd"] != want {
		t.Errorf("bounding set %s, want %s", got["CapBnd"], want)
	}
	var all, left uint64
	fmt.Sscanf(full, "%x", &all)
	fmt.Sscanf(got["CapEff"], "%x", &left)
	if left != all&^(1<<unix.CAP_SETPCAP) || got["CapPrm"] != got["CapEff"] {
		t.Errorf("effective %s, permitted %s; before %s", got["CapEff"], got["CapPrm"], full)
	}
	for name, c := range map[string]struct {
		arg0   string
		packet []byte
		attr   *syscall.SysProcAttr
	}{
		"another program":     {"runsc", packet, inNewUserNamespace(true)},
		"a socket of another": {"runsc-sandbox", packet, inNewUserNamespace(true)},
		"nobody is mapped":    {"runsc-gofer", packet, inNewUserNamespace(false)},
		"a short packet":      {"runsc-gofer", packet[:5], inNewUserNamespace(true)},
	} {
		if got := child(t, c.arg0, c.packet, c.attr); got["CapBnd"] != before["CapBnd"] || got["CapInh"] != before["CapInh"] {
			t.Errorf("%s: bounding %s, inheritable %s; want them unchanged", name, got["CapBnd"], got["CapInh"])
		}
	}
}

func TestUnmountArgs(t *testing.T) {
	fd, dir, ok := unmountArgs([]string{"/proc/self/exe", "umount", "--sync-fd=3", "/proc"})
	if fd != 3 || dir != "/proc" || !ok {
		t.Errorf("the engine's command line: %d, %q, %t", fd, dir, ok)
	}
	for _, line := range []string{
		"runsc", "runsc umount", "runsc umount --sync-fd=3", "runsc umount --sync-fd=x /proc", "runsc umount --sync-fd=-1 /proc",
		"runsc umount --sync-fd 3 /proc", "runsc umount -sync-fd=3 /proc", "runsc umount --sync-fd=3 proc",
		"runsc --debug umount --sync-fd=3 /proc", "runsc kill --sync-fd=3 /proc", "runsc umount --sync-fd=3 /proc /sys",
	} {
		if _, _, ok := unmountArgs(strings.Fields(line)); ok {
			t.Errorf("%q is not left to the engine's command", line)
		}
	}
}

// The process waits for its byte, unmounts and reports failure by its status.
func TestUnmount(t *testing.T) {
	for name, c := range map[string]struct {
		dir    string
		bytes  string
		failed bool
	}{
		"a mount":     {dir: "/proc", bytes: "x"},
		"no mount":    {dir: "/proc/self", bytes: "x", failed: true},
		"no byte":     {dir: "/proc", failed: true},
		"not a place": {dir: "/no/such/place", bytes: "x", failed: true},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/exe", "umount", "--sync-fd=3", c.dir)
		cmd.ExtraFiles = []*os.File{r}
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if _, err := w.WriteString(c.bytes); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if err := cmd.Wait(); (err != nil) != c.failed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
