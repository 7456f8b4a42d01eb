package shimconfig_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/internal/shimconfig"
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		want map[string]string
		err  string
	}{
		"empty": {"", map[string]string{}, ""},
		"the shim's": {`# of the nodes
log_level = "debug"
binary_name = "/usr/local/bin/runsc"

[runsc_config] # options
  directfs-hints = "narrow" # of pods
  'platform' = 'systrap'
  "volume-daemon" = "blob=unix:/run/volumed.sock,b=unix:/x"
  debug-log = "/var/log/\"%ID%\"/"
[other]
  directfs = 5
`, map[string]string{"directfs-hints": "narrow", "platform": "systrap", "volume-daemon": "blob=unix:/run/volumed.sock,b=unix:/x", "debug-log": `/var/log/"%ID%"/`}, ""},
		"no string":          {"[runsc_config]\ndirectfs = false", nil, "line 2: directfs: false is no string"},
		"no end":             {"[runsc_config]\ndirectfs = 'false", nil, "no end"},
		"no end, quoted":     {"[runsc_config]\ndirectfs = \"false", nil, "no string"},
		"what follows":       {"[runsc_config]\ndirectfs = 'false' x", nil, `"x" follows`},
		"twice":              {"[runsc_config]\na = 'b'\na = 'c'", nil, "line 3: a is there twice"},
		"no pair":            {"[runsc_config]\ndirectfs", nil, "no pair"},
		"an inline table":    {"runsc_config = { directfs = 'false' }", nil, "another form"},
		"a dotted key":       {"runsc_config.directfs = 'false'", nil, "another form"},
		"several lines":      {"x = \"\"\"\n[runsc_config]\n\"\"\"", nil, "several lines"},
		"no header":          {"[runsc_config", nil, "no header"},
		"an array of tables": {"[[runsc_config]]\na = 'b'", nil, "no header"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := shimconfig.Parse(tt.in)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if err == nil && !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
