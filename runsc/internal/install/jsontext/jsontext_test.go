package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var entry = map[string]any{"path": "/usr/local/bin/runsc", "runtimeArgs": []string{"--a=1, 2", `--b={"c"}`}}

func TestEdit(t *testing.T) {
	for _, test := range []struct{ name, old, want string }{
		{"one line", `{"a": 1}`, `{"k": ["x", "y"], "a": 1}`},
		{"one line, spaces inside", `{ "a": 1 }`, `{ "k": ["x", "y"], "a": 1 }`},
		{"empty", `{}`, `{"k": ["x", "y"]}`},
		{"empty, spaces", `{  }`, `{"k": ["x", "y"]  }`},
		{"empty, two lines", "{\n}\n", "{\n    \"k\": [\n        \"x\",\n        \"y\"\n    ]\n}\n"},
		{"lines", "{\n  \"a\": 1\n}\n", "{\n  \"k\": [\n    \"x\",\n    \"y\"\n  ],\n  \"a\": 1\n}\n"},
		{"tabs", "{\n\t\"a\": 1\n}", "{\n\t\"k\": [\n\t\t\"x\",\n\t\t\"y\"\n\t],\n\t\"a\": 1\n}"},
		{"CRLF", "{\r\n  \"a\": 1\r\n}\r\n", "{\r\n  \"k\": [\r\n    \"x\",\r\n    \"y\"\r\n  ],\r\n  \"a\": 1\r\n}\r\n"},
		{"blank lines", "{\n\n  \"a\": 1}", "{\n  \"k\": [\n    \"x\",\n    \"y\"\n  ],\n\n  \"a\": 1}"},
		{"no blanks", `{"a":{"b":[1,{"c":"}"}]},"d":"\"{"}`, `{"k": ["x", "y"], "a":{"b":[1,{"c":"}"}]},"d":"\"{"}`},
		{"in front of the object", "\n\t {\"a\":-1e5}", "\n\t {\"k\": [\"x\", \"y\"], \"a\":-1e5}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Text(test.old).Set([]string{"x", "y"}, "k")
			if err != nil || string(got) != test.want {
				t.Fatalf("Set: %v,\n%s\nwant\n%s", err, got, test.want)
			}
			if err := Check(got); err != nil {
				t.Error(err)
			}
			if back, err := got.Remove("k"); err != nil || string(back) != test.old {
				t.Errorf("Remove: %v,\n%s\nwant\n%s", err, back, test.old)
			}
		})
	}
}

func TestNested(t *testing.T) {
	text := Text("{\n  \"runtimes\": {\n    \"kata\": {\"path\": \"/k\"}\n  },\n  \"log\": true\n}\n")
	got, err := text.Set(map[string]any{"path": "/r"}, "runtimes", "runsc")
	const want = "{\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"/r\"\n    },\n    \"kata\": {\"path\": \"/k\"}\n  },\n  \"log\": true\n}\n"
	if err != nil || string(got) != want {
		t.Fatalf("%v,\n%s\nwant\n%s", err, got, want)
	}
	if line := got.Line("runtimes", "kata"); line != 6 {
		t.Errorf("kata is in line %d", line)
	}
	if names, err := got.Names("runtimes"); err != nil || !reflect.DeepEqual(names, []string{"runsc", "kata"}) {
		t.Errorf("names: %q, %v", names, err)
	}
	if _, err := got.Set(1, "log", "x"); err == nil || !strings.Contains(err.Error(), "line 8, column 10: log is not an object") {
		t.Errorf("a member of a bool: %v", err)
	}
	if changed, err := got.SetText(`{"path": "/old"}`, "runtimes", "runsc"); err != nil || !strings.Contains(string(changed), `"runsc": {"path": "/old"},`) {
		t.Errorf("%v, %s", err, changed)
	}
}

