package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/statedir"
	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/config"
)

// member is the plan of a container that joins a sandbox and writes to a
// directory of the host.
func member(t *testing.T, cache directfspolicy.Cache) directfspolicy.Plan {
	t.Helper()
	m := directfspolicy.Mount{Destination: "/d", Sources: []directfspolicy.Source{{Path: "/s"}}, Backend: directfspolicy.StockGofer}
	if cache == directfspolicy.CacheExclusive {
		hint, err := directfspolicy.ParseHint(directfspolicy.CacheKnob, "test", "exclusive", "/d")
		if err != nil {
			t.Fatal(err)
		}
		m.Hints = []directfspolicy.Hint{hint}
	}
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: true, Scope: directfspolicy.PodMember}, Mounts: []directfspolicy.Mount{m},
		Rootfs: directfspolicy.Mount{Destination: "/", Backend: directfspolicy.StockGofer},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// saveMember writes the files of a created container.
func saveMember(t *testing.T, root, id string, plan directfspolicy.Plan) {
	t.Helper()
	saveMemberOf(t, root, "pod", id, plan)
}

func saveMemberOf(t *testing.T, root, pod, id string, plan directfspolicy.Plan) {
	t.Helper()
	now := time.Now()
	write := func(suffix string, v any) {
		data, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(root, id+"_sandbox:"+pod+suffix), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(".plan", map[string]any{"createdAt": now, "plan": plan})
	write(".state", map[string]any{
		"id": id, "createdAt": now, "spec": &specs.Spec{}, "status": "created", "sandbox": map[string]any{"id": pod, "pid": os.Getpid()},
		"saver": map[string]any{"rootDir": root, "id": statedir.ID{SandboxID: pod, ContainerID: id}},
	})
}

// Two containers that do not go together are created at the same time. The
// second one must see the first.
func TestLockPod(t *testing.T) {
	conf := &config.Config{RootDir: t.TempDir()}
	saveMember(t, conf.RootDir, "pod", directfspolicy.Plan{})
	first, second := member(t, directfspolicy.CacheExclusive), member(t, directfspolicy.CacheShared)
	unlock, err := lockPod(conf, statedir.ID{SandboxID: "pod", ContainerID: "a"}, first)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		unlock, err := lockPod(conf, statedir.ID{SandboxID: "pod", ContainerID: "b"}, second)
		if err == nil {
			unlock()
		}
		result <- err
	}()
	waitForWaiter(t, filepath.Join(conf.RootDir, "pod_sandbox:pod.state"), result)
	saveMember(t, conf.RootDir, "a", first)
	unlock()
	var sharing *directfspolicy.SharingError
	if err := <-result; !errors.As(err, &sharing) || sharing.Container != "a" {
		t.Errorf("a container that does not go together with another was let in: %v", err)
	}
}

// Containers whose mounts are cached for sharing do not wait for each other.
func TestLockPodIsShared(t *testing.T) {
	conf := &config.Config{RootDir: t.TempDir()}
	saveMember(t, conf.RootDir, "pod", directfspolicy.Plan{})
	p := member(t, directfspolicy.CacheShared)
	for _, id := range []string{"a", "b"} {
		unlock, err := lockPod(conf, statedir.ID{SandboxID: "pod", ContainerID: id}, p)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
	}
}

// waitForWaiter waits until somebody waits for a lock on the file (proc(5),
// /proc/locks), or has a result without.
func waitForWaiter(t *testing.T, file string, result chan error) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	inode := fmt.Sprintf(":%d ", st.Ino)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		select {
		case err := <-result:
			t.Fatalf("nobody waited for the container that was being created: %v", err)
		default:
		}
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "-> FLOCK") && strings.Contains(line, inode) {
				return
			}
		}
	}
	t.Fatal("nobody waits for the lock")
}

// A failed command's record in the error log has what its processes said, in
// one record: clients show the last one.
func TestErrorsOfProcesses(t *testing.T) {
	var log bytes.Buffer
	own := util.ErrorLogger
	util.ErrorLogger = &log
	defer func() { util.ErrorLogger = own }()
	code, _, failed := watchErrors(func() subcommands.ExitStatus { return util.Errorf("creating container: EOF") })
	if log.Len() > 0 {
		t.Errorf("logged before the reasons are known: %s", &log)
	}
	failed([]string{"gofer process: no such file"})
	var record struct{ Msg, Level string }
	if err := json.Unmarshal(log.Bytes(), &record); err != nil {
		t.Fatalf("%v: %s", err, &log)
	}
	if code != subcommands.ExitFailure || record.Level != "error" || record.Msg != "creating container: EOF; gofer process: no such file" {
		t.Errorf("%v, %+v", code, record)
	}
	log.Reset()
	if code, _, _ := watchErrors(func() subcommands.ExitStatus { return subcommands.ExitSuccess }); code != subcommands.ExitSuccess || log.Len() > 0 {
		t.Errorf("%v, %s", code, &log)
	}
}

func TestDoNetwork(t *testing.T) {
	route := hasDefaultRoute()
	for _, c := range []struct {
		network         config.NetworkType
		rootless        bool
		host, ownMounts bool
	}{
		{config.NetworkNone, false, false, false},
		{config.NetworkNone, true, false, false},
		{config.NetworkSandbox, true, true, false},
		{config.NetworkHost, true, true, false},
		{config.NetworkHost, false, true, route},
		{config.NetworkSandbox, false, !route, route},
	} {
		host, own := doNetwork(&config.Config{Network: c.network, Rootless: c.rootless})
		if host != c.host || own != c.ownMounts {
			t.Errorf("--network=%v, rootless=%t: host network %t, mounts of its own %t, want %t, %t", c.network, c.rootless, host, own, c.host, c.ownMounts)
		}
	}
}

func TestVolumeHints(t *testing.T) {
	v := volumeHints{}
	for _, s := range []string{"/a=on", "/b/=off,/c=default", "/a=on"} {
		if err := v.Set(s); err != nil {
			t.Error(err)
		}
	}
	if got := v.String(); got != "/a=on,/b=off,/c=default" {
		t.Errorf("%q", got)
	}
	for _, s := range []string{"", "/a", "=on", "/a=off", "/d=on,/d=off"} {
		if err := v.Set(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestGoferOf(t *testing.T) {
	if _, _, err := goferOf(os.Getpid()); err == nil {
		t.Error("the test program has a bundle")
	}
	if _, _, err := goferOf(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a process that does not exist: %v", err)
	}
}
