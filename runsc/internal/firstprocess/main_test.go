package firstprocess

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain keeps files that this process was started with from its children.
func TestMain(m *testing.M) {
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// roleVariable makes the test program what stages a first process: it is in
// namespaces of its own and runs as the init of this package does, on the main
// thread. The first process is the test program, too, whose init takes over.
const roleVariable = "FIRSTPROCESS_TEST_STAGE"

// stage is what is staged, in an own user and mount namespace.
type stage struct {
	Config   Config
	Args     []string
	Env      []string
	UID, GID int
	NoNew    bool
	Limits   map[int]unix.Rlimit
	// Dir has the layers of every overlay, each in a directory of the overlay's
	// number.
	Dir string
}

func init() {
	data := os.Getenv(roleVariable)
	if data == "" {
		return
	}
	var s stage
	err := json.Unmarshal([]byte(data), &s)
	if err == nil {
		err = s.run()
	}
	fmt.Fprintf(os.Stderr, "stage: %v\n", err)
	os.Exit(1)
}

// run does what the engine does before it starts the first process.
func (s stage) run() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for i, o := range s.Config.Overlays {
		if err := unix.Mount("tmpfs", o.Target, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", o.Target, err)
		}
		own := filepath.Join(s.Dir, fmt.Sprint(i))
		entries, err := os.ReadDir(own)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := bindInto(filepath.Join(own, e.Name()), filepath.Join(o.Target, e.Name())); err != nil {
				return err
			}
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := bindInto(program, filepath.Join(s.Config.Overlays[0].Target, ProgramName)); err != nil {
		return err
	}
	_ = syscall.Exec("", nil, nil) // the limits of a program, not of Go's runtime
	for resource, limit := range s.Limits {
		if err := unix.Setrlimit(resource, &limit); err != nil {
			return err
		}
	}
	if s.NoNew {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	id, err := becomeRoot()
	if err != nil {
		return err
	}
	id.uid, id.gid, id.umask = s.UID, s.GID, 0o027
	if err := id.assume(Capabilities{id.all, id.all, id.all, id.all, id.all}); err != nil {
		return err
	}
	args, env, err := Command(s.Config, s.Args, s.Env)
	if err != nil {
		return err
	}
	return unix.Exec(args[0], args, env)
}

func bindInto(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.Mkdir(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o644)
	}
	if err == nil {
		err = unix.Mount(source, target, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", target, err)
	}
	return nil
}

// newStage stages one overlay of two lower layers, each with a file of its name.
// The kernel's overlayfs needs a work directory for an upper one, the engine's
// does not, so there is none.
func newStage(t *testing.T, args ...string) stage {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("needs root, for several users in a user namespace")
	}
	dir := t.TempDir()
	// All of them have to get there.
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	target := filepath.Join(dir, "target")
	for _, d := range []string{target, filepath.Join(dir, "0/l0"), filepath.Join(dir, "0/l1")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"0/l0/l0", "0/l1/l1", "0/" + ReportName} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return stage{
		Config: Config{Overlays: []Overlay{{Target: target, Lowers: 2}}, Cwd: "/"},
		Args:   args, Env: []string{"PATH=/usr/bin:/bin", "HOME=/"}, Dir: dir,
	}
}

// start runs the stage to the end of the container's process.
func (s stage) start(t *testing.T) (stdout string, code int, report error) {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVariable + "=" + string(data)}
	all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: all, GidMappings: all, GidMappingsEnableSetgroups: true}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if errs.Len() > 0 {
		t.Errorf("standard error: %s", errs.String())
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, "0", ReportName))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode(), ReadReport(text)
}
