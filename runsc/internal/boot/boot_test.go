package boot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/internal/engine"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

func planFor(t *testing.T, directfs bool) directfspolicy.Plan {
	t.Helper()
	p, err := directfspolicy.Resolve(directfspolicy.Request{
		Container: directfspolicy.Container{Flag: directfs},
		Rootfs:    directfspolicy.Mount{Destination: "/", Backend: directfspolicy.StockGofer},
		Mounts:    []directfspolicy.Mount{{Destination: "/d", Backend: directfspolicy.StockGofer}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pipeWith returns an FD from which the data can be read once.
func pipeWith(t *testing.T, data []byte) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = w.Write(data)
		w.Close()
	}()
	fd, err := unix.Dup(int(r.Fd()))
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func bootFlags(t *testing.T, mounts, spec []byte) (f *flag.FlagSet, mountsFD, specFD int) {
	t.Helper()
	f = flag.NewFlagSet("boot", flag.ContinueOnError)
	new(Boot).SetFlags(f)
	mountsFD, specFD = -1, pipeWith(t, spec)
	if mounts != nil {
		mountsFD = pipeWith(t, mounts)
	}
	for name, fd := range map[string]int{"mounts-fd": mountsFD, "spec-fd": specFD} {
		if err := f.Set(name, strconv.Itoa(fd)); err != nil {
			t.Fatal(err)
		}
	}
	return f, mountsFD, specFD
}

func message(t *testing.T, p directfspolicy.Plan) []byte {
	t.Helper()
	b, err := engine.Wrap(p, []specs.Mount{{Destination: "/d", Source: "/x"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the engine's command reads is lowered, a second time as well.
func TestLower(t *testing.T) {
	const raw = `{"ociVersion":"1.0.0","annotations":{"a":"b","dev.gvisor.spec.rootfs.directfs":"on"}}`
	for _, raised := range []bool{false, true} {
		f, mountsFD, specFD := bootFlags(t, message(t, planFor(t, raised)), []byte(raw))
		for range 2 {
			conf := &config.Config{DirectFS: raised}
			if err := lower(f, conf); err != nil {
				t.Fatalf("raised=%t: %v", raised, err)
			}
			spec, err := readFD(specFD)
			if err != nil {
				t.Fatal(err)
			}
			var s specs.Spec
			if err := json.Unmarshal(spec, &s); err != nil || s.Annotations["a"] != "b" || s.Annotations["dev.gvisor.spec.rootfs.directfs"] == "on" {
				t.Errorf("raised=%t: the engine reads %s, %v", raised, spec, err)
			}
			if raised {
				break // the engine executes a raised one again only in a user namespace
			}
		}
		list, err := readFD(mountsFD)
		var mounts []specs.Mount
		if err == nil {
			err = json.Unmarshal(list, &mounts)
		}
		if err != nil || len(mounts) != 1 || mounts[0].Destination != "/d" {
			t.Errorf("raised=%t: the engine reads the mounts %s, %v", raised, list, err)
		}
	}
}

// A sandbox process does not start with other privileges than its Plan's, and
// not without a Plan.
func TestLowerRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		mounts []byte
		raised bool
		words  string
	}{
		"raised by mistake":     {message(t, planFor(t, false)), true, "plan wants raised=false"},
		"not raised by mistake": {message(t, planFor(t, true)), false, "plan wants raised=true"},
		"no plan":               {[]byte(`[]`), true, "without a plan"},
		"nothing":               {[]byte{}, false, "gofer"},
		"not JSON":              {[]byte(`x`), false, "reading plan and mounts"},
	} {
		f, _, _ := bootFlags(t, c.mounts, []byte(`{}`))
		if err := lower(f, &config.Config{DirectFS: c.raised}); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
	f, _, _ := bootFlags(t, nil, []byte(`null`))
	if err := lower(f, &config.Config{}); err == nil {
		t.Error("a spec that is null is lowered")
	}
}

// The step before comes when somebody reads, and before there is any data.
func TestFeedWhenRead(t *testing.T) {
	fd := pipeWith(t, nil)
	called := make(chan struct{})
	if err := feedWhenRead(fd, []byte(`["data"]`), func() error { close(called); return nil }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-called:
		t.Error("called before anybody read")
	default:
	}
	got, err := readFD(fd)
	if err != nil || string(bytes.TrimSpace(got)) != `["data"]` {
		t.Errorf("read %q, %v", got, err)
	}
	<-called
}

func TestReplaceFD(t *testing.T) {
	fd := pipeWith(t, []byte("old"))
	if err := replaceFD(fd, "test", []byte("new")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := readFD(fd); err != nil || string(got) != "new" {
			t.Errorf("read %q, %v", got, err)
		}
	}
	// It stays open when the process executes itself again.
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
		t.Errorf("FD flags %#x, %v", flags, err)
	}
	if _, err := readFD(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("%v", err)
	}
}

func TestFDFlag(t *testing.T) {
	f := flag.NewFlagSet("boot", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	if _, err := fdFlag(f, "spec-fd"); err == nil || !strings.Contains(err.Error(), "--spec-fd") {
		t.Errorf("%v", err)
	}
	f.String("spec-fd", "x", "")
	if _, err := fdFlag(f, "spec-fd"); err == nil {
		t.Error("x is an FD")
	}
}

func TestMakesSentry(t *testing.T) {
	for line, want := range map[string]bool{
		"--apply-caps=true --setup-root":                        true,  // raised
		"--setup-root":                                          false, // becomes nobody first
		"--setup-root=false":                                    true,
		"--apply-caps=true --setup-root --sync-userns-fd=3":     false, // rootless
		"--apply-caps=false --setup-root=false":                 true,
		"--setup-root=false --sync-userns-fd=3":                 false,
		"--apply-caps=true --setup-root --proc-mount-sync-fd=3": true,
	} {
		f := flag.NewFlagSet("boot", flag.ContinueOnError)
		new(Boot).SetFlags(f)
		if err := f.Parse(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		if got := makesSentry(f); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
}
