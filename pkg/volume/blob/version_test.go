package blob

import (
	"testing"
	"time"
)

func TestSameVersion(t *testing.T) {
	at := func(ns int64) time.Time { return time.Unix(1000, ns) }
	for name, c := range map[string]struct {
		a, b version
		want bool
	}{
		"equal":                      {version{size: 1, mod: at(5)}, version{size: 1, mod: at(5)}, true},
		"size":                       {version{size: 1, mod: at(5)}, version{size: 2, mod: at(5)}, false},
		"time":                       {version{mod: at(5)}, version{mod: at(6)}, false},
		"seconds and finer":          {version{mod: at(0)}, version{mod: at(600_000_001)}, true},
		"seconds and milliseconds":   {version{mod: at(0)}, version{mod: at(7_000_000)}, true},
		"another second":             {version{mod: at(0)}, version{mod: time.Unix(1001, 0)}, false},
		"ETag decides":               {version{mod: at(5), etag: "x"}, version{mod: at(6), etag: "x"}, true},
		"another ETag":               {version{mod: at(5), etag: "x"}, version{mod: at(5), etag: "y"}, false},
		"ETag known on one side":     {version{mod: at(5), etag: "x"}, version{mod: at(5)}, true},
		"another MD5":                {version{mod: at(5), md5: []byte("x")}, version{mod: at(5), md5: []byte("y")}, false},
		"MD5 known on one side only": {version{mod: at(5), md5: []byte("x")}, version{mod: at(5)}, true},
	} {
		if c.a.same(c.b) != c.want || c.b.same(c.a) != c.want {
			t.Errorf("%s: not %v", name, c.want)
		}
	}
}
