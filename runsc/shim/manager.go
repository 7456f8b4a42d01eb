package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	containerd "github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/sys"
	"gvisor.dev/gvisor/pkg/shim/v1/runsc"
	"gvisor.dev/gvisor/pkg/shim/v1/utils"
	"gvisor.dev/gvisor/runsc/specutils"
)

const (
	// addressFile, in the bundle, is where a shim finds the socket that it
	// removes when it ends (pkg/shim/v1/service.go:44).
	addressFile = "address"

	// oomScore keeps the kernel from choosing the shim when memory is short, as
	// gVisor's shim has it (pkg/shim/v1/manager.go:43).
	oomScore = -999
)

// manager starts shims. It is gVisor's in all but that it goes on where the
// machine does not let it lower the out-of-memory score: without
// CAP_SYS_RESOURCE, as in many containers that run containerd themselves.
type manager struct{ containerd.Manager }

// Start implements containerd.Manager.
func (m manager) Start(ctx context.Context, id string, opts containerd.StartOpts) (containerd.BootstrapParams, error) {
	group, err := shimGroup(id)
	if err != nil {
		return containerd.BootstrapParams{}, err
	}
	address, err := containerd.SocketAddress(ctx, opts.Address, group, opts.Debug)
	if err != nil {
		return containerd.BootstrapParams{}, err
	}
	params := containerd.BootstrapParams{Version: 2, Address: address, Protocol: "ttrpc"}
	socket, err := listen(address)
	if err != nil {
		return containerd.BootstrapParams{}, fmt.Errorf("socket of the shim: %w", err)
	}
	if err := os.WriteFile(addressFile, []byte(address), 0o644); err != nil {
		return containerd.BootstrapParams{}, errors.Join(err, drop(socket, address))
	}
	if socket == nil {
		return params, nil // a shim serves the group already
	}
	if err := m.spawn(ctx, id, opts, socket); err != nil {
		return containerd.BootstrapParams{}, errors.Join(err, drop(socket, address))
	}
	return params, nil
}

// shimGroup names the containers that share a shim: those of one pod, where the
// shim's configuration says grouping.
func shimGroup(id string) (string, error) {
	if !runsc.GetRuntimeOptions().Grouping {
		return id, nil
	}
	spec, err := utils.ReadSpec(".")
	if err != nil {
		return "", fmt.Errorf("bundle: %w", err)
	}
	if sandbox, ok := specutils.SandboxID(spec); ok {
		return sandbox, nil
	}
	return id, nil
}

// listen returns nil if somebody answers at the address.
func listen(address string) (*net.UnixListener, error) {
	l, err := containerd.NewSocket(address)
	if err == nil || !containerd.SocketEaddrinuse(err) {
		return l, err
	}
	if containerd.CanConnect(address) {
		return nil, nil
	}
	if err := containerd.RemoveSocket(address); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return containerd.NewSocket(address)
}

func drop(l *net.UnixListener, address string) error {
	if l == nil {
		return nil
	}
	err := containerd.RemoveSocket(address)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(l.Close(), err)
}

// spawn starts the process that serves the socket, which outlives this one.
func (m manager) spawn(ctx context.Context, id string, opts containerd.StartOpts, l *net.UnixListener) error {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	socket, err := l.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	cmd := exec.Command(self, "-namespace", ns, "-address", opts.Address, "-id", id)
	if opts.Debug {
		cmd.Args = append(cmd.Args, "-debug")
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	cmd.ExtraFiles = []*os.File{socket} // containerd's package serves FD 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = errors.Join(lowerOOMScore(cmd.Process.Pid), containerd.WritePidFile("shim.pid", cmd.Process.Pid))
	if err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return cmd.Process.Release()
}

// lowerOOMScore leaves the score where only CAP_SYS_RESOURCE would permit it.
func lowerOOMScore(pid int) error {
	err := sys.SetOOMScore(pid, oomScore)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
