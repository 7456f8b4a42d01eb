package volumed

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/volume/blob/internal/s3test"
)

func forbid(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
}

// unconditional is a store that does not know conditions.
func unconditional(next http.Handler) http.Handler {
	return answers(next, func(a *httptest.ResponseRecorder) {
		if a.Code == http.StatusPreconditionFailed {
			a.Code = http.StatusOK
			a.Body.Reset()
		}
	})
}

// odd is a store with an object that the test's server cannot have.
func odd(next http.Handler) http.Handler {
	return answers(next, func(a *httptest.ResponseRecorder) {
		text := strings.ReplaceAll(a.Body.String(), "<Key>odd/a/b<", "<Key>odd/a//b<")
		a.Body.Reset()
		a.Body.WriteString(text)
	})
}

// answers changes what a server answers.
func answers(next http.Handler, change func(*httptest.ResponseRecorder)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := httptest.NewRecorder()
		next.ServeHTTP(a, r)
		change(a)
		for key, values := range a.Header() {
			if key != "Content-Length" {
				w.Header()[key] = values
			}
		}
		w.WriteHeader(a.Code)
		w.Write(a.Body.Bytes())
	})
}

// forgetful is a store that keeps nothing.
func forgetful(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			next.ServeHTTP(w, r)
		}
	})
}

func TestCheckCommand(t *testing.T) {
	s3 := s3test.Start(t)
	url := s3.Bucket(t, "shelf")
	b := bucket(t, s3, url)
	for _, key := range []string{"odd/a/b", "plain/a/b"} {
		if err := b.WriteAll(t.Context(), key, []byte("text"), nil); err != nil {
			t.Fatal(err)
		}
	}
	credentials := `"url": "` + url + `", "env-file": "` + s3.EnvFile(t) + `"`
	for name, tt := range map[string]struct {
		volume string
		flags  []string
		wrap   func(http.Handler) http.Handler
		row    string // of the table, without the first two columns
		text   string
		ok     bool
	}{
		"works":             {credentials + `, "prefix": "plain/"`, []string{"--write"}, nil, "ok ok noticed ok", "", true},
		"not written":       {credentials + `, "prefix": "plain/"`, nil, nil, "ok not tried - ok", "", true},
		"read-only":         {credentials + `, "prefix": "plain/", "read-only": true`, []string{"--write"}, nil, "ok read-only - ok", "", true},
		"names":             {credentials + `, "prefix": "odd/"`, nil, odd, "ok not tried - 1 not shown as they are", `object "odd/a//b"`, true},
		"names not wanted":  {credentials, []string{"--names=false"}, nil, "ok not tried - not tried", "", true},
		"refused":           {credentials, nil, forbid, "failed not tried - not tried", "the store refuses the credentials", false},
		"without condition": {credentials + `, "prefix": "plain/"`, []string{"--write"}, unconditional, "ok ok unnoticed ok", "let only one sandbox write", true},
		"forgetful":         {credentials + `, "prefix": "plain/"`, []string{"--write"}, forgetful, "ok failed none ok", "writing plain/.volumed-check-", false},
		"memory":            {`"url": "mem://"`, []string{"--write"}, nil, "ok ok none ok", "for trying out", true},
		"no file":           {`"url": "s3://shelf?region=r", "env-file": "/nowhere"`, nil, nil, "failed not tried - not tried", "/nowhere", false},
	} {
		t.Run(name, func(t *testing.T) {
			s3.Intercept(tt.wrap)
			defer s3.Intercept(nil)
			config := writeConfig(t, t.TempDir(), `{"volumes": {"v": {%s}}}`, tt.volume)
			cmd := program(append([]string{"check", "--config", config}, tt.flags...)...)
			out, err := cmd.Output()
			lines := strings.SplitN(string(out), "\n", 3)
			if len(lines) < 3 {
				t.Fatalf("%v: %s", err, out)
			}
			row := strings.Join(strings.Fields(lines[1])[2:], " ")
			if ok := err == nil; row != tt.row || ok != tt.ok || !strings.Contains(lines[2], tt.text) {
				t.Errorf("got %q, %v, want %q and %q:\n%s", row, err, tt.row, tt.text, out)
			}
		})
	}
	it := b.List(nil)
	for n := 0; ; n++ {
		if o, err := it.Next(t.Context()); err != nil {
			if n != 2 {
				t.Errorf("%d objects are left, want 2", n)
			}
			break
		} else if strings.Contains(o.Key, "check") {
			t.Errorf("%s is left", o.Key)
		}
	}
}

func TestUsage(t *testing.T) {
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args   []string
		want   string
		status int
	}{
		"nothing":         {nil, "Usage: volumed", 2},
		"unknown command": {[]string{"sreve"}, "Usage: volumed", 2},
		"unknown flag":    {[]string{"serve", "--sokcet", "x"}, "flag provided but not defined", 2},
		"argument":        {[]string{"serve", "x"}, `unexpected argument "x"`, 2},
		"no volume":       {[]string{"serve", "--socket", "/x"}, "there is no volume", 1},
		"no socket":       {[]string{"serve", "--volume", "a=mem://"}, "there is no socket", 1},
		"bad volume":      {[]string{"check", "--volume", "a=mem://,readonly"}, "only read-only", 2},
		"bad log format":  {[]string{"serve", "--log-format", "xml"}, "allowed: text, json", 2},
		"no file":         {[]string{"check", "--config", "/nowhere"}, "/nowhere", 1},
		"foreign state":   {[]string{"serve", "--socket", "x.sock", "--state-dir", shared, "--volume", "a=mem://"}, "has the mode 0755", 1},
		"help":            {[]string{"help"}, "serve object stores", 0},
		"version":         {[]string{"version"}, "volumed devel", 0},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := program(tt.args...)
			cmd.Dir = shortDir(t)
			out, _ := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != tt.status || !strings.Contains(string(out), tt.want) {
				t.Errorf("status %d, want %d with %q:\n%s", status, tt.status, tt.want, out)
			}
		})
	}
}
