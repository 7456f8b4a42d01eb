package measure

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOrder(t *testing.T) {
	for n := 1; n <= 13; n++ {
		at := make([]map[int]int, n) // how often each configuration has each position
		for i := range at {
			at[i] = map[int]int{}
		}
		before := map[[2]int]int{} // how often one comes right after another
		for round := range 2 * n {
			list := order(round, 5, n)
			if sorted := slices.Sorted(slices.Values(list)); len(sorted) != n || sorted[0] != 0 || len(slices.Compact(sorted)) != n {
				t.Fatalf("%d configurations, round %d: %v is not each of them once", n, round, list)
			}
			for position, config := range list {
				at[config][position]++
				if position > 0 {
					before[[2]int{list[position-1], config}]++
				}
			}
		}
		for config, positions := range at {
			for position := range n {
				if positions[position] != 2 {
					t.Errorf("%d configurations: %d has position %d %d times in %d rounds, want 2", n, config, position, positions[position], 2*n)
				}
			}
		}
		for pair, times := range before {
			if n > 2 && times == 2*n {
				t.Errorf("%d configurations: %d always comes right after %d", n, pair[1], pair[0])
			}
		}
	}
}

// Two workloads of one round must not begin with the same configuration.
func TestOrderMovesOnByStep(t *testing.T) {
	if a, b := order(0, 0, 5), order(0, 1, 5); a[0] == b[0] {
		t.Errorf("steps 0 and 1 begin with %d and %d", a[0], b[0])
	}
}

func TestConfigNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Configs {
		if seen[c.Name] || c.About == "" {
			t.Errorf("%q is there twice or says nothing about itself", c.Name)
		}
		seen[c.Name] = true
	}
	for _, name := range []string{UpstreamDirectFS, UpstreamLisaFS, OursDirectFS, OursMixed, OursDirectFSExclusive, OursLisaFSExclusive} {
		if !seen[name] {
			t.Errorf("no configuration %q, which goals are about", name)
		}
	}
	if _, err := Select([]string{"nothing"}); err == nil {
		t.Error("no error for an unknown name")
	}
}

func TestCheckMount(t *testing.T) {
	line := func(options string) string { return "none /data 9p rw," + options + " 0 0" }
	tests := []struct {
		config Config
		mount  string
		ok     bool
	}{
		{Config{Kind: Ours, DirectFS: true}, line("cache=remote_revalidating,directfs"), true},
		{Config{Kind: Ours, DirectFS: true}, line("cache=remote_revalidating"), false},
		{Config{Kind: Ours}, line("cache=remote_revalidating"), true},
		{Config{Kind: Upstream}, line("cache=remote_revalidating,directfs"), false},
		{Config{Kind: Ours, Exclusive: true}, line("cache=remote_revalidating"), false},
		{Config{Kind: Ours, Exclusive: true}, line("cache=fscache"), true},
		{Config{Kind: Ours}, line("cache=fscache"), false},
		{Config{Kind: Ours}, "none /data tmpfs rw 0 0", false},
		{Config{Kind: Ours}, "", false},
		{Config{Kind: Native}, "", true},
		{Config{Kind: Runc}, "/dev/vda /data ext4 rw 0 0", true},
	}
	for _, test := range tests {
		if err := test.config.check(test.mount); (err == nil) != test.ok {
			t.Errorf("%+v with %q: %v", test.config, test.mount, err)
		}
	}
}

// What is started on one CPU stays there, and nothing else does.
func TestStartOnOneCPU(t *testing.T) {
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command("grep", "Cpus_allowed_list", "/proc/self/status")
	cmd.Stdout = &out
	if err := startOnOneCPU(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, list, _ := strings.Cut(out.String(), ":"); strings.Trim(list, "\t\n0123456789") != "" || list == "" {
		t.Errorf("it may run on %q, want one CPU", list)
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("this process may run on %v, before on %v (%v)", after, before, err)
	}
	if err := startOnOneCPU(exec.Command("/nonexistent")); err == nil {
		t.Error("no error for a command that is not there")
	}
}

// The goals of operations are about configurations that are compared on one CPU.
func TestOneCPUConfigs(t *testing.T) {
	for _, name := range []string{UpstreamDirectFS, UpstreamDirectFSExclusive, OursMixed, OursDirectFSExclusive} {
		if list, err := Select([]string{name}); err != nil || !list[0].OneCPU {
			t.Errorf("%s is not compared on one CPU", name)
		}
	}
}

// The benchmark switches isolation off in the source as it is now.
func TestSwitchOff(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "..", isolateFile))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := switchOff(source)
	if err != nil {
		t.Fatal(err)
	}
	if len(changed) != len(source)+len(isolateOff) {
		t.Errorf("%d bytes became %d", len(source), len(changed))
	}
	if _, err := switchOff([]byte("package gofer\n")); err == nil {
		t.Error("no error where there is nothing to switch off")
	}
}

func TestParseRollup(t *testing.T) {
	const text = "00400000-7fff ---p 00000000 00:00 0    [rollup]\nRss:              37888 kB\nPss:              15564 kB\nPss_Dirty:         9000 kB\n"
	pss, rss, err := parseRollup(text)
	if err != nil || pss != 15564 || rss != 37888 {
		t.Errorf("got %v, %v, %v", pss, rss, err)
	}
	for _, bad := range []string{"", "Rss: 1 kB\n", "Rss: x kB\nPss: 1 kB\n"} {
		if _, _, err := parseRollup(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestSteal(t *testing.T) {
	before, err := parseCPUTime("cpu  100 0 100 700 50 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseCPUTime("cpu  190 0 100 700 50 0 0 60 7 7\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := after.stealPercentSince(before); got != 10 {
		t.Errorf("10 of 100 ticks are %v %%", got)
	}
	if _, err := parseCPUTime("cpu 1 2 3"); err == nil {
		t.Error("no error for a short line")
	}
}

func TestProgress(t *testing.T) {
	now := time.Unix(0, 0)
	var out strings.Builder
	p := NewProgress(&out, false, func() time.Time { return now })
	p.begin(4)
	for range 4 {
		p.step("something")
		now = now.Add(20 * time.Second)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{"left: ?", "left: 1m0s", "left: 40s", "left: 20s"}
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i, w := range want {
		if !strings.HasSuffix(lines[i], w) {
			t.Errorf("line %d is %q, want %q at its end", i, lines[i], w)
		}
	}
}

// What is told to a log must not fill it.
func TestProgressIsSparse(t *testing.T) {
	now := time.Unix(0, 0)
	var out strings.Builder
	p := NewProgress(&out, false, func() time.Time { return now })
	p.begin(1000)
	for range 1000 {
		p.step("something")
		now = now.Add(100 * time.Millisecond)
	}
	if lines := strings.Count(out.String(), "\n"); lines < 5 || lines > 12 {
		t.Errorf("%d lines in 100 seconds", lines)
	}
}

// What the benchmark replaces still compiles.
func TestUnisolatedCompiles(t *testing.T) {
	module, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := builder{module: module}.overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay="+overlay, "./"+filepath.Dir(isolateFile))
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
