package volumes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClientNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Clients {
		if seen[c.Name] || c.About == "" {
			t.Errorf("%q is there twice or says nothing about itself", c.Name)
		}
		seen[c.Name] = true
	}
	for name, competitor := range map[string]bool{HostClient: false, OurClient: false, "rclone": true} {
		if c, ok := Find(name); !ok || c.Competitor() != competitor {
			t.Errorf("%s: found %t, competitor %t", name, ok, c.Competitor())
		}
	}
	if _, ok := Find("nothing"); ok {
		t.Error("found a client that is not there")
	}
}

// Every client is told the address of its store and, if it has one, where its
// cache is: one that kept it elsewhere would not be cold.
func TestCommands(t *testing.T) {
	p := Programs{Volumed: "/volumed", paths: map[string]string{}}
	for _, q := range []program{rcloneProgram, s3ServerProgram, gcsServerProgram, gcsfuseProgram, s3fsProgram} {
		p.paths[q.name] = "/" + q.name
	}
	for _, c := range Clients {
		if c.command == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			v, err := NewVolume(c, p, &Store{kind: c.Store, address: "127.0.0.1:4711"}, "bucket-x", filepath.Join(t.TempDir(), "v"))
			if err != nil {
				t.Fatal(err)
			}
			args, env, err := c.command(v)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(append(args, env...), "\n")
			for _, config := range []string{"config.yaml", "password", "volumed.json"} {
				data, err := os.ReadFile(filepath.Join(v.dir, config))
				if err == nil {
					text += string(data)
				}
			}
			for _, want := range []string{"127.0.0.1:4711", "bucket-x", v.cache()} {
				if !strings.Contains(text, want) {
					t.Errorf("the command does not have %s:\n%s", want, text)
				}
			}
			if !filepath.IsAbs(args[0]) {
				t.Errorf("the program is %q", args[0])
			}
			served := slices.Contains(v.Options(), "gofer=s3/bucket-x")
			if served == v.DirectFS() || served != (len(v.Flags()) > 0) {
				t.Errorf("options %v, flags %v, directfs %t", v.Options(), v.Flags(), v.DirectFS())
			}
		})
	}
}

// What is missing is said, with what to do; the others are measured.
func TestFindSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for _, q := range []program{rcloneProgram, s3ServerProgram} {
		_, version, _ := strings.Cut(q.pkg, "@")
		path := filepath.Join(dir, q.name+"-"+version, q.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	p := Programs{Dir: dir, Volumed: filepath.Join(dir, "volumed")}
	clients := slices.DeleteFunc(slices.Clone(Clients), func(c Client) bool { return c.Store == GCS })
	usable, missing, err := p.Find(t.Context(), clients, func(text string) { t.Errorf("said %q", text) })
	if err != nil {
		t.Fatal(err)
	}
	if len(usable) != 1 || usable[0].Name != HostClient {
		t.Errorf("usable: %+v", usable)
	}
	all := strings.Join(missing, "\n")
	for _, want := range []string{"s3fs is not installed; on Debian: apt-get install s3fs", "ours: ", "run make build"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q:\n%s", want, all)
		}
	}
}

func TestProcess(t *testing.T) {
	shell := func(t *testing.T, script string) *process {
		t.Helper()
		p, err := start(filepath.Join(t.TempDir(), "log"), nil, "/bin/sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = p.cmd.Process.Kill() // it has ended, or a test failed
			<-p.ended
		})
		return p
	}
	never := func() (bool, error) { return false, nil }

	t.Run("one that ends does not serve", func(t *testing.T) {
		err := shell(t, "echo no such bucket >&2; exit 1").until(t.Context(), never)
		if err == nil || !strings.Contains(err.Error(), "no such bucket") {
			t.Errorf("got %v, want what it said", err)
		}
	})
	t.Run("an interrupt ends the wait", func(t *testing.T) {
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(interrupted)
		if err := shell(t, "exec sleep 60").until(ctx, never); !errors.Is(err, interrupted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what cannot become ready is told", func(t *testing.T) {
		broken := errors.New("broken")
		err := shell(t, "exec sleep 60").until(t.Context(), func() (bool, error) { return false, broken })
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a signal ends it", func(t *testing.T) {
		p := shell(t, "exec sleep 60")
		if p.ends(time.Millisecond) {
			t.Error("it ended by itself")
		}
		if err := p.end(); err != nil {
			t.Error(err)
		}
		if !p.ends(time.Minute) {
			t.Error("it did not end")
		}
	})
}

func TestStored(t *testing.T) {
	s, err := StartStore(t.Context(), Local, Programs{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVolume(Clients[0], Programs{}, s, "b", filepath.Join(t.TempDir(), "v"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(v.Source(), "object")
	if err := os.Mkdir(v.Source(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Stored(ended, "object", 8); !errors.Is(err, context.Canceled) {
		t.Errorf("half an object is stored: %v", err)
	}
	before := v.Modified("object")
	if err := os.WriteFile(path, []byte("complete"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, before, before.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Stored(t.Context(), "object", 8), v.AwaitChange(t.Context(), "object", before, time.Minute), v.DropPages("ob")); err != nil {
		t.Error(err)
	}
	if err := v.AwaitChange(ended, "object", v.Modified("object"), time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("what was not stored again changed: %v", err)
	}
	if err := v.Remove("object"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(v.Start(t.Context()), v.Stop(), s.Stop()); err != nil {
		t.Errorf("a directory of the host: %v", err)
	}
}

// A client that cannot serve says why, and the next start finds nothing of it.
func TestStartFails(t *testing.T) {
	c := Client{Name: "broken", command: func(*Volume) (args, env []string, err error) {
		return []string{"/bin/sh", "-c", "echo no credentials; exit 1"}, nil, nil
	}}
	v, err := NewVolume(c, Programs{}, &Store{}, "b", filepath.Join(t.TempDir(), "v"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no credentials") {
			t.Errorf("got %v, want what it said", err)
		}
	}
	if _, err := os.Stat(v.cache()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cache is left: %v", err)
	}
	if err := v.Stop(); err != nil {
		t.Errorf("stop what was not started: %v", err)
	}
}
