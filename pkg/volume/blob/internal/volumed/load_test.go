package volumed

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/volumed/settings"
)

func load(t *testing.T, args ...string) (settings.Settings, error) {
	t.Helper()
	var c serve
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	c.SetFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c.settings()
}

// A flag counts more than the file.
func TestFlagsOverFile(t *testing.T) {
	t.Setenv(settingsVariable, "")
	config := writeConfig(t, t.TempDir(), `{"socket": "/run/a.sock", "metrics": "127.0.0.1:1", "state-dir": "/srv/a",
		"volumes": {"a": {"url": "mem://"}}}`)
	s, err := load(t, "--config", config, "--socket", "b.sock", "--volume", "b=mem://")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Settings{Socket: filepath.Join(dir, "b.sock"), StateDir: "/srv/a", Metrics: "127.0.0.1:1", Memory: defaultMemory,
		Volumes: map[string]settings.Volume{"a": {URL: "mem://"}, "b": {URL: "mem://"}}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

func TestMemoryOfVolumes(t *testing.T) {
	t.Setenv(settingsVariable, "")
	config := writeConfig(t, t.TempDir(), `{"socket": "/run/a.sock", "volumes": {"a": {"url": "mem://", "memory-size": "1GiB"}}}`)
	if _, err := load(t, "--config", config); err == nil || !strings.Contains(err.Error(), "half of worker-memory") {
		t.Errorf("error %v", err)
	}
}

// A worker has its daemon's settings, whatever the file says by now.
func TestHanded(t *testing.T) {
	t.Setenv(settingsVariable, "")
	s := settings.Settings{Socket: "/run/a.sock", Volumes: map[string]settings.Volume{"a": {URL: "mem://", CacheSize: 1 << 20}}}
	if err := hand(s); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := handed(); ok || err != nil {
		t.Errorf("this process is no worker of itself: %v, %v", ok, err)
	}
	_, text, _ := strings.Cut(os.Getenv(settingsVariable), " ")
	t.Setenv(settingsVariable, strconv.Itoa(os.Getppid())+" "+text)
	got, err := load(t, "--config", "/nowhere")
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCheckMemory(t *testing.T) {
	for name, c := range map[string]struct {
		v    settings.Volume
		want string
	}{
		"defaults": {settings.Volume{}, ""},
		"reads":    {settings.Volume{MemorySize: 600 << 20}, "memory-size 600MiB is more than half of worker-memory, 1GiB"},
		"uploads":  {settings.Volume{PartSize: 64 << 20}, "16 requests with a part-size of 64MiB need more than half"},
		"fewer":    {settings.Volume{PartSize: 64 << 20, Requests: 4}, ""},
		"huge":     {settings.Volume{Requests: math.MaxInt}, "need more than half"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkMemory(c.v, defaultMemory)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// What no volume could be opened with is said at once, and not to each container.
func TestLoadChecksBounds(t *testing.T) {
	for text, want := range map[string]string{
		`{"url":"mem://","cache-size":"1MiB"}`:                              "",
		`{"url":"mem://","cache-size":"32MiB","cache-object-size":"64MiB"}`: "volume a: invalid blob volume configuration: an object of up to",
		`{"url":"mem://","memory-size":"4KiB"}`:                             "ranged reads need",
	} {
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, []byte(`{"socket":"/s","volumes":{"a":`+text+`}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := (&source{file: file}).load()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
