package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const mainEnv = "RUNSC_CLI_TEST_MAIN"

// The test is the program, too.
func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		Main()
	}
	os.Exit(m.Run())
}

// What is wrong with flags is in the log, wherever the log's flag is.
func TestFlagErrorsAreLogged(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log.json")
	for _, tc := range []struct{ args, want string }{
		{"--log=LOG --nosuch=1 state x", "flag provided but not defined: -nosuch"},
		{"--nosuch=1 --root /r --debug --log LOG --log-format json state x", "flag provided but not defined: -nosuch"},
		{"--directfs-hints=some -log LOG state x", `--directfs-hints="some": invalid value; allowed: all, narrow, none`},
		{"--log LOG --debug=x state x", `invalid boolean value "x" for -debug`},
		{"--log LOG ---debug state x", "bad flag syntax: ---debug"},
		{"--log LOG --help state x", ""},
		{"--log LOG --overlay2=x state x", `invalid value "x" for flag -overlay2`},
		{"--nosuch state --log=LOG", ""}, // a flag of the command
		{"--nosuch state x", ""},
	} {
		t.Run(tc.args, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], strings.Fields(strings.ReplaceAll(tc.args, "LOG", log))...)
			cmd.Env = append(os.Environ(), mainEnv+"=1")
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if isHelp := strings.Contains(tc.args, "--help"); isHelp != (err == nil) || !isHelp && (!errors.As(err, &exit) || exit.ExitCode() != 2) || !strings.Contains(string(out), tc.want) {
				t.Errorf("%v\n%s", err, out)
			}
			text, err := os.ReadFile(log)
			if tc.want == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the log: %q, %v", text, err)
				}
				return
			}
			var record struct{ Level, Msg string }
			if err := errors.Join(err, json.Unmarshal(text, &record), os.Remove(log)); err != nil {
				t.Fatal(err)
			}
			if record.Level != "error" || !strings.Contains(record.Msg, tc.want) || strings.Contains(record.Msg, "Usage") {
				t.Errorf("the log: %q", text)
			}
		})
	}
}
