package overlaymount

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// optionText draws the text of options, awkward ones more often than others.
var optionText = rapid.Custom(func(t *rapid.T) string {
	pieces := []string{
		"lowerdir=", "lowerdir+=", "datadir+=", "upperdir=", "workdir=", "userxattr", "index=off", "ro", "nosuid", "odd", "=",
		"/", "/", "/", "a", "b", ":", "::", ",", `\`, `\\`, `\,`, `\:`, " ", "ä", "\xff", "\x00", "\t",
	}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
})

func TestParsed(t *testing.T) { rapid.Check(t, propParsed) }

// propParsed: any text is a mount or findings, never both, and a mount is written
// so that it is read again.
func propParsed(t *rapid.T) {
	parsed(t, rapid.SliceOfN(optionText, 0, 5).Draw(t, "options"))
}

type failer interface{ Fatalf(string, ...any) }

func parsed(t failer, options []string) {
	m, attributes, err := Parse(options)
	if err != nil {
		if !reflect.DeepEqual(m, Mount{}) || attributes != nil || len(codes(err)) == 0 {
			t.Fatalf("%q: %+v, %q with error %v", options, m, attributes, err)
		}
		return
	}
	for _, l := range m.Layers() {
		if !strings.HasPrefix(l.Path, "/") || strings.Contains(l.Path, "\x00") {
			t.Fatalf("%q: layer %q", options, l.Path)
		}
	}
	written := m.Strings()
	again, none, err := Parse(written)
	if err != nil && strings.Contains(err.Error(), "the options have") {
		return // Escapes may make it longer than Parse allows.
	}
	if err != nil || !reflect.DeepEqual(again, m) || none != nil {
		t.Fatalf("%q: read as\n%+v, written as %q, read again as\n%+v, %q, %v", options, m, written, again, none, err)
	}
	Check(m, Facts{}, Host)
	Check(m, Facts{}, Sentry)
}

func FuzzParsed(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propParsed)) }

// FuzzParse has its elements between newlines.
func FuzzParse(f *testing.F) {
	f.Add("lowerdir=/a:/b\nupperdir=/u\nworkdir=/w\nro")
	f.Add(`lowerdir=/a\:b\,c\\:/d::/e,index=off`)
	f.Add("lowerdir+=/a\\\\,datadir+=/b\\\nuserxattr")
	f.Fuzz(func(t *testing.T, s string) { parsed(t, strings.Split(s, "\n")) })
}

func TestRoundTrip(t *testing.T) { rapid.Check(t, propRoundTrip) }

// propRoundTrip: whatever the names of the layers, the mount is read as it was
// written.
func propRoundTrip(t *rapid.T) {
	name := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", ":", ",", `\`, " ", "=", "ä", "\n", "\xff", "/"}), 0, 6),
		func(s []string) string { return "/" + strings.Join(s, "") })
	m := Mount{
		Lower: rapid.SliceOfN(name, 1, 4).Draw(t, "lower"),
		Data:  rapid.SliceOfN(name, 0, 3).Draw(t, "data"),
		Upper: name.Draw(t, "upper"),
		Work:  name.Draw(t, "work"),
		Options: rapid.SliceOfN(rapid.SampledFrom([]Option{
			{Key: "userxattr"}, {"index", "off", true}, {"odd", "", true}, {"odd", "=", true},
		}), 0, 3).Draw(t, "options"),
	}
	again, attributes, err := Parse(m.Strings())
	if err != nil || len(attributes) > 0 {
		t.Fatalf("%q: %q, %v", m.Strings(), attributes, err)
	}
	if !slices.Equal(again.Lower, m.Lower) || !slices.Equal(again.Data, m.Data) || again.Upper != m.Upper ||
		again.Work != m.Work || !slices.Equal(again.Options, m.Options) {
		t.Fatalf("wrote\n%+v as %q, read\n%+v", m, m.Strings(), again)
	}
}

func FuzzRoundTrip(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propRoundTrip)) }

func TestNearest(t *testing.T) { rapid.Check(t, propNearest) }

// propNearest: a known name is itself, and one with a letter too many is still
// near to something.
func propNearest(t *rapid.T) {
	o := rapid.SampledFrom(knownOptions).Draw(t, "option")
	if known, ok := Nearest(o.name); !ok || known != o.name {
		t.Fatalf("%s: %q, %t", o.name, known, ok)
	}
	at := rapid.IntRange(0, len(o.name)).Draw(t, "at")
	typo := o.name[:at] + rapid.StringMatching("[a-z]").Draw(t, "letter") + o.name[at:]
	if known, ok := Nearest(typo); !ok {
		t.Fatalf("%s: %q", typo, known)
	}
}

func FuzzNearest(f *testing.F) { f.Fuzz(rapid.MakeFuzz(propNearest)) }
