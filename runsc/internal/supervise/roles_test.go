package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/internal/supervise/socket"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cmd/util"
)

// roleVariable makes the test program one of the processes under test.
const roleVariable = "SUPERVISE_TEST_ROLE"

func TestMain(m *testing.M) {
	role, kind, _ := strings.Cut(os.Getenv(roleVariable), " ")
	if role == "" {
		os.Exit(m.Run())
	}
	switch role {
	case "client":
		dyingClient()
	case "flags":
		SpeakEarly(Kind(kind))
		util.Fatalf("no such flag")
	}
	c, err := Join(Kind(kind), role == "logs")
	if err != nil || c == nil {
		os.Exit(3)
	}
	ready := c.AwaitReady()
	answer := string(ready.Data)
	switch role {
	case "files":
		for i, f := range ready.Files {
			_, _ = fmt.Fprintf(f, "file %d", i)
		}
		util.Fatalf("%d files", len(ready.Files))
	case "fatal":
		util.Fatalf("no %s: \x1b[31m%s", answer, strings.Repeat("x", 3*maxPacket))
	case "panic":
		panic("lost its way")
	case "flood":
		for range 10000 {
			util.Errorf("%s", strings.Repeat("y", maxPacket))
		}
		os.Exit(0)
	case "again":
		_ = c.KeepOverExec()
		_ = os.Setenv(roleVariable, "fatal "+kind)
		_ = unix.Exec("/proc/self/exe", os.Args, os.Environ())
	case "late", "logs":
		_, _ = os.Stdout.Write([]byte{'.'})
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test lets it go on
		panic("lost its way")
	case "unlock":
		new(sync.Mutex).Unlock()
	case "hellos":
		for c.send(socket.Hello, nil) == nil {
		}
	}
	// Until the client dies, or the test kills it. Nothing else may run any more, and
	// to wait for nothing would be a deadlock.
	for {
		time.Sleep(time.Hour)
	}
}

// start starts the test program with a role, the way the engine starts its
// processes: with files at the numbers from 3 on.
func start(t *testing.T, role string, change ...func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	for _, c := range change {
		c(cmd)
	}
	cmd.Env = []string{roleVariable + "=" + role}
	for range 20 {
		null, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, null)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}
