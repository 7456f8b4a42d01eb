package inspect

import (
	"maps"
	"reflect"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
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

func TestShown(t *testing.T) {
	for in, want := range map[string]overlaymount.Mount{
		"ro":                              {Options: []overlaymount.Option{{Key: "ro"}}},
		"lowerdir=/a":                     {Lower: []string{"/a"}},
		"lowerdir=/a:/b::/data::/more":    {Lower: []string{"/a", "/b"}, Data: []string{"/data", "/more"}},
		`lowerdir=/a\134:b:/c\134\134`:    {Lower: []string{"/a:b", `/c\`}},
		`lowerdir=/a\134`:                 {Lower: []string{`/a\`}},
		"lowerdir+=/a:b,lowerdir+=/c":     {Lower: []string{"/a:b", "/c"}},
		`lowerdir+=/a\134:b,datadir+=/d`:  {Lower: []string{`/a\:b`}, Data: []string{"/d"}},
		"lowerdir=l/ABC:l/DEF,upperdir=u": {Lower: []string{"l/ABC", "l/DEF"}, Upper: "u"},
		`lowerdir+=/a\054b,upperdir=/u\040v,workdir=/w\134\054,index=on,userxattr`: {
			Lower: []string{"/a,b"}, Upper: "/u v", Work: `/w\,`,
			Options: []overlaymount.Option{{Key: "index", Value: "on", HasValue: true}, {Key: "userxattr"}},
		},
	} {
		if got := Shown(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", in, got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]bool{"/a": true, "a": false, "": false, "/proc/self/fd/3": false, "//proc/7/root/a": false, "/process": true} {
		if Named(name) != want {
			t.Errorf("Named(%q) = %v", name, !want)
		}
	}
}
