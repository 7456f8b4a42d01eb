package inspect

import (
	"maps"
	"slices"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func TestOptions(t *testing.T) {
	const text = `rw,lowerdir=/a\134:b:/c\040d::/e,upperdir=/u\134\054v,workdir=w,userxattr`
	got := map[string]string{}
	maps.Insert(got, options(text))
	want := map[string]string{"rw": "", "lowerdir": `/a\:b:/c d::/e`, "upperdir": `/u\,v`, "workdir": "w", "userxattr": ""}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := unescapeLayer(got["upperdir"]); got != "/u,v" {
		t.Errorf("upper layer: %q", got)
	}
}

func TestUnescapeTable(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "/a": "/a", `\054`: ",", `a\040b`: "a b", `\134\134`: `\\`, `\`: `\`, `\05`: `\05`, `\400`: `\400`, `\089`: `\089`, `\377`: "\xff",
	} {
		if got := unescapeTable(in); got != want {
			t.Errorf("unescapeTable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLowers(t *testing.T) {
	for in, want := range map[string][]string{
		"ro":                              nil,
		"lowerdir=/a":                     {"/a"},
		"lowerdir=/a:/b::/data":           {"/a", "/b", "/data"},
		`lowerdir=/a\134:b:/c\134\134`:    {"/a:b", `/c\`},
		`lowerdir=/a\134`:                 {`/a\`},
		"lowerdir+=/a:b,lowerdir+=/c":     {"/a:b", "/c"},
		`lowerdir+=/a\134:b,datadir+=/d`:  {`/a\:b`, "/d"},
		"lowerdir=l/ABC:l/DEF,upperdir=u": {"l/ABC", "l/DEF"},
	} {
		if got := lowers(&mountinfo.Info{VFSOptions: in}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestResolvable(t *testing.T) {
	for name, want := range map[string]bool{"/a": true, "a": false, "": false, "/proc/self/fd/3": false, "//proc/7/root/a": false, "/process": true} {
		if resolvable(name) != want {
			t.Errorf("resolvable(%q) = %v", name, !want)
		}
	}
}

func TestParseLock(t *testing.T) {
	for line, want := range map[string]bool{
		"1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF":    true,
		"1: -> FLOCK  ADVISORY  WRITE 4712 fe:00:1234 0 EOF": false,
		"2: POSIX  ADVISORY  WRITE 4711 fe:00:1234 0 EOF":    false,
		"3: OFDLCK ADVISORY  READ  -1 fe:00:1234 0 EOF":      false,
		"4: FLOCK  ADVISORY  WRITE 4711 <none>:0 0 EOF":      false,
		"": false,
	} {
		at, pid, ok := parseLock(line)
		if ok != want || ok && (at != lockedFile{0xfe, 0, 1234} || pid != 4711) {
			t.Errorf("%q: %v %d %v", line, at, pid, ok)
		}
	}
}
