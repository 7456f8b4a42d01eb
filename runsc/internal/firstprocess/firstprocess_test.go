package firstprocess

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const few = 1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL

// ignoredSignals are those that this process ignores (proc_pid_status(5)).
func ignoredSignals(t *testing.T) (n uint64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "SigIgn:")
	if _, err := fmt.Sscanf(rest, "%x", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIdentity(t *testing.T) {
	ignored := ignoredSignals(t)
	ambient := Capabilities{Bounding: few, Effective: few, Inheritable: few, Permitted: few, Ambient: 1 << unix.CAP_KILL}
	for name, c := range map[string]struct {
		uid, gid int
		caps     Capabilities
		noNew    bool
		want     string
	}{
		"root":          {0, 0, Capabilities{Bounding: few, Effective: few, Permitted: few}, false, "0 0 inh 0 prm 21 eff 21 bnd 21 amb 0 nnp 0"},
		"root, bound":   {0, 0, Capabilities{Bounding: few, Effective: few, Permitted: 1}, true, "0 0 inh 0 prm 1 eff 1 bnd 21 amb 0 nnp 1"},
		"user":          {1000, 1001, Capabilities{Bounding: few, Effective: few, Permitted: few}, false, "1000 1001 inh 0 prm 0 eff 0 bnd 21 amb 0 nnp 0"},
		"user, ambient": {1000, 1001, ambient, false, "1000 1001 inh 21 prm 20 eff 20 bnd 21 amb 20 nnp 0"},
		"user, bound":   {1000, 1001, ambient, true, "1000 1001 inh 21 prm 20 eff 20 bnd 21 amb 20 nnp 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "cat", "/proc/self/status")
			s.UID, s.GID, s.NoNew, s.Config.Capabilities = c.uid, c.gid, c.noNew, c.caps
			out, code, report := s.start(t)
			if code != 0 || report != nil {
				t.Fatalf("exit code %d, report %v: %s", code, report, out)
			}
			st := map[string]string{}
			for line := range strings.Lines(out) {
				key, value, _ := strings.Cut(line, ":")
				st[key] = strings.Join(strings.Fields(value), " ")
			}
			set := func(key string) (n uint64) { fmt.Sscanf(st[key], "%x", &n); return n }
			got := fmt.Sprintf("inh %x prm %x eff %x bnd %x amb %x nnp %s",
				set("CapInh"), set("CapPrm"), set("CapEff"), set("CapBnd"), set("CapAmb"), st["NoNewPrivs"])
			four := func(key string, id int) bool {
				return st[key] == strings.TrimSpace(strings.Repeat(fmt.Sprint(id, " "), 4))
			}
			if got = fmt.Sprint(c.uid, " ", c.gid, " ", got); got != c.want || !four("Uid", c.uid) || !four("Gid", c.gid) {
				t.Errorf("%s (%s, %s), want %s", got, st["Uid"], st["Gid"], c.want)
			}
			// Signals that whoever started the tests ignores stay ignored.
			if st["Name"] != "cat" || st["Umask"] != "0027" || set("SigBlk")|set("SigIgn")&^ignored|set("SigPnd")|set("ShdPnd") != 0 || st["Threads"] != "1" {
				t.Errorf("name %s, umask %s, signals blocked %s, ignored %s", st["Name"], st["Umask"], st["SigBlk"], st["SigIgn"])
			}
		})
	}
}

