package inspect

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
)

// An overlay that a container of another runtime has in its own mount namespace is
// found, by the paths that it was mounted with; one in a user namespace of somebody's
// is not, whatever it says.
func TestElsewhere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	for name, flags := range map[string]uintptr{"of root": 0, "of a user": syscall.CLONE_NEWUSER} {
		dir := t.TempDir()
		for _, d := range []string{"l", "u", "w", "m"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", "-c", "mount -t overlay -o userxattr,lowerdir=l,upperdir=$PWD/u,workdir=$PWD/w x m && echo mounted && read end")
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | flags}
		if flags != 0 {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{Size: 1}}
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		m := overlaymount.Mount{Lower: []string{filepath.Join(dir, "l")}, Upper: filepath.Join(dir, "u"), Work: filepath.Join(dir, "w")}
		f := Facts(m, overlaymount.Host)
		in.Close()
		if ended := cmd.Wait(); err != nil || line != "mounted\n" {
			t.Fatalf("%s: %q, %v, %v", name, line, err, ended)
		}
		found := slices.ContainsFunc(f.Mounted, func(o overlaymount.Mounted) bool {
			return o.Upper == f.Layers[m.Upper].Identity && o.Work == f.Layers[m.Work].Identity && o.Process == cmd.Process.Pid
		})
		if found != (flags == 0) {
			t.Errorf("%s: found %t", name, found)
		}
		if f = Facts(m, overlaymount.Host); slices.ContainsFunc(f.Mounted, func(o overlaymount.Mounted) bool { return o.Upper == f.Layers[m.Upper].Identity }) {
			t.Errorf("%s: found when it was gone", name)
		}
	}
}
