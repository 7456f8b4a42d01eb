package docker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/internal/clients/lab"
	"github.com/directfs/runsc/runsc/internal/clients/suite"
)

// client is Debian's: another one may come first in PATH.
const client = "/usr/bin/docker"

// daemon is a dockerd of its own, with private roots and a private socket, and
// without a network.
type daemon struct {
	*lab.Lab
	config map[string]any
	cmd    *exec.Cmd
}

// runtimes are the runtime under test with flags, by name.
var runtimes = map[string][]string{
	"runsc":       nil,
	"runsc-off":   {"--directfs=false"},
	"runsc-plain": {"--overlay2=none"},
	"runsc-wrong": {"--directfs-hints=some"},
}

// start starts a dockerd. The configuration is added to its own, in JSON.
func start(tb testing.TB, config string) *daemon {
	tb.Helper()
	l := lab.New(tb)
	// What docker keeps and never removes: its data root, and programs of its own.
	d := &daemon{Lab: l, config: map[string]any{
		"data-root": l.Path("data"), "exec-root": l.Path("exec"), "pidfile": l.Path("docker.pid"),
		"hosts": []string{"unix://" + l.Path("docker.sock")}, "bridge": "none", "iptables": false, "ip6tables": false,
	}}
	if config != "" {
		if err := json.Unmarshal([]byte(config), &d.config); err != nil {
			tb.Fatal(err)
		}
	}
	all := map[string]any{}
	for name, flags := range runtimes {
		all[name] = map[string]any{"path": l.Runsc, "runtimeArgs": flags}
	}
	d.config["runtimes"] = all
	text, err := json.Marshal(d.config)
	if err != nil {
		tb.Fatal(err)
	}
	l.Write(string(text), "daemon.json")
	d.begin(tb)
	tb.Cleanup(func() { d.end(tb, syscall.SIGTERM) })
	e := d.bare()
	e.Do(tb, "load", "-q", "-i", l.Image(tb, l.Rootfs(tb, "rootfs")))
	// Now all is there that docker and the runtime make once.
	if r := e.Run("true"); r.Code != 0 {
		tb.Fatalf("%+v\n%s", r, d.log())
	}
	return d
}

// begin starts the process and waits until it answers.
func (d *daemon) begin(tb testing.TB) {
	tb.Helper()
	log, err := os.OpenFile(d.Path("dockerd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	// It outlives the context of a test: end ends it.
	d.cmd = exec.Command("dockerd", "--config-file", d.Path("daemon.json"))
	d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = d.Env(), log, log
	if err := d.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	lab.Eventually(tb, "dockerd", func() error {
		if r := d.bare().Ask("version"); r.Code != 0 {
			return fmt.Errorf("%+v\n%s", r, d.log())
		}
		return nil
	})
}

// end ends the process with the signal.
func (d *daemon) end(tb testing.TB, signal syscall.Signal) {
	tb.Helper()
	if err := d.cmd.Process.Signal(signal); err != nil {
		tb.Error(err)
	}
	_ = d.cmd.Wait() // its status says how
}

func (d *daemon) log() string {
	text, _ := os.ReadFile(d.Path("dockerd.log"))
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

func (d *daemon) bare() *suite.Engine { return d.engine(nil, "runsc") }

// engine is a client with one of the runtimes.
func (d *daemon) engine(_ testing.TB, runtime string) *suite.Engine {
	return &suite.Engine{
		Lab: d.Lab, Client: []string{client, "--host", "unix://" + d.Path("docker.sock")}, Runtime: []string{"--runtime=" + runtime},
		StateRoot: filepath.Join(d.Path("exec"), "runtime-runc", "moby"), Elsewhere: true, Keeper: "containerd-shim-runc-v2",
		NoSuchCommand: 127, Remove: []string{"rm", "-f"},
	}
}
