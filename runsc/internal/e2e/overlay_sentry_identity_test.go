package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// identityDrivers are what is compared, the first one with the others.
var identityDrivers = []string{"host", "sentry"}

func byDriver(name string) string { return "gvisor.overlay=" + name }

// someCapabilities are in sets that differ from each other.
func someCapabilities() *specs.LinuxCapabilities {
	few := capabilityNames[:6]
	return &specs.LinuxCapabilities{Bounding: few, Effective: few[:2], Permitted: few[:4], Inheritable: few[1:3], Ambient: few[1:2]}
}

// strictSpec is all that a spec says of its process.
func strictSpec(s *specs.Spec) {
	mask := uint32(0o027)
	p := s.Process
	p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 7}, Umask: &mask}
	p.Capabilities, p.NoNewPrivileges, p.Cwd = someCapabilities(), true, "/ov/made/by us"
	p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 30, Hard: 40}, {Type: "RLIMIT_FSIZE", Soft: 1 << 16, Hard: 1 << 17}, {Type: "RLIMIT_CORE", Soft: 1, Hard: 2}}
	p.Env = []string{"PATH=/nowhere:/", "GODEBUG=x", "A=b=c", "EMPTY="}
	p.Args = append([]string{"guest"}, p.Args[1:]...)
	oom := 77
	p.OOMScoreAdj = &oom
}

// A container's process is what the spec asks for, whoever makes its overlays.
func TestOverlaySentryIdentity(t *testing.T) {
	for name, edit := range map[string]func(*specs.Spec){
		"plain":           func(*specs.Spec) {},
		"strict":          strictSpec,
		"free":            func(s *specs.Spec) { strictSpec(s); s.Process.NoNewPrivileges = false },
		"no capabilities": func(s *specs.Spec) { s.Process.Capabilities = nil },
	} {
		t.Run(name, func(t *testing.T) {
			lab := newLab(t)
			var first map[string]string
			for _, driver := range identityDrivers {
				s := newStack(t, lab, driver, 2)
				got := readIdentity(t, lab, lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("identity", "", "b c"), harness.Edit(edit)))
				if first == nil {
					first = got
					continue
				}
				compareIdentities(t, got, first)
			}
		})
	}
}

// With --oci-seccomp the spec's profile would hold for the first process: that is
// refused. Without, the engine ignores it, whoever makes the overlays.
func TestOverlaySentrySeccomp(t *testing.T) {
	lab := newLab(t)
	s := newStack(t, lab, "s", 2)
	b := lab.Bundle(t, s.at("/ov", bySentry), harness.Args("ops", "/ov"), harness.Edit(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	}))
	res, err := lab.With("--oci-seccomp").Run(harness.Context(t), lab.ID(), b)
	if err != nil || res.ExitCode != 128 || !strings.Contains(res.Stderr, "run: invalid request: linux.seccomp with --oci-seccomp: ") ||
		!strings.Contains(res.Stderr, "by the option gvisor.overlay=host") {
		t.Errorf("with the flag: %+v, %v", res, err)
	}
	if res, err = lab.Run(harness.Context(t), lab.ID(), b); err != nil || res.ExitCode != 0 {
		t.Errorf("without the flag: %+v, %v", res, err)
	}
	s.checkUnlocked(t)
}

// A process that is executed in the container gets what the spec gives, or its
// flags, and nothing that the first process had.
func TestOverlaySentryExecIdentity(t *testing.T) {
	lab := newLab(t)
	var containers []*harness.Container
	for _, driver := range identityDrivers {
		s := newStack(t, lab, driver, 2)
		c := lab.Serve(t, lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("serve"), harness.Edit(strictSpec)))
		readReport(t, c)
		containers = append(containers, c)
	}
	for _, flags := range [][]string{
		nil, {"--user=7:8"}, {"--user=0"}, {"--cap=CAP_SYS_PTRACE"}, {"--cap=CAP_NET_RAW", "--user=9"},
		{"--cwd=/ov/made"}, {"--env=X=y"}, {"--additional-gids=3"},
	} {
		var all []map[string]string
		for _, c := range containers {
			out := command(t, lab.Runtime, slices.Concat([]string{"exec"}, flags, []string{c.ID, harness.GuestPath, "identity"})...)
			id := map[string]string{}
			if err := json.Unmarshal([]byte(out), &id); err != nil {
				t.Fatalf("%q: %v: %s", flags, err, out)
			}
			for _, key := range []string{"pid", "status Pid", "status Tgid", "status PPid", "status NSpid"} {
				delete(id, key)
			}
			all = append(all, id)
		}
		t.Logf("%q: effective %s, user %s", flags, all[1]["status CapEff"], all[1]["status Uid"])
		compareIdentities(t, all[1], all[0])
	}
	stop(t, lab, containers...)
}

// The process table, and /proc of the container, show the container's program.
func TestOverlaySentryProcesses(t *testing.T) {
	lab := newLab(t)
	volatile := regexp.MustCompile(`\d+ +\? +\d\d:\d\d.*?s `) // CPU, start and time
	var first string
	for _, driver := range identityDrivers {
		s := newStack(t, lab, driver, 2)
		c := lab.Serve(t, lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("serve")))
		readReport(t, c)
		got := volatile.ReplaceAllString(command(t, lab.Runtime, "ps", c.ID), "")
		got += command(t, lab.Runtime, "ps", "--format=json", c.ID)
		for _, file := range []string{"comm", "cmdline", "environ"} {
			got += fmt.Sprintf("%s: %q\n", file, execGuest(t, c, "cat", "/proc/1/"+file))
		}
		if first == "" {
			first = got
		} else if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(first), " ") {
			t.Errorf("with the sentry's driver:\n%s\nwith the host's:\n%s", got, first)
		}
		if strings.Contains(got, "runsc") || strings.Contains(got, "RUNSC") {
			t.Errorf("the runtime is shown: %s", got)
		}
		stop(t, lab, c)
	}
}

// With a terminal it is the container's, and the process leads its session.
func TestOverlaySentryTerminal(t *testing.T) {
	lab := newLab(t)
	identity := func(driver string) map[string]string {
		s := newStack(t, lab, driver, 2)
		b := lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("identity"), harness.Edit(func(s *specs.Spec) {
			strictSpec(s)
			s.Process.Terminal = true
		}))
		got := map[string]string{}
		if err := json.NewDecoder(startOnTerminal(t, lab, b)).Decode(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := identity("host")
	compareIdentities(t, identity("sentry"), want)
}
