// Package lab gives the tests of container engines a machine of their own.
//
// An engine writes to /etc, /run and /var/lib, mounts, makes network devices and
// cgroups, and leaves processes behind. So the tests of a package run in new
// namespaces ([Main]), in which all of these are private: a guide's commands can
// be executed as they are written, whatever is there afterwards was left by the
// engine or by the runtime ([Lab.Leaks]), and nothing of it outlives the tests.
package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The process that "go test" starts makes the cgroups and removes what is left
// of them. It starts a second one in new namespaces, the first of its PID
// namespace, which mounts the machine's directories and reaps. That one starts a
// third, which runs the tests.
const (
	stageEnv   = "RUNSC_CLIENTS_STAGE"
	stageInit  = "init"
	stageTests = "tests"

	// machineEnv names the directory of the machine, stageEnv's companion.
	machineEnv = "RUNSC_CLIENTS_MACHINE"

	// moduleEnv and binaryEnv are for the tests: the root of the repository and
	// the runsc under test.
	moduleEnv = "RUNSC_CLIENTS_MODULE"
	binaryEnv = "RUNSC_BIN"
)

// Main is for TestMain: os.Exit(lab.Main(m, "podman")). It runs the tests on a
// machine of their own. The programs are those that must be in PATH. What is
// missing is a failure, never a skip.
func Main(m *testing.M, programs ...string) int {
	code, err := 1, error(nil)
	switch os.Getenv(stageEnv) {
	case stageTests:
		return m.Run()
	case stageInit:
		code, err = initialize()
	default:
		code, err = isolate(programs)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "tests of clients cannot run: %v\n", err)
		return 1
	}
	return code
}

// isolate starts the first process of the machine and cleans up after it.
func isolate(programs []string) (code int, err error) {
	if err := check(programs); err != nil {
		return 0, err
	}
	module, err := moduleRoot()
	if err != nil {
		return 0, err
	}
	binary := os.Getenv(binaryEnv)
	if binary == "" {
		binary = filepath.Join(module, "bin", "runsc")
	}
	if _, err := os.Stat(binary); err != nil {
		return 0, fmt.Errorf("the runtime under test: %w; run make build, or set %s", err, binaryEnv)
	}
	sweep()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return 0, err
	}
	// As long as this process lives: see sweep.
	lock, err := flock(dir)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	groups, err := makeCgroups(filepath.Base(dir))
	defer func() { err = errors.Join(err, groups.remove(), os.Remove(dir)) }()
	if err != nil {
		return 0, err
	}
	// The machine's parent-death signal is that of this thread's end.
	runtime.LockOSThread()
	cmd := stage(stageInit, append(groups.env(), machineEnv+"="+dir, moduleEnv+"="+module, binaryEnv+"="+binary))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the machine: %w", err)
	}
	go func() {
		<-signals
		_ = cmd.Process.Kill() // and the kernel all others of its PID namespace
	}()
	return exitCode(cmd.Wait())
}

// initialize is the first process of the machine.
func initialize() (int, error) {
	// Namespaces are a thread's, and the tests are started by this one.
	runtime.LockOSThread()
	dir := os.Getenv(machineEnv)
	if err := enterCgroups(); err != nil {
		return 0, err
	}
	if err := mountMachine(dir); err != nil {
		return 0, err
	}
	if err := raiseLoopback(); err != nil {
		return 0, err
	}
	cmd := stage(stageTests, nil)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("waiting for the tests: %w", err)
		case pid == cmd.Process.Pid && status.Signaled():
			return 0, fmt.Errorf("the tests were ended by a signal: %v", status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus(), nil
		}
	}
}

func stage(name string, env []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), stageEnv+"="+name), env...)
	return cmd
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// packages says which package of Debian has a program.
var packages = map[string]string{
	"busybox": "busybox-static", "conmon": "conmon", "containerd": "containerd", "containerd-shim-runc-v2": "containerd",
	"ctr": "containerd", "crun": "crun", "dockerd": "docker.io", "iptables": "iptables", "iptables-save": "iptables",
	"newuidmap": "uidmap", "podman": "podman", "runc": "runc", "slirp4netns": "slirp4netns",
}

// check says what the machine lacks.
func check(programs []string) error {
	var missing []error
	if uid := os.Geteuid(); uid != 0 {
		missing = append(missing, fmt.Errorf("not root: the effective user id is %d", uid))
	}
	var install []string
	for _, p := range append([]string{"bash", "busybox", "iptables-save"}, programs...) {
		if _, err := exec.LookPath(p); err != nil {
			missing = append(missing, err)
			if packages[p] != "" {
				install = append(install, packages[p])
			}
		}
	}
	if install != nil {
		missing = append(missing, fmt.Errorf("on Debian: apt-get install --no-install-recommends %s", strings.Join(install, " ")))
	}
	return errors.Join(missing...)
}

// moduleRoot is the root of the repository, above the package's directory.
func moduleRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; dir != "/"; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/directfs/runsc\n") {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no go.mod of the root module above %s", wd)
}
