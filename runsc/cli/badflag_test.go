package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// parse parses arguments with a set that has one flag, and returns what was
// written to stderr and to the log.
func parse(t *testing.T, args ...string) (stderr, log string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "log")
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "LOG", name)
	}
	var out bytes.Buffer
	f := flag.NewFlagSet("runsc", flag.ContinueOnError)
	f.SetOutput(&badFlag{out: &out, args: args})
	f.Int("n", 0, "a number")
	f.Bool("b", false, "yes or no")
	f.String("log", "", "the log")
	_ = f.Parse(args) // the outcome is what is written
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out.String(), string(text)
}

func TestBadFlag(t *testing.T) {
	for args, want := range map[string]string{
		"-n=x --log LOG create": `invalid value "x" for flag -n: parse error`,
		"-b=x --log=LOG":        `invalid boolean value "x" for -b: parse error`,
		"--none -log=LOG":       "flag provided but not defined: -none",
		"--log LOG -n":          "flag needs an argument: -n",
		"--log LOG ---n":        "bad flag syntax: ---n",
		"--log LOG --help":      "",
		"--log LOG -n=1 create": "",
		"-n=x create --log":     "",
		"-n=x --log=/none/l":    "",
	} {
		stderr, log := parse(t, strings.Fields(args)...)
		if want != "" && (!strings.HasPrefix(stderr, want) || !strings.Contains(stderr, "a number")) {
			t.Errorf("%s: stderr %q", args, stderr)
		}
		var record struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(log), &record); want == "" && log != "" || want != "" && (err != nil || record.Level != "error" || !strings.HasPrefix(record.Msg, want)) {
			t.Errorf("%s: log %q, %v, want %q", args, log, err, want)
		}
	}
}
