package plain

import "testing"

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"/a b/ü'\\":      "/a b/ü'\\",
		"/a\x1b[31m":     `/a\x1b[31m`,
		"/a\n/b\tlisafs": `/a\n/b\tlisafs`,
		"\xff\ufffd":     `\xff\ufffd`,
		"a\u202eb\u0085": `a\u202eb\u0085`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	if got := Lines("a\x1b\nb\t\n"); got != "a\\x1b\nb\\t\n" {
		t.Errorf("%q", got)
	}
}
