// Command generate writes the compiled seccomp programs that package filters
// carries. Run it with go generate after raising the engine's version.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/directfs/runsc/runsc/internal/engine/filters"
	"github.com/directfs/runsc/runsc/internal/engine/filters/precompile"
)

func main() {
	err := run()
	if errors.Is(err, precompile.ErrNotInit) {
		err = asInit()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// asInit runs the command again as PID 1 of a namespace.
func asInit() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	return cmd.Run()
}

func run() error {
	all, err := precompile.All()
	if err != nil {
		return err
	}
	sum := filters.EngineSum()
	if sum == "" {
		return errors.New("this binary does not say which engine is in it, or the engine is a directory without a checksum: build with the module that go.mod names")
	}
	if err := os.WriteFile(filepath.Join("programs", filters.EngineFile), []byte(sum+"\n"), 0o644); err != nil {
		return err
	}
	for kind, programs := range all {
		dir := filepath.Join("programs", kind)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, p := range programs {
			b, err := filters.Encode(p)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, precompile.FileName(p)), b, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
