package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// goferHint lets a gofer serve what has the source.
func goferHint(name, source, gofer string) harness.Option {
	return func(b *harness.Bundle) error {
		prefix := "dev.gvisor.spec.mount." + name
		b.Spec.Annotations[prefix+".source"] = source
		b.Spec.Annotations[prefix+".gofer"] = gofer
		return nil
	}
}

// withVolume makes a stack whose uppermost lower layer is a volume. Its source is
// only a name: the volume's directory has another one.
func (l *volumeLab) withVolume(t *testing.T) (stack, harness.Option) {
	t.Helper()
	dir := filepath.Join(l.dir, "models")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	layText(t, filepath.Join(dir, "model"), "of the volume")
	layText(t, filepath.Join(dir, "sub/part"), "of the volume")
	s := newStack(t, l.Lab, "s", 1)
	layText(t, filepath.Join(s.lowers[0], "model"), "hidden")
	s.lowers = []string{"/models", s.lowers[0]}
	return s, goferHint("models", "/models", l.backend+"/host-models")
}

// A volume is a lower layer of the sentry's overlay: its files are seen, copied up
// and deleted, and stay what they are.
func TestOverlaySentryVolume(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		s, hint := l.withVolume(t)
		c := l.Serve(t, l.Bundle(t, hint, s.at("/ov", bySentry), harness.Args("serve", "/ov")))
		checkOpsInside(t, readReport(t, c))
		if got := names(t, c, "/ov"); got != `["file","in-lower0","kept","model","sub"]` {
			t.Errorf("the overlay has %s", got)
		}
		if got := execGuest(t, c, "cat", "/ov/model"); got != "of the volume" {
			t.Errorf("the file has %q", got)
		}
		execGuest(t, c, "write", "/ov/model", "changed")
		execGuest(t, c, "try", "unlink", "/ov/sub/part")
		if got := execGuest(t, c, "cat", "/ov/model"); got != "changed\n" {
			t.Errorf("the changed file has %q", got)
		}
		volume := filepath.Join(l.dir, "models")
		if got := readFile(t, volume+"/model") + readFile(t, volume+"/sub/part") + readFile(t, s.upper+"/model"); got != "of the volumeof the volumechanged\n" {
			t.Errorf("the layers have %q", got)
		}
		checkVerify(t, l.Lab, c)
		stop(t, l.Lab, c)
		stack{upper: s.upper, work: s.work}.checkUnlocked(t)
	}, flag(true))
}

// The kernel's overlay cannot have a volume: the host's driver is refused, by the
// name of the other one, and auto takes that and says so.
func TestOverlayVolumeDrivers(t *testing.T) {
	servedBoth(t, func(t *testing.T, l *volumeLab) {
		s, hint := l.withVolume(t)
		id := l.ID()
		_, err := l.Create(harness.Context(t), id, l.Bundle(t, hint, s.at("/ov", byDriver("host")), harness.Args("serve")))
		if err == nil || !strings.Contains(err.Error(), `"/models": is served by volume `+l.backend+"/host-models") || !strings.Contains(err.Error(), "gvisor.overlay=sentry") {
			t.Errorf("the host's driver: %v", err)
		}
		l.CheckGone(t, id)
		b := l.Bundle(t, hint, s.at("/ov", byDriver("auto")), harness.Args("serve"))
		for _, args := range [][]string{{"policy", "explain"}, {"policy", "check"}} {
			if out := command(t, l.Runtime, append(args, "--bundle="+b.Dir)...); !strings.Contains(out, "is the sentry's overlay, because the host's cannot mount its layers: volume") {
				t.Errorf("%q: %s", args, out)
			}
		}
		c := l.Serve(t, b)
		readReport(t, c)
		execGuest(t, c, "ops", "/ov")
		stop(t, l.Lab, c)
	}, flag(true))
}
