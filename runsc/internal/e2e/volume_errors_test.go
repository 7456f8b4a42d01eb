package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Whoever asks for a volume that he cannot have hears why, and nothing is
// started.
func TestVolumesRefused(t *testing.T) {
	l := newDaemonLab(t)
	const fix = "; make the backend serve it, name another volume, or remove the hint"
	daemon := func(text string) string {
		return "volume daemon unix:" + l.daemon.socket + ": " + text
	}
	for name, c := range map[string]struct {
		option, message string
	}{
		"unknown volume":          {"gofer=daemon/nothing-x", `backend "daemon" does not serve volume "nothing-x": ` + daemon(`volume "nothing-x": unknown-volume: no volume "nothing-x": file does not exist`) + fix},
		"volume of somebody else": {"gofer=daemon/private-x", `backend "daemon" does not serve volume "private-x": ` + daemon(`volume "private-x": refused: volume "private-x" is not for container "`)},
		"unregistered backend":    {"gofer=other/x", `unknown gofer; allowed: daemon/<VOLUME>, default; register the backend with the runtime, by --volume-daemon=NAME=unix:PATH, or remove the hint`},
		"path":                    {"gofer=daemon//etc", `invalid value`},
		"URL":                     {"gofer=https://example.com/x", `invalid value`},
		"read-only volume":        {"gofer=daemon/readonly-v", daemon(`volume "readonly-v": refused: the volume can only be read; make the mount read-only (mount option ro)`)},
	} {
		t.Run(name, func(t *testing.T) {
			b := l.Bundle(t, l.mount(t, "/v", "host", "v"), withOption("/v", c.option))
			checkRefusedFor(t, l.Lab, l.Runtime, c.message, b)
		})
	}
	t.Run("directfs of what cannot donate", func(t *testing.T) {
		b := l.Bundle(t, l.mount(t, "/v", "host", "v", "directfs=on"))
		checkRefusedFor(t, l.Lab, l.Runtime, `mount option directfs="on" (mount "/v"): backend cannot donate a root FD; allowed: off, false, default; `+
			`remove the hint: backend "daemon/host-v" serves this mount over LisaFS only`, b)
	})
}

// withOption puts an option in the place of a mount's first one.
func withOption(destination, option string) harness.Option {
	return func(b *harness.Bundle) error {
		for i, m := range b.Spec.Mounts {
			if m.Destination == destination {
				b.Spec.Mounts[i].Options = append([]string{option}, m.Options[1:]...)
			}
		}
		return nil
	}
}

// checkRefusedFor expects create, run and check to refuse the bundle with the
// message in what they say, and nothing to be left of it.
func checkRefusedFor(t *testing.T, lab *harness.Lab, r *harness.Runtime, message string, b *harness.Bundle) {
	t.Helper()
	before, err := (harness.Scope{Dir: lab.Dir, IDPrefix: filepath.Base(lab.Dir) + "-"}).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"create", "--bundle=" + b.Dir, lab.ID()}, {"run", "--bundle=" + b.Dir, lab.ID()}, {"policy", "check", "--bundle=" + b.Dir}} {
		res, err := r.Command(harness.Context(t), args...)
		if err != nil {
			t.Fatal(err)
		}
		if res.ExitCode == 0 || !strings.Contains(res.Stderr, message) {
			t.Errorf("%q: exit code %d: %s\nwant %s", args, res.ExitCode, res.Stderr, message)
		}
	}
	leaks, err := before.Diff(harness.Context(t))
	if err != nil || len(leaks) > 0 {
		t.Errorf("left by refused commands: %q, %v", leaks, err)
	}
}

// A socket at which no daemon of this user listens is not used.
func TestVolumeSocketsRefused(t *testing.T) {
	l := newDaemonLab(t)
	b := l.Bundle(t, l.mount(t, "/v", "host", "v"))
	for name, c := range map[string]struct {
		make    func(t *testing.T, path string)
		message string
	}{
		"nothing":        {func(*testing.T, string) {}, "unavailable"},
		"a link":         {func(t *testing.T, path string) { check(t, os.Symlink(l.daemon.socket, path)) }, "untrusted"},
		"a file":         {func(t *testing.T, path string) { check(t, os.WriteFile(path, nil, 0o600)) }, "untrusted"},
		"of another":     {func(t *testing.T, path string) { listen(t, path); check(t, os.Chown(path, 1234, 1234)) }, "untrusted"},
		"for everybody":  {func(t *testing.T, path string) { listen(t, path); check(t, os.Chmod(path, 0o666)) }, "untrusted"},
		"nobody listens": {func(t *testing.T, path string) { listen(t, path).Close() }, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(filepath.Dir(l.daemon.socket), strings.ReplaceAll(name, " ", "-"))
			c.make(t, path)
			r := l.Runtime
			r.Flags = append([]string{}, r.Flags...)
			r.Flags[len(r.Flags)-1] = "--volume-daemon=daemon=unix:" + path
			checkRefusedFor(t, l.Lab, r, `backend "daemon" does not serve volume "host-v": volume daemon unix:`+path+`: volume "host-v": `+c.message, b)
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	s, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	check(t, err)
	s.SetUnlinkOnClose(false)
	check(t, os.Chmod(path, 0o600))
	t.Cleanup(func() { s.Close() })
	return s
}

// A volume that cannot be opened keeps the container from being created, with
// the reason, although the backend said nothing of it before.
func TestVolumeThatDoesNotOpen(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		b := l.Bundle(t, l.mount(t, "/v", "broken", "v"))
		id := l.ID()
		_, err := l.Create(harness.Context(t), id, b)
		if err == nil || !strings.Contains(err.Error(), `gofer process: gofer: mount "/v": gofer `+l.backend+`/broken-v: `) || !strings.Contains(err.Error(), "the store is on fire") {
			t.Errorf("created: %v", err)
		}
		l.CheckGone(t, id)
	})
}

// A container that was created when there was a daemon, and is to be started
// when there is none, says so.
func TestDaemonGoneBeforeMemberStarts(t *testing.T) {
	l := newDaemonLab(t)
	pause := servePod(t, l.Lab, l.Runtime, true, harness.PodSandbox())
	c, err := l.Create(harness.Context(t), l.ID(), l.Bundle(t, harness.PodMember(pause.ID, "app"), l.mount(t, "/v", "host", "v"), harness.Args("serve", "/v")))
	check(t, err)
	l.daemon.end(t, unix.SIGTERM)
	err = c.Start(harness.Context(t))
	if err == nil || !strings.Contains(err.Error(), `mount "/v": gofer daemon/host-v: volume daemon unix:`+l.daemon.socket+": unavailable") {
		t.Errorf("started: %v", err)
	}
	check(t, c.Delete(harness.Context(t)))
	l.CheckGone(t, c.ID)
	stop(t, l.Lab, pause)
}
