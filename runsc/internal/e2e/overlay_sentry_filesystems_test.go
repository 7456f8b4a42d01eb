package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/harness/filesystems"
)

// onFileSystem makes a stack with an upper layer, or all lower layers, on a file
// system.
func onFileSystem(t *testing.T, lab *harness.Lab, kind filesystems.Kind, upper bool) stack {
	t.Helper()
	s := newStack(t, lab, string(kind)+fmt.Sprint(upper), 2)
	if upper {
		at := filesystems.New(t, kind, filesystems.Options{})
		s.upper, s.work = filepath.Join(at, "upper"), filepath.Join(at, "work")
		for _, dir := range []string{s.upper, s.work} {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	at := filesystems.New(t, kind, filesystems.Options{Content: filepath.Dir(s.lowers[0])})
	for i := range s.lowers {
		s.lowers[i] = filepath.Join(at, filepath.Base(s.lowers[i]))
	}
	return s
}

// What the host's driver cannot have as a layer, the sentry's can, and auto takes it
// and says why.
func TestOverlaySentryFileSystems(t *testing.T) {
	const because = "because the host's cannot mount its layers: "
	for _, c := range []struct {
		kind   filesystems.Kind
		upper  bool
		sentry string // why auto takes it; empty: it does not
	}{
		{filesystems.Ext4, true, ""},
		{filesystems.Tmpfs, true, ""},
		{filesystems.FUSE, true, because},
		{filesystems.FUSE, false, ""},
		{filesystems.Squashfs, false, ""},
		{filesystems.EROFS, false, ""},
		{filesystems.Overlay, false, ""},
	} {
		t.Run(fmt.Sprintf("%s upper %v", c.kind, c.upper), func(t *testing.T) {
			for _, directfs := range []bool{true, false} {
				t.Run(flag(directfs), func(t *testing.T) {
					lab := newLab(t, flag(directfs))
					s := onFileSystem(t, lab, c.kind, c.upper)
					if c.sentry != "" {
						_, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, s.at("/ov"), harness.Args("serve")))
						if err == nil || !strings.Contains(err.Error(), "gvisor.overlay=sentry") {
							t.Errorf("the host's driver is refused with %v", err)
						}
					}
					s.again(t).checkAuto(t, lab, c.sentry)
					args := harness.Args("serve", "/ov")
					if c.kind == filesystems.FUSE {
						args = harness.Args("serve")
					}
					b := lab.Bundle(t, s.at("/ov", bySentry), args)
					cont := lab.Serve(t, b)
					r := readReport(t, cont)
					if c.kind != filesystems.FUSE { // bindfs counts the links of a file for itself
						checkOpsInside(t, r)
					}
					changeInGuest(t, cont)
					checkVerify(t, lab, cont)
					stop(t, lab, cont)
					cont = lab.Serve(t, b)
					readReport(t, cont)
					if got := names(t, cont, "/ov"); got != `["in-lower0","in-lower1","kept","new"]` && got != `["in-lower0","in-lower1","new"]` {
						t.Errorf("the second run has %s", got)
					}
					stop(t, lab, cont)
				})
			}
		})
	}
}

// Without whiteouts, or attributes, the sentry's overlay would end its sandbox.
func TestOverlaySentryUpperRefused(t *testing.T) {
	lab := newLab(t)
	for kind, want := range map[filesystems.Kind]string{
		filesystems.Overlay: "is on an overlay, on which nobody can make whiteouts",
		filesystems.Ramfs:   "is on ramfs, which has no user.* attributes",
	} {
		s := onFileSystem(t, lab, kind, true)
		for _, driver := range []string{"host", "sentry", "auto"} {
			_, err := lab.Create(harness.Context(t), lab.ID(), lab.Bundle(t, s.at("/ov", byDriver(driver)), harness.Args("serve")))
			if err == nil || !strings.Contains(err.Error(), `upperdir "`+s.upper+`": `) || driver != "host" && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v", kind, driver, err)
			}
			s.checkUnlocked(t)
		}
	}
}

// again is the stack with another upper layer, beside the first one.
func (s stack) again(t *testing.T) stack {
	t.Helper()
	s.upper, s.work = s.upper+"2", s.work+"2"
	for _, dir := range []string{s.upper, s.work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// checkAuto expects auto to take one of the drivers, and to say so beforehand and in
// the log of create.
func (s stack) checkAuto(t *testing.T, lab *harness.Lab, sentry string) {
	t.Helper()
	logTo(t, lab)
	defer func() { lab.LogDir = "" }()
	b := lab.Bundle(t, s.at("/ov", "gvisor.overlay=auto"), harness.Args("serve"))
	explained := command(t, lab.Runtime, "policy", "explain", "--bundle="+b.Dir)
	checked := command(t, lab.Runtime, "policy", "check", "--bundle="+b.Dir)
	c := lab.Serve(t, b)
	readReport(t, c)
	created, err := lab.Log(c.ID, "create")
	if err != nil {
		t.Fatal(err)
	}
	inSentry := strings.Contains(explained, "/ov/.overlay/upper")
	if inSentry != (sentry != "") {
		t.Errorf("auto takes the sentry's driver: %v, want %q: %s", inSentry, sentry, explained)
	}
	for where, text := range map[string]string{"explain": explained, "check": checked, "the log": created} {
		if sentry != "" && !strings.Contains(text, sentry) {
			t.Errorf("%s does not say %q: %s", where, sentry, text)
		}
	}
	stop(t, lab, c)
}