// Two additions can be removed in either order.
func TestRemoveInAnyOrder(t *testing.T) {
	for _, old := range []string{`{}`, "{\n}", `{ "a":1}`, `{"a":1}`, "{\n\t\"a\": 1\n}"} {
		for _, order := range [][]string{{"k", "l"}, {"l", "k"}} {
			text := Text(old)
			var err error
			for _, key := range []string{"k", "l"} {
				if text, err = text.Set(entry, key); err != nil {
					t.Fatal(err)
				}
			}
			both := text
			for _, key := range order {
				if text, err = text.Remove(key); err != nil {
					t.Fatal(err)
				}
				if err := Check(text); err != nil {
					t.Fatalf("%s without %s: %v\n%s", both, key, err, text)
				}
			}
			if string(text) != old {
				t.Errorf("%s, with both removed in the order %v: %s", old, order, text)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "line 1, column 1: unexpected end",
		"{\n  \"a\": 1,\n}":         "line 3, column 1: invalid character '}'",
		"{\n  // no\n}":             "line 2, column 3: invalid character '/'",
		"[1]":                       "line 1, column 1: the value is not an object",
		"{\"a\": 1,\n \"a\": 2}":    `line 2, column 2: the name "a" is there twice`,
		"\ufeff{}":                  "line 1, column 1: invalid character",
		"{} {}":                     "line 1, column 4: invalid character",
		"{\"a\": 1, \"\\u0061\":2}": `line 1, column 10: the name "a" is there twice`,
	} {
		if err := Check([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

// blank is white space between tokens.
var blank = rapid.StringMatching(`[ \t\r\n]{0,3}`)

// value draws a JSON value with white space of any kind.
func value(t *rapid.T, depth int) string {
	kinds := 5
	if depth > 3 {
		kinds = 3
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"0", "-1.5e+3", "true", "false", "null"}).Draw(t, "literal")
	case 1, 2:
		s, err := json.Marshal(rapid.String().Draw(t, "string"))
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	case 3:
		var b strings.Builder
		b.WriteString("[" + blank.Draw(t, "blank"))
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				b.WriteString("," + blank.Draw(t, "blank"))
			}
			b.WriteString(value(t, depth+1) + blank.Draw(t, "blank"))
		}
		return b.String() + "]"
	}
	return drawObject(t, depth)
}

func drawObject(t *rapid.T, depth int) string {
	var b strings.Builder
	b.WriteString("{" + blank.Draw(t, "blank"))
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		if i > 0 {
			b.WriteString("," + blank.Draw(t, "blank"))
		}
		fmt.Fprintf(&b, "\"m%d\"%s:%s%s%s", i, blank.Draw(t, "blank"), blank.Draw(t, "blank"), value(t, depth+1), blank.Draw(t, "blank"))
	}
	return b.String() + "}"
}

// What is added can be removed again to the byte, and changes nothing else for
// a parser.
func checkEdit(t *rapid.T) {
	old := Text(blank.Draw(t, "blank") + drawObject(t, 0) + blank.Draw(t, "blank"))
	if err := Check(old); err != nil {
		t.Fatalf("%q: %v", old, err)
	}
	path := []string{"new"}
	if v, ok := old.Get("m0"); ok && strings.HasPrefix(v, "{") && rapid.Bool().Draw(t, "inner") {
		path = []string{"m0", "new"}
	}
	changed, err := old.Set(entry, path...)
	if err != nil {
		t.Fatal(err)
	}
	want, got := decode(t, old), decode(t, changed)
	at := want
	if len(path) > 1 {
		at = want["m0"].(map[string]any)
	}
	at["new"] = decode(t, []byte(compact(entry)))
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q has become %q", old, changed)
	}
	if back, err := changed.Remove(path...); err != nil || !bytes.Equal(back, old) {
		t.Fatalf("%q, changed and back: %v, %q", old, err, back)
	}
}

func decode(t *rapid.T, text []byte) map[string]any {
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

func TestEditProperty(t *testing.T) { rapid.Check(t, checkEdit) }

func FuzzEdit(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkEdit)) }
