package tomltext

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

const body = "[plugins.\"io.x\".runtimes.runsc]\ntype = \"t\"\n"

func TestAppendAndRemove(t *testing.T) {
	for name, old := range map[string]string{
		"empty":              "",
		"ends with a line":   "a = 1\n",
		"last line open":     "a = 1",
		"CRLF":               "a = 1\r\n[b]\r\n",
		"blank lines at end": "a = 1\n\n\n",
		"only a comment":     "# hello",
		"table":              "[plugins.\"io.x\"]\nb = 2\n[plugins.\"io.x\".runtimes.other]\n",
		"lines like markers in a string": "a = '''\n" + lines("runsc", "x = 1\n") + "'''\nb = \"\"\"\n[plugins]\n\\\"\"\"\"\"\n" +
			"c = [\n  1, # ]\n  2,\n]\n",
	} {
		t.Run(name, func(t *testing.T) {
			changed := Append([]byte(old), "runsc", body)
			if err := CheckAdded([]byte(old), changed, body); err != nil {
				t.Fatalf("%v\n%s", err, changed)
			}
			b, ok, err := Find(changed, "runsc")
			if !ok || err != nil || b.Body != body || b.Edited {
				t.Fatalf("found %v, %v, %+v in\n%s", ok, err, b, changed)
			}
			if back := Remove(changed, b); string(back) != old {
				t.Errorf("back: %q, want %q", back, old)
			}
			other := Replace(changed, b, "[z]\n")
			b, ok, err = Find(other, "runsc")
			if !ok || err != nil || b.Body != "[z]\n" {
				t.Fatalf("after Replace: %v, %v, %+v", ok, err, b)
			}
			if back := Remove(other, b); string(back) != old {
				t.Errorf("back after Replace: %q, want %q", back, old)
			}
		})
	}
}

func TestEditsAroundABlock(t *testing.T) {
	changed := Append([]byte("a = 1"), "runsc", body)
	edited := "# before\n" + string(changed) + "\n[after]\n"
	b, ok, err := Find([]byte(edited), "runsc")
	if !ok || err != nil || b.Edited {
		t.Fatal(ok, err, b)
	}
	if got := string(Remove([]byte(edited), b)); got != "# before\na = 1\n[after]\n" {
		t.Errorf("%q", got)
	}
	b, _, err = Find(bytes.Replace(changed, []byte(`"t"`), []byte(`"u"`), 1), "runsc")
	if err != nil || !b.Edited {
		t.Errorf("an edit inside: %v, %+v", err, b)
	}
}

func TestBlocksThatAreBroken(t *testing.T) {
	whole := string(Append(nil, "runsc", "a = 1\n"))
	rows := strings.SplitAfter(whole, "\n")
	for text, want := range map[string]string{
		rows[0] + rows[1]:          `line 3: the last line of what runsc install wrote for the runtime "runsc" is missing`,
		rows[1] + rows[2]:          `line 2: the first line of what`,
		rows[0] + "\n" + rows[0]:   `line 3: the last line`,
		whole + "[x]\n" + whole[:]: "is there twice",
	} {
		if _, _, err := Find([]byte(text), "runsc"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckAddedRefuses(t *testing.T) {
	for old, want := range map[string]string{
		"plugins = {a = 1}\n":                          "",
		"[plugins.\"io.x\"]\nruntimes = {o = 1}\n":     "",
		"[plugins.\"io.x\".runtimes.runsc]\n type=1\n": "the key type is there already",
		"[plugins.\"io.x\"]\nruntimes.runsc.other=1\n": "",
		"[[plugins]]\n":                                "the key plugins is there already",
		"[plugins]\n\"io.x\" = 5\n":                    `the key "io.x" is there already`,
	} {
		err := CheckAdded([]byte(old), Append([]byte(old), "runsc", body), body)
		if !errors.Is(err, ErrByHand) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", old, err, want)
		}
	}
}

// A key of the body lands in the table before it.
func TestCheckAddedCompares(t *testing.T) {
	const body = "version = 3\n"
	if err := CheckAdded([]byte("[x]\n"), Append([]byte("[x]\n"), "runsc", body), body); !errors.Is(err, ErrByHand) {
		t.Error(err)
	}
}

func TestCommentOut(t *testing.T) {
	path := []string{"plugins", "io.x", "runtimes", "runsc"}
	const old = "version = 3 # three\n[plugins.'io.x'.runtimes.runsc] # mine\n  # why\n  type = \"\"\"\n[x]\n\"\"\"\n" +
		"[plugins.\"io.x\".runtimes.runsc.options]\n\n  A = [\n  1,\n ]\n[plugins.\"io.x\".runtimes.runsc2]\nt = 1\n[plugins.\"io.x\".runtimes.runsc.late]\nz=1"
	got, err := CommentOut([]byte(old), "runsc", path...)
	if err != nil {
		t.Fatal(err)
	}
	values, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(values, map[string]any{"version": int64(3), "plugins": map[string]any{"io.x": map[string]any{
		"runtimes": map[string]any{"runsc2": map[string]any{"t": int64(1)}}}}}) {
		t.Errorf("%v in\n%s", values, got)
	}
	if back := Restore(got, "runsc"); string(back) != old {
		t.Errorf("restored:\n%s", back)
	}
	if line := Line([]byte(old), path...); line != 2 {
		t.Errorf("line %d", line)
	}
	if _, err := CommentOut(got, "runsc", path...); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
		t.Errorf("twice: %v", err)
	}
	for _, inline := range []string{"plugins = {\"io.x\" = {runtimes = {runsc = {}, a = 1, runsc2 = {t = 1}}}}\n",
		"[plugins.\"io.x\".runtimes]\nrunsc.type = \"t\"\n"} {
		if got, err := CommentOut([]byte(inline), "runsc", path...); inline[0] != 'p' && !errors.Is(err, ErrByHand) {
			t.Errorf("%s: %v\n%s", inline, err, got)
		}
	}
	whole, err := CommentOut([]byte(old), "runsc")
	if values, perr := Parse(whole); err != nil || perr != nil || len(values) > 0 || string(Restore(whole, "runsc")) != old {
		t.Errorf("the whole text: %v, %v, %v\n%s", err, perr, values, whole)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\nb = \n":  "line 2, column 5: ",
		"a = 1\na = 2\n": "line 2, column ",
		"[x\n":           "line 1, column ",
		"a = 'x\n":       "line 1, column ",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKey(t *testing.T) {
	if got := Key("plugins", "io.x", "", "a-b_9", "q\"\\\n"); got != `plugins."io.x"."".a-b_9."q\"\\\u000a"` {
		t.Error(got)
	}
}
