package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
	"github.com/directfs/runsc/runsc/harness"
)

// What no volume can be is an error that names the mount and the reason.
func TestRefusedPlaces(t *testing.T) {
	l := newLab(t)
	for destination, want := range map[string]string{
		"/dev":     `mount "/dev": the sandbox makes this directory itself`,
		"/dev/pts": `mount "/dev/pts": the sandbox makes this directory itself`,
		"/mapped":  `(mount "/mapped"): uidMappings and gidMappings of the mount have no meaning for a volume`,
	} {
		options := []harness.Option{mount(destination, "shelf")}
		if destination == "/mapped" {
			options = append(options, idmapped(destination, 1000, 1))
		}
		r, err := l.Run(harness.Context(t), l.ID(), l.Bundle(t, options...))
		check(t, err)
		if r.ExitCode == 0 || !strings.Contains(r.Stderr, want) {
			t.Errorf("%s: exit code %d: %s\nwant %s", destination, r.ExitCode, r.Stderr, want)
		}
	}
	c := l.Serve(t, l.Bundle(t, mount("/dev/volume", "shelf"), harness.Args("serve")))
	guest(t, c, "write", "/dev/volume/file", "text")
	l.expectObject(t, "file", "text\n")
	l.remove(t, c)
	l.expectClean(t)
}

// Whoever cannot have a volume hears why when the container is to be created, and
// nothing is started.
func TestRefused(t *testing.T) {
	l := newLab(t, func(l *lab) {
		shelf := l.settings.Volumes["shelf"]
		private, missing, wrong := shelf, shelf, shelf
		private.Containers = []string{"somebody-*"}
		missing.URL = strings.Replace(shelf.URL, "shelf", "no-such-bucket", 1)
		wrong.EnvFile = filepath.Join(l.dir, "wrong.env")
		check(t, os.WriteFile(wrong.EnvFile, []byte(l.store.Environ()[0]+"\nAWS_SECRET_ACCESS_KEY=wrong\n"), 0o600))
		for name, v := range map[string]settings.Volume{"private": private, "missing": missing, "wrong": wrong} {
			l.settings.Volumes[name] = v
		}
	})
	for volume, reason := range map[string]string{
		"private":  "refused: volume private is not for container ",
		"unknown":  `unknown-volume: no volume is called "unknown"`,
		"wrong":    "unavailable: volume wrong: the store refuses the credentials; the log of volumed says more",
		"missing":  "unavailable: volume missing: the bucket does not exist; the log of volumed says more",
		"readonly": "refused: the volume can only be read; make the mount read-only (mount option ro)",
	} {
		t.Run(volume, func(t *testing.T) {
			b := l.Bundle(t, mount("/v", volume))
			before, err := harness.Scope{Dir: l.Dir, IDPrefix: filepath.Base(l.Dir) + "-"}.Snapshot()
			check(t, err)
			r, err := l.Run(harness.Context(t), l.ID(), b)
			check(t, err)
			want := `(mount "/v"): backend "blob" does not serve volume "` + volume + `": volume daemon unix:` + l.settings.Socket + `: volume "` + volume + `": ` + reason
			if r.ExitCode == 0 || !strings.Contains(r.Stderr, want) {
				t.Errorf("exit code %d: %s\nwant %s", r.ExitCode, r.Stderr, want)
			}
			leaks, err := before.Diff(harness.Context(t))
			if err != nil || len(leaks) > 0 {
				t.Errorf("left: %q, %v", leaks, err)
			}
			if pids := l.daemon.workers(t); len(pids) > 0 {
				t.Errorf("workers were started: %v", pids)
			}
		})
	}
}
