package handoff

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	long := "/" + strings.Repeat("a", maxPath-1)
	for name, test := range map[string]struct {
		in, path string // no path: an error that has the text
		text     string
	}{
		"plain":           {in: "unix:/run/volumed.sock", path: "/run/volumed.sock"},
		"not clean":       {in: "unix:/run//x/./volumed.sock", path: "/run/x/volumed.sock"},
		"as URL":          {in: "unix:///run/volumed.sock", path: "/run/volumed.sock"},
		"dots in a name":  {in: "unix:/run/..a/b..", path: "/run/..a/b.."},
		"longest":         {in: "unix:" + long, path: long},
		"too long":        {in: "unix:" + long + "a", text: "107 bytes"},
		"no scheme":       {in: "/run/volumed.sock", text: "unix:/absolute/path"},
		"other scheme":    {in: "tcp:/run/volumed.sock", text: "unix:/absolute/path"},
		"relative":        {in: "unix:volumed.sock", text: "unix:/absolute/path"},
		"abstract":        {in: "unix:@volumed", text: "unix:/absolute/path"},
		"empty":           {in: "", text: "unix:/absolute/path"},
		"no path":         {in: "unix:", text: "unix:/absolute/path"},
		"the root":        {in: "unix:///", text: "unix:/absolute/path"},
		"dots":            {in: "unix:/run/a/../b", text: `".."`},
		"dots at the end": {in: "unix:/run/..", text: `".."`},
		"zero byte":       {in: "unix:/run/a\x00b", text: "printable"},
		"control":         {in: "unix:/run/\x1b[2J", text: "printable"},
		"not UTF-8":       {in: "unix:/run/\xff", text: "printable"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAddress(test.in)
			if a.Path() != test.path {
				t.Errorf("path is %q, want %q", a.Path(), test.path)
			}
			if test.text == "" {
				if err != nil {
					t.Error(err)
				} else if again, err := ParseAddress(a.String()); err != nil || again != a {
					t.Errorf("%v is read as %v, %v", a, again, err)
				}
				return
			}
			var typed *AddressError
			if !errors.As(err, &typed) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("the error is %v; want %q", err, test.text)
			}
		})
	}
}

func TestText(t *testing.T) {
	long := strings.Repeat("ü", maxText)
	for name, test := range map[string]struct{ in, want string }{
		"plain":     {"no such volume: ü 'a'", "no such volume: ü 'a'"},
		"control":   {"a\x1b[31mb\nc\r", "a�[31mb�c�"},
		"direction": {"a\u202eb", "a�b"},
		"bytes":     {"a\xffb", "a�b"},
		"long":      {long, long[:maxText-4] + more},
	} {
		t.Run(name, func(t *testing.T) {
			got := text(test.in)
			if got != test.want {
				t.Errorf("%q is %q, want %q", test.in, got, test.want)
			}
			if again := text(got); again != got {
				t.Errorf("once more, %q is %q", got, again)
			}
		})
	}
}
