package settings

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const full = `{
		"socket": "/run/volumed.sock", "state-dir": "/var/lib/volumed", "metrics": "127.0.0.1:9750",
		"volumes": {
			"photos": {"url": "s3://photos?region=eu-west-1", "prefix": "2026/", "read-only": true,
				"env-file": "/etc/volumed/photos.env", "containers": ["web-*"],
				"cache-size": "10GiB", "list-ttl": "5s", "file-mode": "0640", "uid": 33, "prefetch-files": -1}
		}
	}`
	s, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	v := s.Volumes["photos"]
	if v.CacheSize != 10<<30 || v.ListTTL.String() != "5s" || v.FileMode != 0o640 || v.UID != 33 || !v.ReadOnly || v.PrefetchFiles != -1 {
		t.Errorf("got %+v", v)
	}
	// A worker gets them written again.
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("%v: %s became %+v", err, text, again)
	}
}

func TestParseErrors(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"not JSON":         {"{\n\"socket\": }", "line 2: not JSON"},
		"nothing":          {"", "line 1: not JSON"},
		"a list":           {"[]", "the file: not an object"},
		"unknown key":      {`{"sockt": "/a"}`, `sockt: no such key; the nearest is "socket"`},
		"unknown deep key": {`{"volumes": {"a": {"readonly": true}}}`, `volumes.a.readonly: no such key; the nearest is "read-only"`},
		"other case":       {`{"volumes": {"a": {"URL": "mem://"}}}`, `the nearest is "url"`},
		"twice":            {`{"socket": "/a", "socket": "/b"}`, "socket: there twice"},
		"volume twice":     {`{"volumes": {"a": {"url": "mem://"}, "a": {"url": "mem://"}}}`, "volumes.a: there twice"},
		"number for size":  {`{"volumes": {"a": {"cache-size": 5}}}`, `volumes.a.cache-size: 5 is not a size, such as "64MiB"`},
		"bad size":         {`{"volumes": {"a": {"cache-size": "5GB"}}}`, `"5GB" is not a size`},
		"huge size":        {`{"volumes": {"a": {"cache-size": "9999999999TiB"}}}`, "is not a size"},
		"zero size":        {`{"volumes": {"a": {"cache-size": "0"}}}`, "is not a size"},
		"bad time":         {`{"volumes": {"a": {"list-ttl": "5"}}}`, `"5" is not a time span`},
		"bad mode":         {`{"volumes": {"a": {"file-mode": "4755"}}}`, `"4755" is not a mode`},
		"word for bool":    {`{"volumes": {"a": {"read-only": "yes"}}}`, `"yes" is not true or false`},
		"null":             {`{"volumes": {"a": {"read-only": null}}}`, "null is not true or false"},
		"null volume":      {`{"volumes": {"a": null}}`, "volumes.a: not an object"},
		"two errors":       {`{"sockt": 1, "metrics": 2}`, "metrics: 2 is not a string"},
		"too large":        {`{"socket": "` + strings.Repeat("a", maxFile) + `"}`, "more than 100 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if !reflect.DeepEqual(s, Settings{}) {
				t.Errorf("settings %+v beside an error", s)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		volume string
		v      Volume
		want   string // empty: nothing is wrong
	}{
		"good":                         {"a", Volume{URL: "mem://"}, ""},
		"name with a slash":            {"a/b", Volume{URL: "mem://"}, "a name is letters"},
		"name of dots":                 {"..", Volume{URL: "mem://"}, "a name is letters"},
		"no url":                       {"a", Volume{}, "volume a: url: no store has the scheme"},
		"prefix":                       {"a", Volume{URL: "mem://", Prefix: "x"}, "must end with a slash"},
		"prefix with dots":             {"a", Volume{URL: "mem://", Prefix: "a/../b/"}, "between slashes"},
		"prefix of dots":               {"a", Volume{URL: "mem://", Prefix: "../"}, "between slashes"},
		"relative file":                {"a", Volume{URL: "s3://b", EnvFile: "x"}, `env-file "x" is not an absolute path`},
		"wrong credentials":            {"a", Volume{URL: "s3://b", GCSKeyFile: "/x"}, "gcs-key-file is not for s3"},
		"nobody":                       {"a", Volume{URL: "mem://", Containers: []string{}}, "nobody could have"},
		"bad pattern":                  {"a", Volume{URL: "mem://", Sandboxes: []string{"[x"}}, `"[x" is not a pattern`},
		"empty pattern":                {"a", Volume{URL: "mem://", Sandboxes: []string{""}}, "is not a pattern"},
		"small parts":                  {"a", Volume{URL: "s3://b", PartSize: 1 << 20}, "part-size 1MiB is too small; S3 needs at least 5MiB"},
		"small parts of another store": {"a", Volume{URL: "gs://b", PartSize: 1 << 20}, ""},
		"many parts":                   {"a", Volume{URL: "s3://b", StagedSize: 1 << 40}, "too many parts of part-size 8MiB"},
		"large parts":                  {"a", Volume{URL: "s3://b", StagedSize: 1 << 40, PartSize: 128 << 20}, ""},
		"negative":                     {"a", Volume{URL: "mem://", Requests: -1}, "requests -1 is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Settings{Volumes: map[string]Volume{tt.volume: tt.v}}.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if err := (Settings{}).Check(); err == nil || !strings.Contains(err.Error(), "no volume") {
		t.Errorf("without volumes: %v", err)
	}
}

func TestAdmits(t *testing.T) {
	for name, tt := range map[string]struct {
		v    Volume
		want bool
	}{
		"all":           {Volume{}, true},
		"container":     {Volume{Containers: []string{"db", "web-*"}}, true},
		"other":         {Volume{Containers: []string{"db"}}, false},
		"sandbox":       {Volume{Sandboxes: []string{"pod"}}, true},
		"other sandbox": {Volume{Containers: []string{"*"}, Sandboxes: []string{"pod2"}}, false},
		"bad pattern":   {Volume{Containers: []string{"[web-1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.v.Admits("web-1", "pod"); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestVolumeFlag(t *testing.T) {
	f := VolumeFlag{}
	for _, text := range []string{"a=mem://", "b=s3://b?region=r,read-only,prefix=x/"} {
		if err := f.Set(text); err != nil {
			t.Fatal(err)
		}
	}
	want := VolumeFlag{"a": {URL: "mem://"}, "b": {URL: "s3://b?region=r", ReadOnly: true, Prefix: "x/"}}
	if !maps.EqualFunc(f, want, func(a, b Volume) bool { return reflect.DeepEqual(a, b) }) {
		t.Errorf("got %+v", f)
	}
	for _, text := range []string{"a=mem://", "mem://", "=mem://", "c=mem://,readonly", "c=mem://,"} {
		if err := f.Set(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	s := Settings{Volumes: map[string]Volume{"a": {}}}
	if err := s.Merge(f); err == nil || !strings.Contains(err.Error(), "volume a") {
		t.Errorf("merging twice: %v", err)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	if _, err := Read(path); err == nil {
		t.Error("no error without a file")
	}
	if err := os.WriteFile(path, []byte(`{"sockt": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("error %v does not begin with the file", err)
	}
}

// Every key has a text for the documentation, and no two look the same.
func TestKeys(t *testing.T) {
	for _, of := range []reflect.Type{reflect.TypeFor[Settings](), reflect.TypeFor[Volume]()} {
		var seen []string
		for i := range of.NumField() {
			f := of.Field(i)
			if Key(f) == "" || f.Tag.Get("doc") == "" || slices.Contains(seen, Key(f)) {
				t.Errorf("%s.%s: key %q, text %q", of, f.Name, Key(f), f.Tag.Get("doc"))
			}
			seen = append(seen, Key(f))
		}
	}
}