// Nothing that was staged is left, and the layers are merged.
func TestNothingIsLeft(t *testing.T) {
	s := newStage(t, "sh", "-c", `ls $0; echo; ls /proc/self/fd | wc -l; grep -c target /proc/self/mounts; grep target /proc/self/mounts | tail -1 | cut -d" " -f3-4 | cut -d, -f1-5; pwd; ulimit -n; ulimit -Hn; tr '\0' ' ' </proc/$$/environ`)
	s.Config.Overlays[0].Flags = MountFlags{ReadOnly: true, NoSUID: true, NoDev: true, NoExec: true, NoATime: true}
	target := s.Config.Overlays[0].Target
	s.Args = append(s.Args, target)
	s.Config.Cwd = filepath.Join(s.Dir, "new/cwd")
	s.Config.Capabilities = Capabilities{Bounding: few}
	s.Env = append(s.Env, "GODEBUG=x", "GOMAXPROCS=1")
	s.Limits = map[int]unix.Rlimit{unix.RLIMIT_NOFILE: {Cur: 20, Max: 200}}
	out, code, report := s.start(t)
	want := "l0\nl1\n\n4\n2\noverlay ro,nosuid,nodev,noexec,noatime\n" + s.Config.Cwd + "\n20\n200\nPATH=/usr/bin:/bin HOME=/ GODEBUG=x GOMAXPROCS=1 "
	if code != 0 || report != nil || out != want {
		t.Errorf("exit code %d, report %v, output\n%s\nwant\n%s", code, report, out, want)
	}
	if info, err := os.Stat(s.Config.Cwd); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("working directory: %v, %v", info, err)
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*stage)
		want string
		code int
	}{
		"not in PATH": {func(s *stage) { s.Args[0] = "no-such-program" },
			`error finding executable "no-such-program" in PATH [/usr/bin /bin]: no such file or directory`, 127},
		"missing":        {func(s *stage) { s.Args[0] = "/no/such" }, "creating process: failed to load /no/such: no such file or directory", 127},
		"not executable": {func(s *stage) { s.Args[0] = "/etc/passwd" }, "creating process: failed to load /etc/passwd: permission denied", 126},
		"missing lower layer": {func(s *stage) { s.Config.Overlays[0].Lowers = 3 },
			`overlay mount "TARGET": mount: no such file or directory`, 125},
		"stranger in the staging directory": {func(s *stage) {
			if err := os.Mkdir(filepath.Join(s.Dir, "0/sub"), 0o755); err != nil {
				panic(err)
			}
		}, `overlay mount "TARGET": "sub" is there before the overlay, and would be lost: does a symbolic link lead a mount into the overlay? Write its destination without links`, 125},
		"directory is a file": {func(s *stage) { s.Config.Cwd = "/etc/passwd" },
			`failed to create process working directory "/etc/passwd": mkdir /etc/passwd: not a directory`, 125},
		"mount point in a read-only overlay": {func(s *stage) {
			s.Config.Overlays[0].Nested = []string{s.Config.Overlays[0].Target + "/a"}
			if err := os.Mkdir(filepath.Join(s.Dir, "0/m0"), 0o755); err != nil {
				panic(err)
			}
		}, `overlay mount "TARGET": mount point "TARGET/a": mkdir TARGET/a: read-only file system`, 125},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "true")
			c.edit(&s)
			_, code, err := s.start(t)
			if want := strings.ReplaceAll(c.want, "TARGET", s.Config.Overlays[0].Target); code != c.code || fmt.Sprint(err) != want {
				t.Errorf("exit code %d, want %d: %v\nwant %s", code, c.code, err, want)
			}
		})
	}
}

func TestReadReport(t *testing.T) {
	for text, want := range map[string]string{
		"": ErrUnfinished.Error(), "exec\n": "<nil>", "ex": ErrUnfinished.Error(), "error: a\n": "a", "exec\nerror: a: b\nc\n": "a: b\nc",
	} {
		if err := ReadReport([]byte(text)); fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if !errors.Is(ReadReport(nil), ErrUnfinished) {
		t.Error("an empty report is not unfinished")
	}
}

// The first process unmounts and removes what is in a staging directory, so it
// has to be one.
func TestStagingDirectory(t *testing.T) {
	for _, dir := range []string{"/proc", "/no/such"} {
		if fd, err := openStaging(dir); err == nil {
			unix.Close(fd)
			t.Errorf("%s is a staging directory", dir)
		}
	}
}

// The kernel, and the engine, take as many lower layers as it has room for in a
// page.
func TestDataFitsIntoAPage(t *testing.T) {
	if n := len(Overlay{Lowers: 500, Writable: true}.data()); n >= 4096 {
		t.Errorf("options for 500 lower layers have %d bytes", n)
	}
}

// Nothing but the name and the configuration together make a first process.
func TestParse(t *testing.T) {
	c := Config{Overlays: []Overlay{{Target: "/a/b", Lowers: 3, Nested: []string{"/a/b/c"}}}, Cwd: "/x"}
	args, env, err := Command(c, []string{"sh", "-c"}, []string{"A=b", configVariable + "=x", "GODEBUG=y"})
	if err != nil || args[0] != "/a/b/"+ProgramName {
		t.Fatalf("%v, %q", err, args)
	}
	got, gotArgs, gotEnv, ok, err := parse(args, append(env, "HOME=/the/engine's"))
	if !ok || err != nil || fmt.Sprint(got) != fmt.Sprint(c) || fmt.Sprint(gotArgs) != "[sh -c]" || fmt.Sprint(gotEnv) != "[A=b "+configVariable+"=x GODEBUG=y]" {
		t.Errorf("%+v, %q, %q, %t, %v", got, gotArgs, gotEnv, ok, err)
	}
	if _, _, _, ok, _ := parse([]string{"/usr/bin/runsc", "a"}, env); ok {
		t.Error("a program of another name is a first process")
	}
	if _, _, _, ok, _ := parse(args, nil); ok {
		t.Error("a program without a configuration is a first process")
	}
	for _, bad := range []string{"{}", "{", "[]"} {
		if _, _, _, ok, err := parse(args, []string{configVariable + "=" + bad}); !ok || err == nil {
			t.Errorf("configuration %s: %t, %v", bad, ok, err)
		}
	}
	if _, _, err := Command(Config{}, []string{"sh"}, nil); err == nil {
		t.Error("no overlays are accepted")
	}
}

func TestHome(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwd, []byte("\n# a:b\nx:x:5:5:x:/home/x:/bin/sh\nshort:x:6\n y:x:7:7::/home/y\ny:x:7:7::/second\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[int]string{5: "/home/x", 6: "", 7: "/home/y", 8: "/"} {
		if got := home(passwd, uid); got != want {
			t.Errorf("home of %d is %q, want %q", uid, got, want)
		}
	}
	if got := home("/proc", 5) + home("/no/such", 5); got != "//" {
		t.Errorf("without a file: %q", got)
	}
}
