package overlaymount

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name       string
		options    []string
		want       Mount
		attributes []string
	}{
		{name: "nothing"},
		{
			name:    "three directories",
			options: []string{"lowerdir=/a", "upperdir=/u", "workdir=/w"},
			want:    Mount{Lower: []string{"/a"}, Upper: "/u", Work: "/w"},
		},
		{
			name:    "one element holds several options",
			options: []string{"lowerdir=/a:/b,upperdir=/u,workdir=/w,index=off"},
			want:    Mount{Lower: []string{"/a", "/b"}, Upper: "/u", Work: "/w", Options: []Option{{"index", "off", true}}},
		},
		{
			name:       "attributes are whole elements",
			options:    []string{"ro", "lowerdir=/a:/b", "nosuid", "rprivate", "rro"},
			want:       Mount{Lower: []string{"/a", "/b"}},
			attributes: []string{"ro", "nosuid", "rprivate", "rro"},
		},
		{
			name:       "the kernel reads some words among the options, and no value of them",
			options:    []string{"lowerdir=/a:/b,ro,sync=no"},
			want:       Mount{Lower: []string{"/a", "/b"}},
			attributes: []string{"ro", "sync"},
		},
		{
			name:    "escapes in a list",
			options: []string{`lowerdir=/a\:b:/c\,d:/e\\f:/g\h`},
			want:    Mount{Lower: []string{"/a:b", "/c,d", `/e\f`, "/gh"}},
		},
		{
			name:    "escapes in upper and work",
			options: []string{`upperdir=/u\,v:w`, `workdir=/w\\\,x\:`},
			want:    Mount{Upper: "/u,v:w", Work: `/w\,x:`},
		},
		{
			name:    "no escapes in lowerdir+",
			options: []string{`lowerdir+=/a\,b:c\\`, `lowerdir+=/d\`},
			want:    Mount{Lower: []string{`/a\,b:c\\`, `/d\`}},
		},
		{
			name:    "an element that ends in a backslash takes the next",
			options: []string{`lowerdir=/a\`, "index=on"},
			want:    Mount{Lower: []string{"/a,index=on"}},
		},
		{
			name:    "a backslash at the very end",
			options: []string{`upperdir=/u\`},
			want:    Mount{Upper: "/u"},
		},
		{
			name:    "data-only layers",
			options: []string{"lowerdir=/a:/b::/c::/d", `metacopy=on`},
			want:    Mount{Lower: []string{"/a", "/b"}, Data: []string{"/c", "/d"}, Options: []Option{{"metacopy", "on", true}}},
		},
		{
			name:    "layers one by one",
			options: []string{"lowerdir+=/a", "lowerdir+=/b", "datadir+=/c"},
			want:    Mount{Lower: []string{"/a", "/b"}, Data: []string{"/c"}},
		},
		{
			name:    "a list replaces what was before it",
			options: []string{"lowerdir+=/a", "datadir+=/b", "lowerdir=/c", "upperdir=/u", "upperdir=/v"},
			want:    Mount{Lower: []string{"/c"}, Upper: "/v"},
		},
		{
			name:    "an empty list begins again",
			options: []string{"lowerdir=/a", "lowerdir=", "lowerdir+=/b"},
			want:    Mount{Lower: []string{"/b"}},
		},
		{
			name:    "unknown options, flags, empty and nameless ones",
			options: []string{"", "xuserattrs,,=x", `odd=a\,b\`},
			want:    Mount{Options: []Option{{Key: "xuserattrs"}, {"odd", `a\,b\`, true}}},
		},
		{
			name:    "spaces and other alphabets",
			options: []string{"lowerdir=/a b:/ä\xff"},
			want:    Mount{Lower: []string{"/a b", "/ä\xff"}},
		},
		{
			name:    "the longest path",
			options: []string{"upperdir=/" + strings.Repeat("p", 4094)},
			want:    Mount{Upper: "/" + strings.Repeat("p", 4094)},
		},
		{
			name:    "500 layers",
			options: lowers(500),
			want:    Mount{Lower: strings.Split(strings.TrimSuffix(strings.Repeat("/l:", 500), ":"), ":")},
		},
		{
			name:    "500 layers in a list",
			options: []string{"lowerdir=/l" + strings.Repeat(":/l", 499)},
			want:    Mount{Lower: strings.Split(strings.TrimSuffix(strings.Repeat("/l:", 500), ":"), ":")},
		},
		{
			name:    "64 KiB less one",
			options: []string{"a=" + strings.Repeat("x", 64<<10-3)},
			want:    Mount{Options: []Option{{"a", strings.Repeat("x", 64<<10-3), true}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, attributes, err := Parse(c.options)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m, c.want) {
				t.Errorf("mount:\n%+v, want\n%+v", m, c.want)
			}
			if !slices.Equal(attributes, c.attributes) {
				t.Errorf("attributes %q, want %q", attributes, c.attributes)
			}
		})
	}
}

// TestAttributes has what runc counts among the mount options ("runc features"),
// less what makes a bind mount and what is for a tmpfs.
func TestAttributes(t *testing.T) {
	all := strings.Fields(`
		async atime defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime
		noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rdev
		rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid
		rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw
		shared silent slave strictatime suid symfollow sync unbindable
	`)
	m, attributes, err := Parse(all)
	if err != nil || len(m.Options) > 0 || !slices.Equal(attributes, all) {
		t.Errorf("%q, %q, %v", m.Options, attributes, err)
	}
	if len(all) != len(attributeWords) {
		t.Errorf("%d words, %d are known", len(all), len(attributeWords))
	}
}

func lowers(n int) (all []string) {
	for range n {
		all = append(all, "lowerdir+=/l")
	}
	return all
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
		want    []Code
	}{
		{"NUL", []string{"lowerdir=/a\x00b", "index=o\x00ff"}, []Code{CodeNUL, CodeNUL}},
		{"64 KiB", []string{"a=" + strings.Repeat("x", 64<<10-2)}, []Code{CodeTooLong}},
		{"64 KiB of elements", []string{strings.Repeat("x", 32<<10), strings.Repeat("x", 32<<10-1)}, []Code{CodeTooLong}},
		{"long path", []string{"workdir=/" + strings.Repeat("p", 4095)}, []Code{CodeTooLong}},
		{"501 in a list", []string{"lowerdir=/l" + strings.Repeat(":/l", 500)}, []Code{CodeTooManyLower}},
		{"501 with data", []string{"lowerdir=/l" + strings.Repeat(":/l", 499) + "::/d"}, []Code{CodeTooManyLower}},
		{"501 one by one", lowers(501), []Code{CodeTooManyLower}},
		{"502 one by one", lowers(502), []Code{CodeTooManyLower}},
		{"relative", []string{"lowerdir=a:/b:../c", "upperdir=u", "workdir=./w"}, []Code{CodeRelative, CodeRelative, CodeRelative, CodeRelative}},
		{"relative one by one", []string{"lowerdir+=a", "datadir+=b"}, []Code{CodeRelative, CodeRelative}},
		{"empty", []string{"upperdir=", "workdir", "lowerdir", "lowerdir+=", "datadir+"}, []Code{CodeEmptyLayer, CodeEmptyLayer, CodeEmptyLayer, CodeEmptyLayer, CodeEmptyLayer}},
		{"a backslash is no name", []string{`lowerdir=/a:\`}, []Code{CodeColons}},
		{"a backslash alone", []string{`lowerdir=\`}, []Code{CodeEmptyLayer}},
		{"leading colon", []string{"lowerdir=:/a"}, []Code{CodeColons}},
		{"leading colons", []string{"lowerdir=::/a"}, []Code{CodeColons}},
		{"trailing colon", []string{"lowerdir=/a:"}, []Code{CodeColons}},
		{"trailing colons", []string{"lowerdir=/a::"}, []Code{CodeColons}},
		{"three colons", []string{"lowerdir=/a:::/b"}, []Code{CodeColons}},
		{"layer below data", []string{"lowerdir=/a::/b:/c"}, []Code{CodeDataOrder}},
		{"layer below data, one by one", []string{"datadir+=/a", "lowerdir+=/b"}, []Code{CodeDataOrder}},
		{"both spellings", []string{"lowerdir=/a", "lowerdir+=/b", "datadir+=/c"}, []Code{CodeMixedLower, CodeMixedLower}},
		{"flag of a mount among options", []string{"lowerdir=/a,nosuid"}, []Code{CodeAttribute}},
		{"bind", []string{"bind", "rbind,index=on"}, []Code{CodeAttribute, CodeAttribute}},
		{"all at once", []string{"lowerdir=a:", "upperdir=u", "workdir="}, []Code{CodeColons, CodeRelative, CodeEmptyLayer}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, attributes, err := Parse(c.options)
			if got := codes(err); !slices.Equal(got, c.want) {
				t.Errorf("codes %q, want %q: %v", got, c.want, err)
			}
			if !reflect.DeepEqual(m, Mount{}) || attributes != nil {
				t.Errorf("results with an error: %+v, %q", m, attributes)
			}
		})
	}
}

// codes are the codes of an error of Parse, which must be findings that say what
// to do.
func codes(err error) (all []Code) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		var f *Finding
		if !errors.As(e, &f) || f.Fix == "" || f.Problem == "" {
			all = append(all, Code(fmt.Sprintf("not a finding: %v", e)))
			continue
		}
		all = append(all, f.Code)
	}
	return all
}

func TestParseNamesOptionPathAndFix(t *testing.T) {
	for option, want := range map[string]string{
		"lowerdir=/a:b:/c": `overlay option lowerdir "b": is relative to nothing that is certain: write an absolute path, and \: for a colon that belongs to one`,
		"upperdir=up/here": `overlay option upperdir "up/here": is relative to nothing that is certain: write an absolute path`,
		"rbind":            `overlay option rbind: makes a bind mount of any mount: remove it, or write type bind`,
		"odd,rbind":        `overlay option rbind: reaches the file system, which does not know it, because a comma joins it to another option: write it as an element of its own`,
		"lowerdir=/a:":     `overlay option lowerdir "/a:": ends with a colon: write \: for a colon that belongs to a name`,
	} {
		if _, _, err := Parse([]string{option}); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
