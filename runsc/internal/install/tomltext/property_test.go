package tomltext

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// scalars are values, some of which have text that looks like lines of ours or
// like headers.
var scalars = []string{
	"1", "0x1F", "1.5e3", "inf", "true", "1979-05-27T07:32:00Z", "07:32:00", `"a # b [c] \" \\"`, `'\ # "'`, `""`, `''`,
	"\"\"\"\n[table]\n# comment \\\n  \\\"\"\"\"\"\"", "'''\n# >>> runsc install, runtime \"runsc\", sum 0123456789abcdef\n[x]''' ",
	"[]", "[1, # one ]\n 2,\n]", "[ [ 'a' ], [ \"\"\"\n]\"\"\" ] ]", "{}", "{ a = 1, b.c = \"}\" }",
}

var comments = []string{"", "# comment", "  # [no.table]", "#\"\"\"", "\t"}

// drawText draws a valid text with comments of every kind.
func drawText(t *rapid.T) string {
	newline := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "newline")
	var b strings.Builder
	line := func(s string) { b.WriteString(s + newline) }
	for i := range rapid.IntRange(0, 5).Draw(t, "tables") {
		if i > 0 {
			header := rapid.SampledFrom([]string{"[t%d]", "[ \"t%d\" . 'in.ner' ]", "[[t%d]]", "[plugins.\"io.x\".p%d]", "[plugins.'io.x'.runtimes.r%d]"}).Draw(t, "header")
			line(fmt.Sprintf(header, i) + rapid.SampledFrom([]string{"", " # of a table"}).Draw(t, "remark"))
		}
		for k := range rapid.IntRange(0, 3).Draw(t, "keys") {
			line(rapid.SampledFrom(comments).Draw(t, "comment"))
			key := rapid.SampledFrom([]string{"k%d", "'k %d'", "k%d.\"dot.ted\"", "\"k\\\"%d\""}).Draw(t, "key")
			line(fmt.Sprintf(key, k) + " = " + rapid.SampledFrom(scalars).Draw(t, "value"))
		}
	}
	text := b.String()
	if rapid.Bool().Draw(t, "last line open") {
		text = strings.TrimSuffix(text, newline)
	}
	return text
}

// A block comes and goes and nothing else changes, for a parser or to the byte.
func checkBlock(t *rapid.T) {
	old := drawText(t)
	before, err := Parse([]byte(old))
	if err != nil {
		t.Fatalf("%v in\n%s", err, old)
	}
	changed := Append([]byte(old), "runsc", body)
	if err := CheckAdded([]byte(old), changed, body); err != nil {
		t.Fatalf("%v\n%s", err, changed)
	}
	after, err := Parse(changed)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(without(after, "plugins", "io.x", "runtimes", "runsc"), before) {
		t.Fatalf("something else has changed in\n%s", changed)
	}
	both := Append(changed, "second", "[second]\n")
	for _, order := range [][]string{{"runsc", "second"}, {"second", "runsc"}} {
		text := both
		for _, runtime := range order {
			b, ok, err := Find(text, runtime)
			if !ok || err != nil || b.Edited {
				t.Fatalf("%s: %v, %v, %+v in\n%s", runtime, ok, err, b, text)
			}
			text = Remove(text, b)
		}
		if string(text) != old {
			t.Fatalf("in the order %v:\n%q\nwant\n%q", order, text, old)
		}
	}
}

func TestBlockProperty(t *testing.T) { rapid.Check(t, checkBlock) }

func FuzzBlock(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkBlock)) }

// The text of a foreign runtime becomes comments and comes back.
func checkCommentOut(t *rapid.T) {
	path := []string{"plugins", "io.x", "runtimes", "foreign"}
	foreign := "[" + Key(path...) + "]\nx = " + rapid.SampledFrom(scalars).Draw(t, "foreign") + "\n" +
		rapid.SampledFrom(comments).Draw(t, "comment") + "\n[" + Key(path...) + ".options]\n"
	head, tail := drawText(t), "[behind]\n"+strings.ReplaceAll(drawText(t), "[", "[behind.")
	if head != "" && !strings.HasSuffix(head, "\n") {
		head += "\n"
	}
	text := head + foreign + tail
	before, err := Parse([]byte(text))
	if err != nil {
		t.Skip("the two halves do not go together") // a value has a bracket
	}
	changed, err := CommentOut([]byte(text), "foreign", path...)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	after, err := Parse(changed)
	if err != nil || !reflect.DeepEqual(prune(after), prune(without(before, path...))) {
		t.Fatalf("%v in\n%s", err, changed)
	}
	if back := Restore(changed, "foreign"); string(back) != text {
		t.Fatalf("%q has come back as %q", text, back)
	}
}

func TestCommentOutProperty(t *testing.T) { rapid.Check(t, checkCommentOut) }

func FuzzCommentOut(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkCommentOut)) }
